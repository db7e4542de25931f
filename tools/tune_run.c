/* tune_run.c - the order of turns. A third of the time sweeps the fixed depths. Then the adaptive engine runs
 * alone for a while, from its start: that is its way to the limit. What is left goes to rounds in which it
 * and the best depths take turns of equal length, each round beginning with the next of them, so that what
 * the device does meanwhile (a neighbour, a cache that fills) meets all of them. */
#include "command.h"
#include "tune.h"

#include "progress.h"

#define SWEEP_SHARE 0.35
#define FIRST_SHARE 0.2

static void show(const tune_options_t *options, const char *label, int done, int count)
{
    if (options->progress)
        progress_draw(label, done, count);
}

/* One turn of an engine of that depth, made for it. */
static int run_fixed(tune_result_t *result, int depth, int64_t duration_ns, tune_figures_t *into)
{
    tune_load_t *load;
    int error = tune_load_create(result->options, result->subject, &result->buffers, depth, &load);
    if (error)
        return error;
    error = tune_load_run(load, duration_ns, into);
    result->backend = tune_load_backend(load);
    tune_load_destroy(load);
    return error;
}

static int sweep(tune_result_t *result)
{
    int64_t turn_ns = (int64_t)((double)result->options->runtime_ns * SWEEP_SHARE) / result->row_count;
    for (int i = 0; i < result->row_count && !tune_stop_signal(); i++) {
        tune_row_t *row = &result->rows[i];
        show(result->options, "sweep", i, result->row_count);
        if (run_fixed(result, row->depth, turn_ns, &row->sweep))
            return -1;
        /* One that a signal has cut short would be compared with whole ones. */
        result->swept += !tune_stop_signal();
    }
    return 0;
}

/* Turn `turn` of round `round`; 0 is the adaptive engine's. */
static int run_turn(tune_result_t *result, int round, int turn, int64_t turn_ns)
{
    tune_row_t *row = turn > 0 ? &result->rows[result->candidates[turn - 1]] : NULL;
    tune_figures_t figures = {0};
    int error = row ? run_fixed(result, row->depth, turn_ns, &figures)
                    : tune_load_run(result->adaptive, turn_ns, &figures);
    if (error || tune_stop_signal())
        return error;
    *(row ? &row->rates[round] : &result->rates[round]) = tune_rate(&figures);
    tune_figures_add(row ? &row->rounds : &result->steady, &figures);
    return 0;
}

static int run_rounds(tune_result_t *result)
{
    int turns = result->candidate_count + 1;
    double share = 1 - SWEEP_SHARE - FIRST_SHARE;
    int64_t turn_ns = (int64_t)((double)result->options->runtime_ns * share) / (TUNE_ROUNDS * turns);
    for (int round = 0; round < TUNE_ROUNDS; round++) {
        for (int i = 0; i < turns; i++) {
            show(result->options, "rounds", 1 + round * turns + i, 1 + TUNE_ROUNDS * turns);
            if (run_turn(result, round, (round + i) % turns, turn_ns))
                return -1;
            if (tune_stop_signal())
                return 0;
        }
        result->rounds++;
    }
    return 0;
}

static int adapt(tune_result_t *result)
{
    int64_t first_ns = (int64_t)((double)result->options->runtime_ns * FIRST_SHARE);
    show(result->options, "adaptive", 0, 1);
    if (tune_load_create(result->options, result->subject, &result->buffers, 0, &result->adaptive))
        return -1;
    if (tune_load_run(result->adaptive, first_ns, &result->first))
        return -1;
    if (tune_stop_signal())
        return 0;
    tune_judge_first(result, tune_load_limit(result->adaptive));
    return run_rounds(result);
}

int tune_run(const tune_options_t *options, const tune_subject_t *subject, tune_result_t *ret_result)
{
    tune_result_t *result = ret_result;
    *result = (tune_result_t){.options = options, .subject = subject, .best = -1, .reached_ns = -1};
    for (int depth = 1; depth <= options->max_depth; depth *= 2)
        result->rows[result->row_count++].depth = depth;
    int error = tune_buffers_make(options, &result->buffers);
    if (!error)
        error = sweep(result);
    bool complete = !error && result->swept == result->row_count;
    if (complete)
        tune_judge_sweep(result);
    if (complete && !result->unmet)
        error = adapt(result);
    if (options->progress)
        progress_clear();
    if (!error && result->rounds > 0)
        tune_judge_rounds(result);
    return error ? EXIT_FAILED : EXIT_OK;
}

void tune_result_destroy(tune_result_t *result)
{
    tune_load_destroy(result->adaptive);
    result->adaptive = NULL;
    tune_buffers_destroy(&result->buffers);
}
