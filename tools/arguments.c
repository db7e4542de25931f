/* arguments.c - see arguments.h. */
#include "arguments.h"

#include <inttypes.h>
#include <stdio.h>

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
