/* gnuplot.h - SVG charts: gnuplot draws them, from commands and data on its standard input. */
#ifndef TOOLS_GNUPLOT_H
#define TOOLS_GNUPLOT_H

#include <stdio.h>

/* Writes commands and data for gnuplot. */
typedef void (*gnuplot_script_t)(FILE *gnuplot, void *argument);

/* Have gnuplot draw what `script` says into an SVG of that size at `path`. 0, or -1 after saying what is
 * wrong
 * ("auraio COMMAND: ..."). */
int gnuplot_svg(const char *command, const char *path, int width, int height, gnuplot_script_t script,
                void *argument);

/* Before long work is done for a chart: whether gnuplot can be run. 0, or -1 after saying that it can't. */
int gnuplot_check(const char *command);

/* Text in single quotes, as gnuplot reads it. */
void gnuplot_quoted(FILE *gnuplot, const char *text);

#endif
