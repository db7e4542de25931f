/* tune_judge.c - the oracle: the best depth that never moves, out of those that were tried in the same run,
 * and the share of its throughput that the adaptive engine reaches. Without a target the best is the least
 * depth with 95 % of the most throughput; with one, the depth of most throughput that keeps it. `auraio sim`
 * judges by the same words. */
#include "tune.h"

#include <stdlib.h>

#define KNEE 0.95
#define REACHED 0.95
#define REACHED_STAMPS 4 /* in a row: 256 completions */

tune_figures_t tune_row_figures(const tune_row_t *row)
{
    tune_figures_t all = row->sweep;
    tune_figures_add(&all, &row->rounds);
    return all;
}

/* The best of some rows by one kind of figures. -1: none keeps the target. */
static int best_of(const tune_result_t *result, const int *rows, int count, bool by_rounds)
{
    int64_t target_ns = result->options->target_ns;
    double most = 0;
    int best = -1;
    for (int i = 0; i < count; i++) {
        const tune_row_t *row = &result->rows[rows[i]];
        const tune_figures_t *figures = by_rounds ? &row->rounds : &row->sweep;
        if (target_ns > 0 && tune_exceedance(figures, target_ns) > TUNE_MAY_EXCEED)
            continue;
        if (tune_rate(figures) > most) {
            most = tune_rate(figures);
            best = rows[i];
        }
    }
    for (int i = 0; i < count && target_ns == 0; i++) {
        const tune_row_t *row = &result->rows[rows[i]];
        if (tune_rate(by_rounds ? &row->rounds : &row->sweep) >= KNEE * most)
            return rows[i];
    }
    return best;
}

static void add_candidate(tune_result_t *result, int row)
{
    if (row < 0 || row >= result->swept)
        return;
    for (int i = 0; i < result->candidate_count; i++) {
        if (result->candidates[i] == row)
            return;
    }
    /* In the order of depths. */
    int at = result->candidate_count++;
    for (; at > 0 && result->candidates[at - 1] > row; at--)
        result->candidates[at] = result->candidates[at - 1];
    result->candidates[at] = row;
}

void tune_judge_sweep(tune_result_t *result)
{
    int rows[TUNE_ROWS], fastest = 0;
    for (int i = 0; i < result->swept; i++) {
        rows[i] = i;
        if (tune_rate(&result->rows[i].sweep) > tune_rate(&result->rows[fastest].sweep))
            fastest = i;
    }
    result->candidate_count = 0;
    result->best = best_of(result, rows, result->swept, false);
    result->unmet = result->best < 0 && result->swept > 0;
    if (result->best < 0)
        return;
    add_candidate(result, result->best);
    add_candidate(result, result->best - 1);
    add_candidate(result, result->best + 1);
    /* Without a target the most throughput is what the others are compared with. */
    if (result->options->target_ns == 0)
        add_candidate(result, fastest);
}

void tune_judge_first(tune_result_t *result, int limit)
{
    int row = 0;
    /* The middle between two, on the scale of depths, is their geometric mean. */
    while (row + 1 < result->swept &&
           (double)limit * limit > 2.0 * result->rows[row].depth * result->rows[row].depth)
        row++;
    add_candidate(result, row);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median over rounds of the adaptive engine's throughput against that of the best depth in the same
 * round. */
static double median_share(const tune_result_t *result)
{
    double shares[TUNE_ROUNDS];
    int count = result->rounds;
    for (int i = 0; i < count; i++)
        shares[i] = result->rates[i] / result->rows[result->best].rates[i];
    qsort(shares, (size_t)count, sizeof(shares[0]), compare);
    return count % 2 == 1 ? shares[count / 2] : (shares[count / 2 - 1] + shares[count / 2]) / 2;
}

/* When the first completions in a row had come at 95 % of the best depth's throughput. */
static void judge_start(tune_result_t *result)
{
    int count;
    const int64_t *stamps = tune_load_stamps(result->adaptive, &count);
    double wanted = REACHED * tune_rate(&result->rows[result->best].rounds);
    for (int i = REACHED_STAMPS - 1; i < count; i++) {
        int64_t from_ns = i >= REACHED_STAMPS ? stamps[i - REACHED_STAMPS] : 0;
        if (REACHED_STAMPS * TUNE_STAMP_OPS * 1e9 < wanted * (double)(stamps[i] - from_ns))
            continue;
        result->reached_ns = stamps[i];
        result->reached_ops = (int64_t)(i + 1) * TUNE_STAMP_OPS;
        return;
    }
}

void tune_judge_rounds(tune_result_t *result)
{
    int best = best_of(result, result->candidates, result->candidate_count, true);
    if (best >= 0) /* else what the sweep said stands: it was on the edge */
        result->best = best;
    const tune_figures_t *figures = &result->rows[result->best].rounds;
    result->share = median_share(result);
    result->p99_ratio = (double)tune_percentile(&result->steady, 99) / (double)tune_percentile(figures, 99);
    judge_start(result);
}
