/* curve_text.c - a measured device from text: one line a depth, "depth IOPS p99_us". */
#include <auraio/adapt_sim.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "curve.h"
#include "text.h"

#define STEADY_COMPLETIONS 400000.0
#define NS_MAX INT64_C(60000000000)

static int read_knot(sim_text_t *text, auraio_sim_model_t *model, auraio_sim_syntax_t *ret_where)
{
    int64_t depth;
    double ops, p99_us;
    int previous = model->knot_count > 0 ? model->knots[model->knot_count - 1].depth : 0;
    if (model->knot_count == AURAIO_SIM_KNOTS)
        return sim_text_wrong(text, "more than 64 lines: leave some depths out", ret_where);
    if (!sim_text_integer(text, 1, 16384, &depth))
        return sim_text_wrong(text, "the first word must be a depth, 1 to 16384", ret_where);
    if (depth <= previous)
        return sim_text_wrong(text, "depths must grow from line to line", ret_where);
    if (!sim_text_number(text, &ops) || ops < 0.001 || ops > 1e8)
        return sim_text_wrong(text, "the second word must be operations a second, 0.001 to 1e8", ret_where);
    if (!sim_text_number(text, &p99_us) || p99_us * 1e3 < 1 || p99_us * 1e3 > (double)NS_MAX)
        return sim_text_wrong(text, "the third word must be the p99 in us, 0.001 to 6e7", ret_where);
    if (!sim_text_line_over(text))
        return sim_text_wrong(text, "three words are all of a line", ret_where);
    model->knots[model->knot_count++] = (auraio_sim_knot_t){(int)depth, ops, (int64_t)(p99_us * 1e3)};
    return 0;
}

void sim_curve_model_complete(auraio_sim_model_t *model)
{
    const auraio_sim_knot_t *last = &model->knots[model->knot_count - 1];
    int64_t duration_ns = (int64_t)(STEADY_COMPLETIONS * 1e9 / last->throughput_ops);
    model->station = AURAIO_SIM_CURVE;
    model->segments[0].small_bytes = 4096;
    model->segment_count = 1;
    model->max_limit = last->depth < 256 ? 1024 : last->depth <= 4096 ? 4 * last->depth : 16384;
    model->duration_ns = duration_ns < 2 * INT64_C(1000000000)     ? 2 * INT64_C(1000000000)
                         : duration_ns > 600 * INT64_C(1000000000) ? 600 * INT64_C(1000000000)
                                                                   : duration_ns;
}

int auraio_sim_curve_parse(const char *text, size_t length, auraio_sim_model_t *ret_model,
                           auraio_sim_syntax_t *ret_where)
{
    if (!text || !ret_model)
        return -EINVAL;
    sim_text_t cursor;
    sim_text_init(&cursor, text, length);
    auraio_sim_model_t model = {.name = "curve", .summary = "a measured curve"};
    while (sim_text_next_line(&cursor)) {
        int error = read_knot(&cursor, &model, ret_where);
        if (error)
            return error;
    }
    if (model.knot_count == 0)
        return sim_text_wrong(&cursor, "no line: a curve has one for each depth measured", ret_where);
    sim_curve_model_complete(&model);
    *ret_model = model;
    return 0;
}
