/* SPDX-License-Identifier: MIT */
/* What becomes of measurements: medians and their confidence, runs, verdicts, patterns, the journal. */
#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arguments.h"
#include "journal.h"
#include "results.h"
#include "runner.h"
#include "stats.h"

static int nothing(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    (void)bench;
    (void)row;
    outcome_add_single(outcome, "nothing", "", 1);
    return 0;
}

static struct plan make_plan(void)
{
    static const char *const names[] = {"peers/4/libaio", "peers/4/pool", "peers/32/libaio", "zero/1/raw"};
    struct plan plan = {0};
    for (unsigned i = 0; i < 4; i++) {
        struct row row = {
            .ours = "us", .theirs = "them", .goal = i < 3 ? GOAL_PEERS : GOAL_NONE, .measure = nothing};
        plan_add(&plan, &row, "%s", names[i]);
    }
    return plan;
}

static struct outcome make_outcome(double low, double value, double high)
{
    struct outcome outcome = {0};
    outcome_add_ratio(&outcome, "per second", "op/s", 2 * value, 2, (struct interval){low, value, high});
    outcome_add_ratio(&outcome, "other", "op/s", 3, 1, (struct interval){2, 3, 4});
    return outcome;
}

Test(stats, quantiles_are_interpolated)
{
    double values[] = {4, 1, 3, 2};
    cr_assert_float_eq(stats_quantile(values, 4, 0.5), 2.5, 1e-9);
    cr_assert_float_eq(stats_quantile(values, 4, 0), 1, 1e-9);
    cr_assert_float_eq(stats_quantile(values, 4, 1), 4, 1e-9);
    double one[] = {9};
    cr_assert_float_eq(stats_quantile(one, 1, 0.75), 9, 1e-9);
}

/* Tabled: n = 6: 1st and 6th, 9: 2nd and 8th, 15: 4th and 12th, 20: 6th and 15th, 25: 8th and 18th. */
Test(stats, the_interval_of_a_median_has_the_ranks_of_the_tables)
{
    static const struct {
        unsigned count, low, high;
    } tabled[] = {{1, 1, 1}, {5, 1, 5}, {6, 1, 6}, {9, 2, 8}, {15, 4, 12}, {20, 6, 15}, {25, 8, 18}};
    for (unsigned i = 0; i < sizeof(tabled) / sizeof(tabled[0]); i++) {
        double values[25];
        for (unsigned k = 0; k < tabled[i].count; k++)
            values[k] = tabled[i].count - k;
        struct interval interval = stats_median(values, tabled[i].count);
        cr_assert_float_eq(interval.low, tabled[i].low, 1e-9, "%u values", tabled[i].count);
        cr_assert_float_eq(interval.high, tabled[i].high, 1e-9, "%u values", tabled[i].count);
        cr_assert_float_eq(interval.middle, (tabled[i].count + 1) / 2.0, 1e-9);
    }
}

/* Of 2000 samples of 15 from a lopsided distribution whose median is ln 2, about 96.5 % must cover it. */
Test(stats, the_interval_covers_the_true_median_as_often_as_it_says)
{
    unsigned covered = 0;
    srand(1);
    for (unsigned i = 0; i < 2000; i++) {
        double values[15];
        for (unsigned k = 0; k < 15; k++)
            values[k] = -log((rand() + 1.0) / (RAND_MAX + 2.0));
        struct interval interval = stats_median(values, 15);
        covered += interval.low <= M_LN2 && M_LN2 <= interval.high;
    }
    cr_assert(covered > 1900 && covered < 1960, "%u of 2000", covered);
}

Test(plan, a_pattern_names_rows_by_their_beginning_or_as_the_shell_would)
{
    struct plan plan = make_plan();
    char *beginning[] = {"peers/4"};
    cr_assert_null(plan_keep(&plan, beginning, 1));
    cr_assert_eq(plan.count, 2);
    plan_free(&plan);

    plan = make_plan();
    char *as_shell[] = {"zero", "peers/*/libaio"};
    cr_assert_null(plan_keep(&plan, as_shell, 2));
    cr_assert_eq(plan.count, 3);
    cr_assert_str_eq(plan.rows[0].name, "peers/4/libaio"); /* the plan's order, not the patterns' */
    cr_assert_str_eq(plan.rows[2].name, "zero/1/raw");
    plan_free(&plan);
}

Test(plan, a_pattern_that_names_nothing_is_told_and_half_a_name_names_nothing)
{
    struct plan plan = make_plan();
    char *patterns[] = {"zero", "peers/3"};
    cr_assert_str_eq(plan_keep(&plan, patterns, 2), "peers/3");
    cr_assert_eq(plan.count, 4);
    plan_free(&plan);
}

Test(plan, every_row_has_its_own_name_a_case_and_a_way_to_measure_it)
{
    struct plan plan = arguments_plan();
    bool shown[GOALS] = {false};
    for (unsigned i = 0; i < plan.count; i++) {
        const struct row *row = &plan.rows[i];
        for (unsigned k = 0; k < i; k++)
            cr_assert_str_neq(row->name, plan.rows[k].name);
        cr_assert_not_null(bench_case_of(row)->name, "%s", row->name);
        cr_assert_not_null(row->measure);
        cr_assert_gt(row->seconds, 0, "%s", row->name);
        shown[row->goal] = true;
    }
    for (unsigned goal = GOAL_NONE + 1; goal < GOALS; goal++)
        cr_assert(shown[goal], "no row shows: %s", goals[goal].what);
    plan_free(&plan);
}

Test(results, several_runs_give_their_median_and_their_range)
{
    struct plan plan = make_plan();
    struct results results;
    struct outcome outcome;
    cr_assert_eq(results_init(&results, &plan), 0);
    cr_assert_not(results_of(&results, 0, &outcome));
    const double values[] = {1.3, 1.1, 1.2};
    for (unsigned i = 0; i < 3; i++) {
        struct outcome one = make_outcome(values[i] - 0.5, values[i], values[i] + 0.5);
        results_add(&results, 0, &one);
        cr_assert(results_of(&results, 0, &outcome));
        if (i == 0)
            cr_assert_float_eq(outcome.figures[0].low, 0.8, 1e-9, "one run keeps its own interval");
    }
    cr_assert_float_eq(outcome.figures[0].value, 1.2, 1e-9);
    cr_assert_float_eq(outcome.figures[0].low, 1.1, 1e-9);
    cr_assert_float_eq(outcome.figures[0].high, 1.3, 1e-9);
    cr_assert_float_eq(outcome.figures[0].ours, 2.4, 1e-9);
    results_free(&results);
    plan_free(&plan);
}

Test(results, a_verdict_says_whether_another_run_may_say_otherwise)
{
    static const struct {
        double low, value, high;
        enum verdict verdict;
    } cases[] = {{1.01, 1.02, 1.03, VERDICT_MET},
                 {0.99, 1.00, 1.01, VERDICT_CLOSE_MET},
                 {0.98, 0.99, 1.01, VERDICT_CLOSE_MISSED},
                 {0.97, 0.98, 0.99, VERDICT_MISSED}};
    for (unsigned i = 0; i < 4; i++) {
        struct outcome outcome = make_outcome(cases[i].low, cases[i].value, cases[i].high);
        cr_assert_eq(results_verdict(GOAL_PEERS, &outcome), cases[i].verdict, "case %u", i);
        cr_assert_eq(results_verdict(GOAL_NONE, &outcome), VERDICT_NONE);
    }
    struct outcome at_most = make_outcome(1.01, 1.02, 1.03);
    cr_assert_eq(results_verdict(GOAL_POOL, &at_most), VERDICT_MISSED);
    at_most.state = OUTCOME_FAILED;
    cr_assert_eq(results_verdict(GOAL_POOL, &at_most), VERDICT_NONE);
}

Test(results, a_goal_is_judged_by_its_worst_row)
{
    struct plan plan = make_plan();
    struct results results;
    cr_assert_eq(results_init(&results, &plan), 0);
    struct outcome good = make_outcome(1.4, 1.5, 1.6), bad = make_outcome(0.6, 0.7, 0.8);
    results_add(&results, 0, &good);
    results_add(&results, 1, &bad);
    results_add(&results, 3, &bad); /* shows another goal */
    struct goal_result goal = results_of_goal(&results, GOAL_PEERS);
    cr_assert_eq(goal.rows, 3);
    cr_assert_eq(goal.measured, 2);
    cr_assert_eq(goal.worst, 1);
    cr_assert_eq(goal.verdict, VERDICT_MISSED);
    results_free(&results);
    plan_free(&plan);
}

static const char heading[] = "auraio-bench test";
static char journal_path[64];

static void name_journal(void)
{
    snprintf(journal_path, sizeof(journal_path), "test-bench-%d.journal", (int)getpid());
}

static void drop_journal(void)
{
    unlink(journal_path);
}

static int reopen(const struct plan *plan, const char *its_heading, struct results *results)
{
    FILE *journal = NULL;
    cr_assert_eq(results_init(results, plan), 0);
    int r = journal_open(journal_path, its_heading, results, &journal);
    if (r == 0)
        fclose(journal);
    return r;
}

static void write_text(const char *text)
{
    FILE *out = fopen(journal_path, "we");
    cr_assert_not_null(out);
    fputs(text, out);
    fclose(out);
}

TestSuite(journal, .init = name_journal, .fini = drop_journal);

Test(journal, gives_back_what_was_written_to_the_last_bit)
{
    struct plan plan = make_plan();
    struct results results;
    FILE *journal = NULL;
    struct outcome measured = make_outcome(0.1, 1.0 / 3, 3e9), left_out = {0}, read;
    outcome_leave_out(&left_out, "no %s", "library");
    cr_assert_eq(results_init(&results, &plan), 0);
    cr_assert_eq(journal_open(journal_path, heading, &results, &journal), 0);
    cr_assert_eq(journal_write(journal, &plan.rows[2], &measured), 0);
    cr_assert_eq(journal_write(journal, &plan.rows[1], &left_out), 0);
    fclose(journal);
    results_free(&results);

    cr_assert_eq(reopen(&plan, heading, &results), 0);
    cr_assert_eq(results.rows[0].runs, 0);
    cr_assert(results_of(&results, 2, &read));
    cr_assert_eq(memcmp(&read, &measured, sizeof(read)), 0);
    cr_assert(results_of(&results, 1, &read));
    cr_assert_eq(read.state, OUTCOME_LEFT_OUT);
    cr_assert_str_eq(read.reason, "no library");
    results_free(&results);
    plan_free(&plan);
}

Test(journal, a_line_that_was_being_written_is_cut_off_and_the_next_one_is_whole)
{
    struct plan plan = make_plan();
    struct results results;
    struct outcome outcome = make_outcome(1, 2, 3);
    FILE *journal = NULL;
    write_text("auraio-bench test\npeers/4/pool\t0\t\tper sec");
    cr_assert_eq(results_init(&results, &plan), 0);
    cr_assert_eq(journal_open(journal_path, heading, &results, &journal), 0);
    cr_assert_eq(results.rows[1].runs, 0);
    cr_assert_eq(journal_write(journal, &plan.rows[0], &outcome), 0);
    fclose(journal);
    results_free(&results);
    cr_assert_eq(reopen(&plan, heading, &results), 0);
    cr_assert_eq(results.rows[0].runs, 1);
    results_free(&results);
    plan_free(&plan);
}

Test(journal, one_of_another_version_or_another_kind_of_file_is_refused_and_kept)
{
    struct plan plan = make_plan();
    struct results results;
    static const struct {
        const char *text;
        int error;
    } files[] = {
        {"auraio-bench other\n", -ESTALE},
        {"my diary\n", -EBADMSG},
        {"auraio-bench test\nrubbish\n", -EBADMSG},
        {"auraio-bench test\npeers/4/pool\t0\t\tx\ty\t1\t2\tthree\t4\t5\n", -EBADMSG},
        {"auraio-bench test\npeers/4/pool\t9\t\n", -EBADMSG},
    };
    for (unsigned i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char kept[128] = "";
        write_text(files[i].text);
        cr_assert_eq(reopen(&plan, heading, &results), files[i].error, "file %u", i);
        results_free(&results);
        FILE *in = fopen(journal_path, "re");
        cr_assert_gt(fread(kept, 1, sizeof(kept) - 1, in), 0);
        fclose(in);
        cr_assert_str_eq(kept, files[i].text);
    }
    plan_free(&plan);
}

static int die(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    (void)bench;
    (void)row;
    (void)outcome;
    _exit(0);
}

static int be_refused(const struct bench *bench, const struct row *row, struct outcome *outcome)
{
    (void)bench;
    (void)row;
    (void)outcome;
    return -EMFILE;
}

static void count_row(void *user_data, unsigned row)
{
    (void)row;
    ++*(unsigned *)user_data;
}

Test(runner, a_row_that_dies_or_fails_costs_only_itself)
{
    struct plan plan = make_plan();
    struct results results;
    struct bench bench = {.effort = EFFORT_SMOKE};
    struct outcome outcome;
    unsigned rows_done = 0;
    plan.rows[0].measure = die;
    plan.rows[1].measure = be_refused;
    cr_assert_eq(results_init(&results, &plan), 0);
    struct runner runner = {
        .bench = &bench, .results = &results, .runs = 2, .row_done = count_row, .user_data = &rows_done};
    cr_assert_eq(runner_go(&runner), 0);
    cr_assert_eq(rows_done, 4);
    cr_assert(results_of(&results, 0, &outcome));
    cr_assert_eq(outcome.state, OUTCOME_FAILED);
    cr_assert_str_eq(outcome.reason, "its process died");
    cr_assert(results_of(&results, 1, &outcome));
    cr_assert_str_eq(outcome.reason, strerror(EMFILE));
    cr_assert(results_of(&results, 2, &outcome));
    cr_assert_eq(outcome.state, OUTCOME_MEASURED);
    cr_assert_eq(results.rows[2].runs, 2);
    results_free(&results);
    plan_free(&plan);
}

Test(runner, a_row_that_counts_is_measured_once_and_one_that_is_timed_in_every_run)
{
    struct plan plan = make_plan();
    struct results results;
    struct bench bench = {.effort = EFFORT_SMOKE};
    unsigned rows_done = 0;
    plan.rows[1].counted = true;
    cr_assert_eq(results_init(&results, &plan), 0);
    struct runner runner = {
        .bench = &bench, .results = &results, .runs = 3, .row_done = count_row, .user_data = &rows_done};
    cr_assert_eq(runner_go(&runner), 0);
    cr_assert_eq(rows_done, plan.count);
    for (unsigned i = 0; i < plan.count; i++)
        cr_assert_eq(results.rows[i].runs, i == 1 ? 1 : 3);
    results_free(&results);
    plan_free(&plan);
}
