/* units.h - numbers as people write and read them: 250us, 1.5M/s, 98 %. */
#ifndef TOOLS_UNITS_H
#define TOOLS_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#define UNITS_TEXT 32 /* room for any of the texts below */

/* "250us", "4ms", "1.5s", "800ns" into nanoseconds. False: it is not a time over 0 and up to an
 * hour; `ret_ns` is untouched. */
bool units_parse_time(const char *text, int64_t *ret_ns);

/* "4k", "128KiB", "1m", "512" into bytes; k, m and g are powers of 1024. False: it is not a whole number of
 * bytes from 1 to 2^40; `ret_bytes` is untouched. */
bool units_parse_size(const char *text, int64_t *ret_bytes);

/* A whole number from `min` to `max`. False: it is not; `ret_value` is untouched. */
bool units_parse_number(const char *text, int64_t min, int64_t max, int64_t *ret_value);

/* Into `text`, with three significant digits: 247us, 3.50ms. "-" for a negative time. */
const char *units_time(char text[UNITS_TEXT], int64_t ns);

/* Into `text`: 512 B, 4.00 KiB, 256 MiB. */
const char *units_size(char text[UNITS_TEXT], double bytes);

/* Into `text`: 412k, 1.53M. */
const char *units_count(char text[UNITS_TEXT], double count);

#endif
