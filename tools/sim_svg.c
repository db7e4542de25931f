/* sim_svg.c - the chart as SVG, drawn by gnuplot. */
#include "sim.h"

#include <stdio.h>

#include "gnuplot.h"

typedef struct panel {
    const char *title;
    const char *column; /* what gnuplot plots of a data line */
} panel_t;

static const panel_t panels[] = {{"limit", "2"}, {"operations / s", "3"}, {"p99 (us)", "4"}};

#define PANELS ((int)(sizeof(panels) / sizeof(panels[0])))

static void put_script(FILE *gnuplot, void *argument)
{
    const sim_plan_t *plan = argument;
    const char *model = plan->rows[0].subject->model.name;
    fputs("set multiplot layout 3,1 title ", gnuplot);
    gnuplot_quoted(gnuplot, model);
    fputs("\nset grid\nset key outside right\nset yrange [0:*]\nset lmargin 12\n", gnuplot);
    for (int i = 0; i < plan->row_count; i++) {
        const sim_row_t *row = &plan->rows[i];
        fprintf(gnuplot, "$run%d << EOD\n", i);
        for (int k = 0; k < SIM_POINTS; k++) {
            const auraio_sim_point_t *point = &row->points[k];
            fprintf(gnuplot, "%.6f %d %.3f %.3f\n", (double)point->at_ns * 1e-9, point->limit,
                    point->throughput_ops, (double)point->p99_ns * 1e-3);
        }
        fputs("EOD\n", gnuplot);
    }
    for (int p = 0; p < PANELS; p++) {
        fprintf(gnuplot, "set ylabel '%s'\n%splot ", panels[p].title,
                p == PANELS - 1 ? "set xlabel 'time (s)'\n" : "");
        for (int i = 0; i < plan->row_count; i++)
            fprintf(gnuplot, "%s$run%d using 1:%s with lines title '%s'", i > 0 ? ", " : "", i,
                    panels[p].column, plan->rows[i].policy->name);
        fputc('\n', gnuplot);
    }
    fputs("unset multiplot\n", gnuplot);
}

int sim_export_svg(const sim_plan_t *plan, const char *path)
{
    return gnuplot_svg("sim", path, 900, 720, put_script, (void *)plan);
}
