/* output.h - the files that commands write for other programs: "-" is standard output. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdio.h>

/* To be closed with output_close(). NULL after saying why not. */
FILE *output_open(const char *command, const char *path);

/* 0, or -1 after saying that not everything was written. */
int output_close(const char *command, FILE *file, const char *path);

/* `text` as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD: a path may hold any. */
void output_json_string(FILE *file, const char *text);

#endif
