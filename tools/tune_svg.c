/* tune_svg.c - the knee and the controller's path as SVG: two panels, drawn by gnuplot. */
#include "tune.h"

#include <string.h>

#include "gnuplot.h"
#include "units.h"

static void put_data(FILE *gnuplot, const tune_result_t *result)
{
    fputs("$fixed << EOD\n", gnuplot);
    for (int i = 0; i < result->swept; i++) {
        tune_figures_t figures = tune_row_figures(&result->rows[i]);
        fprintf(gnuplot, "%d %.3f %.3f\n", result->rows[i].depth, tune_rate(&figures),
                (double)tune_percentile(&figures, 99) * 1e-3);
    }
    fputs("EOD\n", gnuplot);
    if (!result->adaptive)
        return;
    const tune_figures_t *figures = result->rounds > 0 ? &result->steady : &result->first;
    fprintf(gnuplot, "$auraio << EOD\n%d %.3f %.3f\nEOD\n", tune_load_limit(result->adaptive),
            tune_rate(figures), (double)tune_percentile(figures, 99) * 1e-3);
}

/* Throughput and p99 against depth; AuraIO's where its limit came to. */
static void put_knee(FILE *gnuplot, const tune_result_t *result)
{
    fprintf(gnuplot,
            "set logscale x 2\nset xrange [0.8:%g]\nset xlabel 'operations in flight'\nset ylabel 'IOPS'\n"
            "set yrange [0:*]\nset format y '%%.0s%%c'\nset y2label 'p99 (us)'\nset logscale y2\n"
            "set y2tics\nset ytics nomirror\n",
            1.25 * result->options->max_depth);
    fputs("plot $fixed using 1:2 axes x1y1 with linespoints lw 2 pt 7 lc '#1f77b4' title 'IOPS', "
          "$fixed using 1:3 axes x1y2 with linespoints lw 2 pt 7 lc '#d62728' title 'p99'",
          gnuplot);
    if (result->adaptive)
        fputs(", $auraio using 1:2 axes x1y1 with points pt 4 ps 2 lw 2 lc '#1f77b4' title 'AuraIO, IOPS', "
              "$auraio using 1:3 axes x1y2 with points pt 4 ps 2 lw 2 lc '#d62728' title 'AuraIO, p99'",
              gnuplot);
    if (result->options->target_ns > 0)
        fprintf(gnuplot, ", %g axes x1y2 with lines dt 2 lc '#d62728' title 'target'",
                (double)result->options->target_ns * 1e-3);
    fputs("\nunset y2tics\nunset y2label\nunset logscale\nset ytics mirror\n", gnuplot);
}

static void put_path(FILE *gnuplot, const tune_result_t *result)
{
    const tune_journal_t *journal = tune_load_journal(result->adaptive);
    double end_s = (double)(result->first.time_ns + result->steady.time_ns) * 1e-9;
    fputs("$path << EOD\n", gnuplot);
    for (int i = 0; i < journal->count; i++)
        fprintf(gnuplot, "%.6f %d\n", (double)journal->steps[i].at_ns * 1e-9,
                journal->steps[i].decision.new_limit);
    fprintf(gnuplot, "%.6f %d\nEOD\n", end_s, tune_load_limit(result->adaptive));
    fprintf(
        gnuplot,
        "set xrange [0:%.6f]\nset logscale y 2\nset yrange [0.8:%g]\nset format y '%%.0f'\n"
        "set xlabel 'time that AuraIO ran (s)'\nset ylabel 'limit'\n"
        "plot $path using 1:2 with steps lw 2 lc '#2ca02c' title 'limit', %d with lines dt 2 lc '#7f7f7f' "
        "title 'best fixed depth'\n",
        end_s, 1.25 * result->options->max_depth, result->rows[result->best].depth);
}

static void put_script(FILE *gnuplot, void *argument)
{
    const tune_result_t *result = argument;
    bool has_path = result->adaptive && tune_load_journal(result->adaptive)->count > 0;
    char title[512], block[UNITS_TEXT];
    snprintf(title, sizeof(title), "%s: %s of %s", result->options->path,
             tune_access_name(result->options->access),
             units_size(block, (double)result->options->block_bytes));
    fprintf(gnuplot, "set multiplot layout %d,1 title ", has_path ? 2 : 1);
    gnuplot_quoted(gnuplot, title);
    fputs(" noenhanced\nset grid\nset key outside right\nset lmargin 10\nset rmargin 26\n", gnuplot);
    put_data(gnuplot, result);
    put_knee(gnuplot, result);
    if (has_path)
        put_path(gnuplot, result);
    fputs("unset multiplot\n", gnuplot);
}

int tune_export_svg(const tune_result_t *result, const char *path)
{
    return gnuplot_svg(TUNE_COMMAND, path, 900, 640, put_script, (void *)result);
}
