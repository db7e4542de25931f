/* SPDX-License-Identifier: MIT */
/* See options.h. */
#include "options.h"

#include "data.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complain(const char *format, va_list arguments)
{
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
}

void options_refuse(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    fprintf(stderr, "Try %s --help.\n", program_invocation_short_name);
    exit(OPTIONS_EXIT_USAGE);
}

void options_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    exit(EXIT_FAILURE);
}

uint64_t options_number(const char *option, const char *text, uint64_t max)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < 1 || value > max)
        options_refuse("%s must be a number from 1 to %llu, not '%s'", option, (unsigned long long)max, text);
    return value;
}

char *options_data_file(const char *dir, unsigned mib, void (*progress)(double done, void *user_data),
                        void *user_data)
{
    char *path = NULL, name[64];
    snprintf(name, sizeof(name), "auraio-bench-%uM.data", mib);
    int r = data_file_prepare(dir, name, (uint64_t)mib << 20, progress, user_data, &path);
    if (r == -EOPNOTSUPP)
        options_fail("%s is in memory (tmpfs): choose a directory on a disk with --dir", dir);
    if (r < 0)
        options_fail("can't make the data file of %u MiB in %s: %s", mib, dir, strerror(-r));
    return path;
}
