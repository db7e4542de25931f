/* trace_text.c - traces as text.
 *
 *     auraio-trace 1
 *     reap NOW_NS IN_FLIGHT COUNT [late]          one reap: in flight after its COUNT completions,
 *     done LATENCY_NS SIZE_BYTES KIND [bound]     which follow; KIND is read, write or other
 *
 * Times of reaps never fall. '#' begins a comment. Text, because a trace is worth looking at, and
 * compresses well.
 */
#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

#define COUNT_MAX 65536
#define IN_FLIGHT_MAX (1 << 20)
#define LINE_MAX_BYTES 96

static const char *const kinds[] = {"read", "write", "other"};

/* ---- writing ----------------------------------------------------------------------------------
 */

static int write_reap(const sim_reap_t *reap, const auraio_adapt_sample_t *samples,
                      int (*write)(void *argument, const char *bytes, size_t length), void *argument)
{
    char line[LINE_MAX_BYTES];
    const char *late = reap->flags & AURAIO_ADAPT_LATE ? " late" : "";
    int length = snprintf(line, sizeof(line), "reap %" PRId64 " %d %d%s\n", reap->now_ns, reap->in_flight,
                          reap->count, late);
    int error = write(argument, line, (size_t)length);
    for (int i = 0; i < reap->count && !error; i++) {
        const auraio_adapt_sample_t *sample = &samples[i];
        const char *bound = sample->flags & AURAIO_ADAPT_BOUND ? " bound" : "";
        length = snprintf(line, sizeof(line), "done %" PRId64 " %" PRIu32 " %s%s\n", sample->latency_ns,
                          sample->size_bytes, kinds[sample->kind], bound);
        error = write(argument, line, (size_t)length);
    }
    return error;
}

int auraio_sim_trace_write(const auraio_sim_trace_t *trace,
                           int (*write)(void *argument, const char *bytes, size_t length), void *argument)
{
    static const char header[] = "auraio-trace 1\n";
    if (!trace || !write)
        return -EINVAL;
    int error = write(argument, header, sizeof(header) - 1);
    const auraio_adapt_sample_t *samples = trace->samples;
    for (size_t i = 0; i < trace->reap_count && !error; i++) {
        error = write_reap(&trace->reaps[i], samples, write, argument);
        samples += trace->reaps[i].count;
    }
    return error;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static int read_sample(sim_text_t *text, auraio_adapt_sample_t *ret_sample, auraio_sim_syntax_t *ret_where)
{
    int64_t latency_ns, size_bytes;
    if (!sim_text_next_line(text) || !sim_text_word(text, "done"))
        return sim_text_wrong(text, "the reap announces another `done` line", ret_where);
    if (!sim_text_integer(text, 0, INT64_MAX / 2, &latency_ns))
        return sim_text_wrong(text, "`done` needs a latency in ns, from 0", ret_where);
    if (!sim_text_integer(text, 0, UINT32_MAX, &size_bytes))
        return sim_text_wrong(text, "`done` needs a size in bytes, 0 to 4294967295", ret_where);
    int kind = 0;
    while (kind < 3 && !sim_text_word(text, kinds[kind]))
        kind++;
    if (kind == 3)
        return sim_text_wrong(text, "`done` needs a kind: read, write or other", ret_where);
    bool bound = sim_text_word(text, "bound");
    if (!sim_text_line_over(text))
        return sim_text_wrong(text, "after the kind, `bound` is all that may come", ret_where);
    *ret_sample = (auraio_adapt_sample_t){
        .latency_ns = latency_ns,
        .size_bytes = (uint32_t)size_bytes,
        .kind = (uint8_t)kind,
        .flags = bound ? AURAIO_ADAPT_BOUND : 0,
    };
    return 0;
}

static int read_reap(sim_text_t *text, int64_t previous_ns, sim_reap_t *ret_reap,
                     auraio_sim_syntax_t *ret_where)
{
    int64_t now_ns, in_flight, count;
    if (!sim_text_word(text, "reap"))
        return sim_text_wrong(text, "a `reap` line was expected", ret_where);
    if (!sim_text_integer(text, 0, INT64_MAX / 2, &now_ns))
        return sim_text_wrong(text, "`reap` needs a time in ns, from 0", ret_where);
    if (now_ns < previous_ns)
        return sim_text_wrong(text, "the time is before that of the reap above", ret_where);
    if (!sim_text_integer(text, 0, IN_FLIGHT_MAX, &in_flight))
        return sim_text_wrong(text, "`reap` needs the operations in flight, 0 to 1048576", ret_where);
    if (!sim_text_integer(text, 1, COUNT_MAX, &count))
        return sim_text_wrong(text, "`reap` needs a number of completions, 1 to 65536", ret_where);
    bool late = sim_text_word(text, "late");
    if (!sim_text_line_over(text))
        return sim_text_wrong(text, "after the count, `late` is all that may come", ret_where);
    *ret_reap = (sim_reap_t){
        .now_ns = now_ns,
        .in_flight = (int)in_flight,
        .count = (int)count,
        .flags = late ? AURAIO_ADAPT_LATE : 0,
    };
    return 0;
}

/* All that follows the header. `samples` has room for COUNT_MAX. */
static int read_reaps(sim_text_t *text, auraio_sim_trace_t *trace, auraio_adapt_sample_t *samples,
                      auraio_sim_syntax_t *ret_where)
{
    sim_reap_t reap = {0};
    while (sim_text_next_line(text)) {
        int error = read_reap(text, reap.now_ns, &reap, ret_where);
        for (int i = 0; i < reap.count && !error; i++)
            error = read_sample(text, &samples[i], ret_where);
        auraio_adapt_batch_t batch = {
            .now_ns = reap.now_ns,
            .in_flight = reap.in_flight,
            .count = reap.count,
            .flags = reap.flags,
            .samples = samples,
        };
        if (!error)
            error = sim_trace_append(trace, &batch);
        if (error)
            return error;
    }
    return 0;
}

int auraio_sim_trace_parse(const char *text, size_t length, auraio_sim_trace_t **ret_trace,
                           auraio_sim_syntax_t *ret_where)
{
    if (!text || !ret_trace)
        return -EINVAL;
    sim_text_t cursor;
    sim_text_init(&cursor, text, length);
    int64_t version;
    if (!sim_text_next_line(&cursor) || !sim_text_word(&cursor, "auraio-trace") ||
        !sim_text_integer(&cursor, 1, 1, &version) || !sim_text_line_over(&cursor))
        return sim_text_wrong(&cursor, "a trace begins with the line `auraio-trace 1`", ret_where);
    auraio_sim_trace_t *trace = NULL;
    auraio_adapt_sample_t *samples = malloc(COUNT_MAX * sizeof(*samples));
    int error = samples ? auraio_sim_trace_create(&trace) : -ENOMEM;
    if (!error)
        error = read_reaps(&cursor, trace, samples, ret_where);
    free(samples);
    if (error) {
        auraio_sim_trace_destroy(trace);
        return error;
    }
    *ret_trace = trace;
    return 0;
}
