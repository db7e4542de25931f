/* SPDX-License-Identifier: MIT */
/* See results.h. */
#include "results.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

const char *const verdict_names[] = {
    [VERDICT_NONE] = "",
    [VERDICT_MET] = "met",
    [VERDICT_CLOSE_MET] = "met, close",
    [VERDICT_CLOSE_MISSED] = "missed, close",
    [VERDICT_MISSED] = "missed",
};

int results_init(struct results *results, const struct plan *plan)
{
    *results = (struct results){.plan = plan, .rows = calloc(plan->count + 1, sizeof(struct result))};
    if (!results->rows)
        return -ENOMEM;
    for (unsigned i = 0; i < plan->count; i++) {
        results->rows[i].outcomes = calloc(RESULTS_RUNS, sizeof(struct outcome));
        if (!results->rows[i].outcomes) {
            results_free(results);
            return -ENOMEM;
        }
    }
    return 0;
}

void results_free(struct results *results)
{
    for (unsigned i = 0; results->rows && i < results->plan->count; i++)
        free(results->rows[i].outcomes);
    free(results->rows);
    *results = (struct results){0};
}

void results_add(struct results *results, unsigned row, const struct outcome *outcome)
{
    assert(row < results->plan->count);
    struct result *result = &results->rows[row];
    if (result->runs < RESULTS_RUNS)
        result->outcomes[result->runs++] = *outcome;
}

static double median_over_runs(const struct result *result, unsigned figure, size_t member, double *scratch)
{
    unsigned count = 0;
    for (unsigned i = 0; i < result->runs; i++) {
        const struct outcome *outcome = &result->outcomes[i];
        if (outcome->state == OUTCOME_MEASURED && figure < outcome->count)
            scratch[count++] = *(const double *)((const char *)&outcome->figures[figure] + member);
    }
    return stats_quantile(scratch, count, 0.5);
}

/* scratch holds the sorted values afterwards: their range is the interval. */
static void merge(const struct result *result, unsigned number, struct figure *figure, unsigned measured)
{
    double scratch[RESULTS_RUNS];
    figure->ours = median_over_runs(result, number, offsetof(struct figure, ours), scratch);
    figure->theirs = median_over_runs(result, number, offsetof(struct figure, theirs), scratch);
    figure->value = median_over_runs(result, number, offsetof(struct figure, value), scratch);
    if (measured > 1) {
        figure->low = scratch[0];
        figure->high = scratch[measured - 1];
    }
}

bool results_of(const struct results *results, unsigned row, struct outcome *ret_outcome)
{
    const struct result *result = &results->rows[row];
    unsigned measured = 0;
    if (result->runs == 0)
        return false;
    *ret_outcome = result->outcomes[result->runs - 1];
    for (unsigned i = 0; i < result->runs; i++)
        measured += result->outcomes[i].state == OUTCOME_MEASURED;
    for (unsigned i = 0; ret_outcome->state == OUTCOME_MEASURED && i < ret_outcome->count; i++)
        merge(result, i, &ret_outcome->figures[i], measured);
    return true;
}

enum verdict results_verdict(enum goal goal, const struct outcome *outcome)
{
    const struct goal_text *text = &goals[goal];
    if (text->kind == TARGET_NONE || outcome->state != OUTCOME_MEASURED || outcome->count == 0)
        return VERDICT_NONE;
    const struct figure *figure = &outcome->figures[0];
    bool met = text->kind == TARGET_AT_LEAST ? figure->value >= text->target : figure->value <= text->target;
    bool close = figure->low < text->target && text->target < figure->high;
    if (met)
        return close ? VERDICT_CLOSE_MET : VERDICT_MET;
    return close ? VERDICT_CLOSE_MISSED : VERDICT_MISSED;
}

struct goal_result results_of_goal(const struct results *results, enum goal goal)
{
    struct goal_result worst = {0};
    double worst_value = 0;
    for (unsigned i = 0; i < results->plan->count; i++) {
        struct outcome outcome;
        if (results->plan->rows[i].goal != goal)
            continue;
        worst.rows++;
        if (!results_of(results, i, &outcome) || outcome.state != OUTCOME_MEASURED)
            continue;
        /* Further from the target is smaller. */
        double value =
            goals[goal].kind == TARGET_AT_LEAST ? outcome.figures[0].value : -outcome.figures[0].value;
        if (worst.measured++ > 0 && value >= worst_value)
            continue;
        worst_value = value;
        worst.worst = i;
        worst.figure = outcome.figures[0];
        worst.verdict = results_verdict(goal, &outcome);
    }
    return worst;
}
