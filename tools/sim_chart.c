/* sim_chart.c - a run over time, in the terminal: three lines of text-mode graphics, each figure on
 * its own scale, one column for each of COLUMNS equal times. */
#include "sim.h"

#include <stdio.h>
#include <string.h>

#include "chart.h"
#include "units.h"

#define COLUMNS 80
#define ROWS 8

typedef double (*figure_t)(const auraio_sim_point_t *point);

static double limit_of(const auraio_sim_point_t *point)
{
    return point->limit;
}

static double throughput_of(const auraio_sim_point_t *point)
{
    return point->throughput_ops;
}

static double p99_of(const auraio_sim_point_t *point)
{
    return (double)point->p99_ns;
}

/* The mean of the points that fall into each column; the largest of them. */
static double columns_of(const auraio_sim_point_t *points, figure_t figure, double columns[COLUMNS])
{
    double most = 0;
    for (int i = 0; i < COLUMNS; i++) {
        int from = i * SIM_POINTS / COLUMNS, to = (i + 1) * SIM_POINTS / COLUMNS;
        double sum = 0;
        for (int k = from; k < to; k++)
            sum += figure(&points[k]);
        columns[i] = sum / (to - from);
        most = columns[i] > most ? columns[i] : most;
    }
    return most;
}

static void draw(const char *name, const char *top, const double columns[COLUMNS], double most)
{
    for (int row = ROWS - 1; row >= 0; row--) {
        const char *label = row == ROWS - 1 ? top : row == 0 ? "0" : "";
        printf("%10s %9s │", row == ROWS - 1 ? name : "", label);
        for (int i = 0; i < COLUMNS; i++) {
            double height = most > 0 ? columns[i] / most * ROWS * 8 : 0;
            fputs(chart_cell((int)(height + 0.5) - 8 * row), stdout);
        }
        putchar('\n');
    }
}

void sim_chart(const sim_plan_t *plan, const sim_row_t *row)
{
    char name[SIM_ROW_NAME], text[UNITS_TEXT];
    double columns[COLUMNS];
    int64_t end_ns = row->points[SIM_POINTS - 1].at_ns;
    printf("\n%s, target %s, %s, seed %llu\n", sim_row_name(row, name),
           row->target_ns > 0 ? units_time(text, row->target_ns) : "none", row->policy->name,
           (unsigned long long)plan->options->seed);
    double most = columns_of(row->points, limit_of, columns);
    draw("limit", units_count(text, most), columns, most);
    most = columns_of(row->points, throughput_of, columns);
    draw("ops/s", units_count(text, most), columns, most);
    most = columns_of(row->points, p99_of, columns);
    draw("p99", units_time(text, (int64_t)most), columns, most);
    printf("%20s └", "");
    for (int i = 0; i < COLUMNS; i++)
        fputs("─", stdout);
    printf("\n%22s0%*s\n", "", COLUMNS - 1, units_time(text, end_ns));
}
