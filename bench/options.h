/* SPDX-License-Identifier: MIT */
/* Command lines: refusing them in words, and numbers in a range. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdint.h>

enum { OPTIONS_EXIT_USAGE = 2, OPTIONS_DATA_MIB = 256 };

/* Say what is wrong with the command line and exit with OPTIONS_EXIT_USAGE. */
_Noreturn __attribute__((format(printf, 1, 2))) void options_refuse(const char *format, ...);

/* A number from 1 to max, or options_refuse. */
uint64_t options_number(const char *option, const char *text, uint64_t max);

/* Say what went wrong and exit with 1. */
_Noreturn __attribute__((format(printf, 1, 2))) void options_fail(const char *format, ...);

/*
 * The data file of that size in dir, made when it is missing: allocated. Exits with a
 * message when it can't be made.
 */
char *options_data_file(const char *dir, unsigned mib, void (*progress)(double done, void *user_data),
                        void *user_data);

#endif
