/* arguments.c - see arguments.h. */
#include "arguments.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "units.h"

int arguments_wrong(const char *command, const char *option, const char *value, const char *wanted)
{
    fprintf(stderr, "auraio %s: %s '%s': %s\n", command, option, value, wanted);
    return -1;
}

int arguments_int(const char *command, const char *option, const char *value, int64_t min, int64_t max,
                  int *ret_value)
{
    int64_t number;
    if (!units_parse_number(value, min, max, &number)) {
        fprintf(stderr, "auraio %s: %s '%s': give a whole number from %" PRId64 " to %" PRId64 "\n", command,
                option, value, min, max);
        return -1;
    }
    *ret_value = (int)number;
    return 0;
}

int arguments_time(const char *command, const char *option, const char *value, int64_t *ret_ns)
{
    if (units_parse_time(value, ret_ns))
        return 0;
    return arguments_wrong(command, option, value,
                           "give a time with its unit, such as 200us, 4ms or 10s (up to 1 hour)");
}

int arguments_color(const char *command, const char *value, bool *ret_color)
{
    if (strcmp(value, "always") == 0)
        *ret_color = true;
    else if (strcmp(value, "never") == 0)
        *ret_color = false;
    else if (strcmp(value, "auto") != 0)
        return arguments_wrong(command, "--color", value, "give auto, always or never");
    return 0;
}

bool arguments_terminal_color(void)
{
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
}
