/* arguments.h - values of command-line options: read, or refused with a sentence on stderr that
 * names command, option and value. Each returns 0, or -1 after that, `ret_...` untouched. */
#ifndef TOOLS_ARGUMENTS_H
#define TOOLS_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

/* Says that `value` of `option` is not what is `wanted`. Returns -1. */
int arguments_wrong(const char *command, const char *option, const char *value, const char *wanted);

int arguments_int(const char *command, const char *option, const char *value, int64_t min, int64_t max,
                  int *ret_value);
int arguments_time(const char *command, const char *option, const char *value, int64_t *ret_ns);

/* auto (leaves `ret_color` as it is), always or never. */
int arguments_color(const char *command, const char *value, bool *ret_color);

/* Whether output is for a terminal that wants colours: see https://no-color.org. */
bool arguments_terminal_color(void);

#endif
