/* SPDX-License-Identifier: MIT */
/*
 * Metrics as text, in Prometheus' exposition format 0.0.4. Names follow OpenTelemetry's rules for that: dots
 * become underscores, then comes the unit, then "_total" for counters.
 *
 * Numbers are written as integers and nine decimals, never by printf's %g: an application's locale would put
 * its decimal comma there. Label values are the library's own words, digits and points: none needs escaping.
 */
#include "metrics.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { NAME_BYTES = 64, NUMBER_BYTES = 40 };

/* What fits is in buf, always ended by a zero; length is what there was to write. */
struct text {
    char *buf;
    size_t size, length;
    const char *family; /* whose head was written */
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    bool fits = text->length < text->size;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(fits ? text->buf + text->length : NULL, fits ? text->size - text->length : 0,
                           format, arguments);
    va_end(arguments);
    assert(length >= 0);
    text->length += (size_t)length;
}

static void name_of(const auraio_metric_t *metric, char name[NAME_BYTES])
{
    const char *unit = strcmp(metric->unit, "s") == 0    ? "_seconds"
                       : strcmp(metric->unit, "By") == 0 ? "_bytes"
                                                         : "";
    int length = snprintf(name, NAME_BYTES, "%s%s%s", metric->name, unit,
                          metric->kind == AURAIO_METRIC_COUNTER ? "_total" : "");
    assert(length < NAME_BYTES);
    (void)length;
    for (char *dot = strchr(name, '.'); dot; dot = strchr(dot, '.'))
        *dot = '_';
}

static void number_of(double value, char number[NUMBER_BYTES])
{
    assert(value >= 0 && value < 9e18);
    long long whole = (long long)value, billionths = llround((value - (double)whole) * 1e9);
    if (billionths == 1000000000) {
        whole++;
        billionths = 0;
    }
    int length = snprintf(number, NUMBER_BYTES, "%lld.%09lld", whole, billionths);
    while (number[length - 1] == '0')
        number[--length] = '\0';
    if (number[length - 1] == '.')
        number[length - 1] = '\0';
}

/* A line, with one more label when @key is not NULL. */
static void put_sample(struct text *text, const auraio_metric_t *metric, const char *suffix, const char *key,
                       const char *extra, double value)
{
    char name[NAME_BYTES], number[NUMBER_BYTES];
    const char *before = "{";
    name_of(metric, name);
    number_of(value, number);
    put(text, "%s%s", name, suffix);
    for (int i = 0; i < metric->label_count; i++, before = ",")
        put(text, "%s%s=\"%s\"", before, metric->labels[i].key, metric->labels[i].value);
    if (key)
        put(text, "%s%s=\"%s\"", before, key, extra);
    put(text, "%s %s\n", metric->label_count > 0 || key ? "}" : "", number);
}

static void put_histogram(struct text *text, const auraio_metric_t *metric)
{
    const auraio_metric_histogram_t *histogram = metric->histogram;
    uint64_t cumulated = 0;
    for (int i = 0; i <= histogram->bound_count; i++) {
        char bound[NUMBER_BYTES] = "+Inf";
        if (i < histogram->bound_count)
            number_of(histogram->bounds[i], bound);
        cumulated += histogram->counts[i];
        put_sample(text, metric, "_bucket", "le", bound, (double)cumulated);
    }
    put_sample(text, metric, "_sum", NULL, NULL, histogram->sum);
    put_sample(text, metric, "_count", NULL, NULL, (double)histogram->count);
}

static bool put_metric(const auraio_metric_t *metric, void *user_data)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    struct text *text = user_data;
    if (text->family != metric->name) {
        char name[NAME_BYTES];
        name_of(metric, name);
        put(text, "# HELP %s %s\n# TYPE %s %s\n", name, metric->description, name, types[metric->kind]);
        text->family = metric->name;
    }
    if (metric->kind == AURAIO_METRIC_HISTOGRAM)
        put_histogram(text, metric);
    else
        put_sample(text, metric, "", NULL, NULL, metric->value);
    return true;
}

int auraio_format_metrics(const auraio_engine_t *engine, char *buf, size_t size)
{
    if (engine_check(engine) < 0)
        return -1;
    if (!buf && size > 0)
        return error_int(EINVAL, "buf is NULL and size %lld: pass 0 to ask for the length", (long long)size,
                         0);
    struct text text = {.buf = buf, .size = size};
    (void)metrics_visit(engine, put_metric, &text);
    if (text.length > INT_MAX)
        return error_int(EOVERFLOW, "the text has %lld bytes, more than an int can tell",
                         (long long)text.length, 0);
    return (int)text.length;
}
