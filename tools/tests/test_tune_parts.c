/* The parts of `auraio tune` that decide, on made-up figures: which depth is best, what the adaptive engine's
 * share is, and that no decision is lost or told twice. What they ask the engine for is played here. */
#include "../tune.h"

#include <criterion/criterion.h>

#define MS 1000000

/* ---- the engine and the load, played ---------------------------------------------------------- */

static int64_t stamps[1000];
static int stamp_count;

const int64_t *tune_load_stamps(const tune_load_t *load, int *ret_count)
{
    (void)load;
    *ret_count = stamp_count;
    return stamps;
}

static auraio_decision_t decided[200];
static int decided_count;

int auraio_get_target_count(const auraio_engine_t *engine)
{
    (void)engine;
    return 3;
}

int auraio_get_target_stats(const auraio_engine_t *engine, int target, auraio_target_stats_t *stats)
{
    (void)engine;
    *stats = (auraio_target_stats_t){.device = 100 + (uint64_t)target};
    return 0;
}

int auraio_get_decisions(const auraio_engine_t *engine, int target, auraio_decision_t *decisions, int max)
{
    (void)engine;
    cr_assert_eq(target, 2, "asked for target %d", target);
    int count = decided_count < max ? decided_count : max;
    memcpy(decisions, decided + decided_count - count, (size_t)count * sizeof(*decisions));
    return count;
}

int64_t auraio_get_latency_percentile(const auraio_engine_t *engine, int ring, double percentile)
{
    /* Ten operations: nine of 50 ns, one of 60. */
    (void)engine;
    cr_assert_eq(ring, -1);
    return percentile <= 90 ? 50 : 60;
}

/* ---- made-up figures -------------------------------------------------------------------------- */

/* A second of that many operations, one in a hundred of which takes `tail_ns`, the others 10 us. */
static tune_figures_t figures_of(int64_t ops, int64_t tail_ns)
{
    tune_figures_t figures = {.ops = ops, .time_ns = 1000 * MS};
    figures.latency.buckets[auraio_hist_index(10000)] = (uint32_t)(ops - ops / 50);
    figures.latency.buckets[auraio_hist_index(tail_ns)] = (uint32_t)(ops / 50);
    return figures;
}

static tune_result_t result_of(const tune_options_t *options, const int64_t *ops, const int64_t *tails_ns,
                               int count)
{
    tune_result_t result = {.options = options, .row_count = count, .swept = count, .reached_ns = -1};
    for (int i = 0; i < count; i++) {
        result.rows[i].depth = 1 << i;
        result.rows[i].sweep = figures_of(ops[i], tails_ns[i]);
    }
    return result;
}

static const int64_t ops[] = {20000, 44000, 72000, 90000, 92000, 91000};
static const int64_t tails_ns[] = {60000, 120000, 326000, 684000, 3 * MS, 5 * MS};

Test(judge, without_a_target_the_best_is_the_least_depth_at_95_percent)
{
    tune_options_t options = {0};
    tune_result_t result = result_of(&options, ops, tails_ns, 6);
    tune_judge_sweep(&result);
    cr_assert_eq(result.rows[result.best].depth, 8);
    cr_assert_not(result.unmet);
    /* Its neighbours, one of which is the fastest. */
    cr_assert_eq(result.candidate_count, 3);
    cr_assert_eq(result.candidates[0], 2);
    cr_assert_eq(result.candidates[2], 4);
}

Test(judge, the_fastest_is_a_candidate_also_when_it_is_far)
{
    static const int64_t rising[] = {20000, 96000, 97000, 98000, 99000, 100000};
    tune_options_t options = {0};
    tune_result_t result = result_of(&options, rising, tails_ns, 6);
    tune_judge_sweep(&result);
    cr_assert_eq(result.best, 1);
    cr_assert_eq(result.candidate_count, 4);
    cr_assert_eq(result.candidates[3], 5);
}

Test(judge, with_a_target_the_best_is_the_fastest_that_keeps_it)
{
    tune_options_t options = {.target_ns = 500000};
    tune_result_t result = result_of(&options, ops, tails_ns, 6);
    tune_judge_sweep(&result);
    cr_assert_eq(result.rows[result.best].depth, 4);
    options.target_ns = 10 * MS;
    tune_judge_sweep(&result);
    cr_assert_eq(result.rows[result.best].depth, 16);
}

Test(judge, the_depth_next_to_the_adaptive_limit_is_a_candidate)
{
    tune_options_t options = {.target_ns = 100000};
    tune_result_t result = result_of(&options, ops, tails_ns, 6);
    static const int limits[] = {1, 2, 3, 11, 12, 22, 23, 1000};
    static const int rows[] = {0, 1, 2, 3, 4, 4, 5, 5};
    for (int i = 0; i < 8; i++) {
        result.candidate_count = 0;
        tune_judge_first(&result, limits[i]);
        cr_assert_eq(result.candidate_count, 1);
        cr_assert_eq(result.candidates[0], rows[i], "limit %d", limits[i]);
    }
}

Test(judge, a_target_below_every_depth_is_unmet)
{
    tune_options_t options = {.target_ns = 20000};
    tune_result_t result = result_of(&options, ops, tails_ns, 6);
    tune_judge_sweep(&result);
    cr_assert(result.unmet);
    cr_assert_eq(result.candidate_count, 0);
}

Test(judge, the_share_is_the_median_over_rounds_and_the_start_is_found_in_the_stamps)
{
    tune_options_t options = {0};
    tune_result_t result = result_of(&options, ops, tails_ns, 6);
    tune_judge_sweep(&result);
    result.rounds = 3;
    for (int i = 0; i < result.candidate_count; i++)
        result.rows[result.candidates[i]].rounds = result.rows[result.candidates[i]].sweep;
    static const double shares[] = {0.5, 0.97, 1.1};
    for (int i = 0; i < 3; i++) {
        result.rows[result.best].rates[i] = 90000 + i;
        result.rates[i] = shares[i] * (90000 + i);
    }
    result.steady = figures_of(85000, 684000);
    /* 64 completions in 2 ms each at first, then at the best depth's pace of 0.7 ms. */
    for (stamp_count = 0; stamp_count < 20; stamp_count++)
        stamps[stamp_count] =
            stamp_count < 10 ? (stamp_count + 1) * 2 * MS : 20 * MS + (stamp_count - 9) * 7 * MS / 10;
    tune_judge_rounds(&result);
    cr_assert_float_eq(result.share, 0.97, 1e-9);
    cr_assert_float_eq(result.p99_ratio, 1, 1e-9);
    cr_assert_eq(result.reached_ops, 14 * 64);
    cr_assert_eq(result.reached_ns, stamps[13]);
}

Test(figures, exceedance_counts_what_lies_above_the_target)
{
    tune_figures_t figures = figures_of(10000, 5 * MS);
    cr_assert_float_eq(tune_exceedance(&figures, 1 * MS), 0.02, 1e-9);
    cr_assert_eq(tune_exceedance(&figures, 6 * MS), 0);
    cr_assert_float_eq(tune_exceedance(&figures, 1000), 1, 1e-9);
    double inside = tune_exceedance(&figures, 5 * MS);
    cr_assert(inside >= 0 && inside <= 0.02, "%f", inside);
    tune_figures_t none = {0};
    cr_assert_eq(tune_exceedance(&none, 1), 0);
    cr_assert_eq(tune_rate(&none), 0);
}

Test(figures, the_engines_histogram_is_read_back_from_its_percentiles)
{
    auraio_hist_t latency;
    tune_latency_read(NULL, 10, &latency);
    cr_assert_eq(auraio_hist_count(&latency), 10);
    cr_assert_eq(latency.buckets[auraio_hist_index(50)], 9);
    cr_assert_eq(latency.buckets[auraio_hist_index(60)], 1);
}

/* ---- the journal ------------------------------------------------------------------------------ */

static void decide(int count)
{
    for (int i = 0; i < count; i++, decided_count++)
        decided[decided_count] = (auraio_decision_t){
            .time_ns = decided_count == 0 ? 0 : 1000 * MS + decided_count, .new_limit = decided_count + 1};
}

Test(journal, every_decision_is_told_once_and_in_order)
{
    tune_journal_t journal = {0};
    static const int steps[] = {1, 0, 5, 31, 0, 32, 7};
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        decide(steps[i]);
        cr_assert_eq(tune_journal_gather(&journal, NULL, 102, -1000 * MS), 0);
        cr_assert_eq(journal.count, decided_count);
    }
    for (int i = 0; i < journal.count; i++) {
        cr_assert_eq(journal.steps[i].decision.new_limit, i + 1);
        cr_assert_eq(journal.steps[i].at_ns, i);
    }
    tune_journal_destroy(&journal);
}

Test(journal, what_came_faster_than_it_was_asked_for_is_lost_and_the_rest_is_not)
{
    tune_journal_t journal = {0};
    decide(3);
    cr_assert_eq(tune_journal_gather(&journal, NULL, 102, 0), 0);
    decide(50);
    cr_assert_eq(tune_journal_gather(&journal, NULL, 102, 0), 0);
    cr_assert_eq(journal.count, 3 + AURAIO_DECISIONS_MAX);
    cr_assert_eq(journal.steps[journal.count - 1].decision.new_limit, 53);
    tune_journal_destroy(&journal);
}
