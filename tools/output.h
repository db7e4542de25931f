/* output.h - the files that commands write for other programs: "-" is standard output. */
#ifndef TOOLS_OUTPUT_H
#define TOOLS_OUTPUT_H

#include <stdio.h>

/* To be closed with output_close(). NULL after saying why not. */
FILE *output_open(const char *command, const char *path);

/* 0, or -1 after saying that not everything was written. */
int output_close(const char *command, FILE *file, const char *path);

/* Before long work is done for it: whether output_open() will succeed, and not overwrite `input`, a file that
 * is read. NULL `path`: no output. Makes the file when it is not there. 0, or -1 after saying why not. */
int output_check(const char *command, const char *path, const char *input);

/* `text` as a JSON string, quotes included. Bytes that are not UTF-8 become U+FFFD: a path may hold any. */
void output_json_string(FILE *file, const char *text);

#endif
