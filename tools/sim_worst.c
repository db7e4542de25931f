/* sim_worst.c - many random devices at a glance: the distribution, and the worst five by name. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "units.h"

#define NAMED 5

static int by_number(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int by_throughput(const void *a, const void *b)
{
    const sim_row_t *const *x = a, *const *y = b;
    return by_number(&(*x)->throughput, &(*y)->throughput);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), by_number);
    return count % 2 ? values[count / 2] : 0.5 * (values[count / 2 - 1] + values[count / 2]);
}

/* What to know of a device to see why it is hard. */
static void describe(const auraio_sim_model_t *model)
{
    char text[UNITS_TEXT];
    printf("      %s", model->summary);
    if (model->station == AURAIO_SIM_SERVERS)
        printf(", %d x %s, sigma %.2f", model->servers, units_time(text, model->read.median_ns),
               model->read.sigma);
    if (model->read.tail_share > 0)
        printf(", tail %.1f %% from x%.1f", 100 * model->read.tail_share, model->read.tail_from);
    if (model->transit_ns > 0)
        printf(", %s away", units_time(text, model->transit_ns));
    if (model->gate == AURAIO_SIM_BUCKET)
        printf(", bucket of %s/s", units_count(text, model->gate_ops));
    if (model->pause_every_ns > 0) {
        printf(", pauses of %s", units_time(text, model->pause_ns));
        printf(" every %s", units_time(text, model->pause_every_ns));
    }
    if (model->neighbour_ops > 0) {
        printf(", neighbour of %s/s", units_count(text, model->neighbour_ops));
        printf(" by %s", units_time(text, model->neighbour_on_ns));
    }
    if (model->segments[0].write_share > 0)
        printf(", %.0f %% writes of %s", 100 * model->segments[0].write_share,
               units_time(text, model->write.median_ns));
    if (model->reap_ns > 0)
        printf(", reaped every %s", units_time(text, model->reap_ns));
    putchar('\n');
}

/* The rows with or without a target, of one policy. `rows` and `values` have room for all. */
static void print_group(const sim_plan_t *plan, const auraio_sim_policy_t *policy, bool target,
                        const sim_row_t **rows, double *values)
{
    int count = 0;
    double least = 1e9, violations = 0;
    for (int i = 0; i < plan->row_count; i++) {
        const sim_row_t *row = &plan->rows[i];
        if (row->policy != policy || (row->target_ns > 0) != target)
            continue;
        values[count] = row->p99;
        rows[count++] = row;
        least = row->throughput < least ? row->throughput : least;
        violations = row->violations > violations ? row->violations : violations;
    }
    if (count == 0)
        return;
    double p99 = median(values, count);
    for (int i = 0; i < count; i++)
        values[i] = rows[i]->throughput;
    printf("\n%s, %s: %d devices: throughput at least %.3f, median %.3f; p99 ratio median %.2f", policy->name,
           target ? "with a target" : "no target", count, least, median(values, count), p99);
    if (target)
        printf("; violations at most %.2f %%", 100 * violations);
    puts("\n  the worst by throughput:");
    qsort(rows, (size_t)count, sizeof(*rows), by_throughput);
    for (int i = 0; i < count && i < NAMED; i++) {
        char text[UNITS_TEXT];
        printf("    %s, target %s: throughput %.3f, p99 ratio %.2f, over %.2f %%\n",
               rows[i]->subject->model.name,
               rows[i]->target_ns > 0 ? units_time(text, rows[i]->target_ns) : "none", rows[i]->throughput,
               rows[i]->p99, 100 * rows[i]->violations);
        describe(&rows[i]->subject->model);
    }
}

double sim_worst_p99_median(const sim_plan_t *plan, const auraio_sim_policy_t *policy)
{
    double *values = calloc((size_t)plan->row_count + 1, sizeof(*values));
    int count = 0;
    for (int i = 0; values && i < plan->row_count; i++) {
        if (plan->rows[i].policy == policy && plan->rows[i].target_ns == 0)
            values[count++] = plan->rows[i].p99;
    }
    double result = count > 0 ? median(values, count) : 0;
    free(values);
    return result;
}

void sim_worst(const sim_plan_t *plan)
{
    const sim_row_t **rows = calloc((size_t)plan->row_count + 1, sizeof(*rows));
    double *values = calloc((size_t)plan->row_count + 1, sizeof(*values));
    const auraio_sim_policy_t *policy;
    for (int i = 0; rows && values && (policy = auraio_sim_policy_at(i)); i++) {
        print_group(plan, policy, false, rows, values);
        print_group(plan, policy, true, rows, values);
    }
    free(values);
    free(rows);
}
