/* tune_table.c - what was measured, and what it means, in words. */
#include "tune.h"

#include <string.h>

#include "chart.h"
#include "units.h"

#define FEW_OPS 1000 /* fewer, and a p99 rests on less than ten operations */
#define LAST_STEPS 3

static const char *color(const tune_result_t *result, const char *code)
{
    return result->options->color ? code : "";
}

void tune_head(const tune_options_t *options, const tune_subject_t *subject)
{
    char size[UNITS_TEXT], block[UNITS_TEXT], target[UNITS_TEXT], runtime[UNITS_TEXT];
    printf("%s: %s of %s, %s of %s, %s", options->path,
           subject->scratch        ? "scratch file"
           : subject->block_device ? "block device"
                                   : "file",
           units_size(size, (double)subject->size_bytes), tune_access_name(options->access),
           units_size(block, (double)options->block_bytes), subject->direct ? "O_DIRECT" : "buffered");
    if (options->target_ns > 0)
        printf(", p99 target %s", units_time(target, options->target_ns));
    printf(", %s\n", units_time(runtime, options->runtime_ns));
    if (subject->memory)
        puts("This is a file system in memory (tmpfs): there is no device, and no O_DIRECT. What is measured "
             "is "
             "memory.");
    else if (!subject->direct)
        puts("This file system has no O_DIRECT: reads come from the page cache, and what is measured is "
             "mostly "
             "memory.");
    fflush(stdout);
}

static void print_figures(const tune_result_t *result, const tune_figures_t *figures)
{
    char iops[UNITS_TEXT], p50[UNITS_TEXT], p99[UNITS_TEXT], p999[UNITS_TEXT], over[UNITS_TEXT] = "";
    double rate = tune_rate(figures);
    int64_t target_ns = result->options->target_ns;
    if (target_ns > 0)
        snprintf(over, sizeof(over), " %8.2f%%", 100 * tune_exceedance(figures, target_ns));
    printf(" %8s %8.1f %8s %8s %8s%s", units_count(iops, rate),
           rate * (double)result->options->block_bytes / 1e6, units_time(p50, tune_percentile(figures, 50)),
           units_time(p99, tune_percentile(figures, 99)), units_time(p999, tune_percentile(figures, 99.9)),
           over);
}

void tune_table(const tune_result_t *result)
{
    int64_t target_ns = result->options->target_ns;
    printf("\n%8s %8s %8s %8s %8s %8s%s\n", "depth", "IOPS", "MB/s", "p50", "p99", "p99.9",
           target_ns > 0 ? "      over" : "");
    for (int i = 0; i < result->swept; i++) {
        const tune_row_t *row = &result->rows[i];
        tune_figures_t figures = tune_row_figures(row);
        bool best = i == result->best;
        printf("%s%8d", best ? color(result, CHART_GREEN) : "", row->depth);
        print_figures(result, &figures);
        printf("%s%s\n", best ? "  best" : "", best ? color(result, CHART_PLAIN) : "");
    }
    if (result->first.ops == 0)
        return;
    printf("%8s", "AuraIO");
    print_figures(result, result->rounds > 0 ? &result->steady : &result->first);
    printf("  limit %d\n", tune_load_limit(result->adaptive));
}

static void say_unmet(const tune_result_t *result)
{
    char target[UNITS_TEXT], p99[UNITS_TEXT], least[UNITS_TEXT];
    int row = 0;
    for (int i = 1; i < result->swept; i++) {
        if (tune_percentile(&result->rows[i].sweep, 99) < tune_percentile(&result->rows[row].sweep, 99))
            row = i;
    }
    printf("\nNo depth keeps a p99 of %s here: at depth 1 it is %s",
           units_time(target, result->options->target_ns),
           units_time(p99, tune_percentile(&result->rows[0].sweep, 99)));
    if (row > 0)
        printf(", and %s at depth %d", units_time(least, tune_percentile(&result->rows[row].sweep, 99)),
               result->rows[row].depth);
    puts(".\nAsk for more than that; or the time goes elsewhere: other users of the device, or of the CPU.");
}

/* The newest decisions, with what they were made on. */
static void say_steps(const tune_result_t *result)
{
    const tune_journal_t *journal = tune_load_journal(result->adaptive);
    int changes = journal->count > 0 ? journal->count - 1 : 0; /* the first is the start */
    int from = changes > LAST_STEPS ? journal->count - LAST_STEPS : 1;
    printf("\n%d change%s of the limit%s\n", changes, changes == 1 ? "" : "s",
           changes > LAST_STEPS ? "; the last:"
           : changes > 0        ? ":"
                                : ".");
    for (int i = from; i < journal->count; i++) {
        const tune_step_t *step = &journal->steps[i];
        char at[UNITS_TEXT];
        printf("%10s  %5d -> %-5d %s\n", units_time(at, step->at_ns), step->decision.old_limit,
               step->decision.new_limit, auraio_cause_name(step->decision.cause));
    }
}

static void say_share(const tune_result_t *result)
{
    const tune_row_t *best = &result->rows[result->best];
    char reached[UNITS_TEXT], ops[UNITS_TEXT], target[UNITS_TEXT];
    printf(
        "\nAuraIO reaches %.1f %% of the throughput of depth %d, the best fixed one, at %.2f times its p99\n"
        "(%d rounds of turns; the median).\n",
        100 * result->share, best->depth, result->p99_ratio, result->rounds);
    if (result->reached_ns >= 0)
        printf("95 %% of that throughput was reached %s after the start, %s completions.\n",
               units_time(reached, result->reached_ns), units_count(ops, (double)result->reached_ops));
    else
        puts("95 % of that throughput was not reached in its first turn.");
    int64_t target_ns = result->options->target_ns;
    if (target_ns > 0)
        printf("Over %s: %.2f %% of its operations, %.2f %% in its first turn (allowed: 1 %%); at depth %d: "
               "%.2f "
               "%%.\n",
               units_time(target, target_ns), 100 * tune_exceedance(&result->steady, target_ns),
               100 * tune_exceedance(&result->first, target_ns), best->depth,
               100 * tune_exceedance(&best->rounds, target_ns));
}

static void say_what_to_do(const tune_result_t *result)
{
    int64_t target_ns = result->options->target_ns;
    if (target_ns > 0)
        printf("\nIn a program: options.max_p99_latency_ms = %g;%s\n", (double)target_ns / 1e6,
               result->rows[result->best].depth < 4 ? " options.min_in_flight = 1;" : "");
    else
        puts("\nIn a program: auraio_create(), nothing else.");
}

/* Percentiles of too few operations say little: which turn had fewest. */
static void say_few(const tune_result_t *result)
{
    int64_t fewest = INT64_MAX;
    for (int i = 0; i < result->swept; i++) {
        int64_t ops = result->rows[i].sweep.ops;
        fewest = ops < fewest ? ops : fewest;
    }
    if (result->swept > 0 && fewest < FEW_OPS)
        printf("\nA depth had %lld operations only, too few for its p99: give a longer --runtime.\n",
               (long long)fewest);
}

void tune_verdict(const tune_result_t *result)
{
    if (result->swept > 0 && result->backend.backend != AURAIO_BACKEND_URING)
        printf("\nThis ran on threads, not on io_uring: %s (`auraio doctor` says what to change).\n",
               result->backend.reason);
    if (result->rounds > 0) {
        say_share(result);
        say_steps(result);
        say_what_to_do(result);
    }
    if (result->unmet && !tune_stop_signal())
        say_unmet(result);
    say_few(result);
    if (tune_stop_signal())
        printf("\nInterrupted by signal %d (%s): what was measured until then.\n", tune_stop_signal(),
               strsignal(tune_stop_signal()));
}
