/* units.c - see units.h. */
#include "units.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HOUR_NS 3.6e12

typedef struct unit {
    const char *name;
    double factor;
} unit_t;

/* A number and one of the units behind it, in the least of them. False: it isn't that. */
static bool parse_scaled(const char *text, const unit_t *units, size_t count, double *ret_value)
{
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || errno != 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (strcasecmp(end, units[i].name) != 0)
            continue;
        *ret_value = value * units[i].factor;
        return true;
    }
    return false;
}

bool units_parse_time(const char *text, int64_t *ret_ns)
{
    static const unit_t units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    double ns;
    if (!parse_scaled(text, units, sizeof(units) / sizeof(units[0]), &ns))
        return false;
    if (!(ns >= 1 && ns <= HOUR_NS)) /* also NaN */
        return false;
    *ret_ns = (int64_t)ns;
    return true;
}

bool units_parse_size(const char *text, int64_t *ret_bytes)
{
    static const unit_t units[] = {{"", 1},       {"b", 1},        {"k", 0x1p10}, {"kib", 0x1p10},
                                   {"m", 0x1p20}, {"mib", 0x1p20}, {"g", 0x1p30}, {"gib", 0x1p30}};
    double bytes;
    if (!parse_scaled(text, units, sizeof(units) / sizeof(units[0]), &bytes))
        return false;
    if (!(bytes >= 1 && bytes <= 0x1p40) || bytes != (double)(int64_t)bytes) /* also NaN */
        return false;
    *ret_bytes = (int64_t)bytes;
    return true;
}

bool units_parse_number(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
        return false;
    *ret_value = value;
    return true;
}

/* `value` in the largest unit it has at least one of. */
static const char *scaled(char text[UNITS_TEXT], double value, const unit_t *units, int count)
{
    int i = count - 1;
    while (i > 0 && value < units[i].factor * 0.9995)
        i--;
    double number = value / units[i].factor;
    int digits = units[i].factor <= 1 || number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2;
    snprintf(text, UNITS_TEXT, "%.*f%s", digits, number, units[i].name);
    return text;
}

const char *units_time(char text[UNITS_TEXT], int64_t ns)
{
    static const unit_t units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    if (ns < 0)
        return "-";
    return scaled(text, (double)ns, units, 4);
}

const char *units_size(char text[UNITS_TEXT], double bytes)
{
    static const unit_t units[] = {
        {" B", 1}, {" KiB", 0x1p10}, {" MiB", 0x1p20}, {" GiB", 0x1p30}, {" TiB", 0x1p40}};
    return scaled(text, bytes, units, 5);
}

const char *units_count(char text[UNITS_TEXT], double count)
{
    static const unit_t units[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}};
    return scaled(text, count, units, 4);
}
