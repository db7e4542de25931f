/* SPDX-License-Identifier: MIT */
/*
 * The chart: how many times as fast AuraIO is, by depth, a line for each peer, cached reads and reads of the
 * disk beside each other. gnuplot draws it from commands and data on its standard input.
 */
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct panel {
    const char *title;
    const char *cases[3];
};

static const struct panel panels[] = {
    {"cached, per CPU-second", {"cached", "zero", "peers"}},
    {"O\\\\_DIRECT, by the clock", {"direct", "zero-direct", "peers-direct"}},
};

enum { PANELS = sizeof(panels) / sizeof(panels[0]), CASES = 3 };

bool report_can_draw(void)
{
    return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

static bool is_of(const struct row *row, const char *name)
{
    return strcmp(bench_case_of(row)->name, name) == 0;
}

/* Whether an earlier row of the case has the same peer: the line is drawn already. */
static bool is_drawn(const struct plan *plan, unsigned row, const char *name)
{
    for (unsigned i = 0; i < row; i++) {
        if (is_of(&plan->rows[i], name) && strcmp(plan->rows[i].theirs, plan->rows[row].theirs) == 0)
            return true;
    }
    return false;
}

/* depth, ratio, its interval: the points of the line that begins with this row. Returns how many. */
static unsigned put_points(FILE *out, const struct report *report, unsigned first, const char *name)
{
    const struct plan *plan = report->results->plan;
    unsigned points = 0;
    for (unsigned i = first; i < plan->count; i++) {
        struct outcome outcome;
        if (!is_of(&plan->rows[i], name) || strcmp(plan->rows[i].theirs, plan->rows[first].theirs) != 0 ||
            !results_of(report->results, i, &outcome) || outcome.state != OUTCOME_MEASURED)
            continue;
        const struct figure *figure = &outcome.figures[0];
        fprintf(out, "%u %.5g %.5g %.5g\n", plan->rows[i].task.depth, figure->value, figure->low,
                figure->high);
        points++;
    }
    return points;
}

/* The data of a panel's lines as $l0, $l1 and so on, and the plot command that names them. */
static void put_panel(FILE *out, const struct report *report, const struct panel *panel)
{
    const struct plan *plan = report->results->plan;
    char *plot = NULL;
    size_t size = 0;
    unsigned lines = 0;
    FILE *command = open_memstream(&plot, &size);
    if (!command)
        return;
    for (unsigned c = 0; c < CASES; c++) {
        for (unsigned i = 0; i < plan->count; i++) {
            if (!is_of(&plan->rows[i], panel->cases[c]) || is_drawn(plan, i, panel->cases[c]))
                continue;
            fprintf(out, "$l%u << EOD\n", lines);
            if (put_points(out, report, i, panel->cases[c]) > 1) {
                fprintf(command, ", $l%u using 1:2:3:4 with yerrorlines title '%s : %s'", lines,
                        plan->rows[i].ours, plan->rows[i].theirs);
                lines++;
            }
            fputs("EOD\n", out);
        }
    }
    fclose(command);
    fprintf(out, "set title '%s'\nplot 1 with lines linecolor 'gray' notitle%s\n", panel->title, plot);
    free(plot);
}

/* A path stands in single quotes; one in it is doubled. */
static void put_quoted(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

int report_svg(const char *path, const struct report *report)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    FILE *gnuplot = popen("gnuplot", "w");
    if (!gnuplot)
        return -errno;
    sigaction(SIGPIPE, &ignore, &before);
    fputs("set terminal svg size 1000,820 dynamic background '#ffffff' font 'sans-serif,12'\nset output ",
          gnuplot);
    put_quoted(gnuplot, path);
    fputs("\nset multiplot layout 2,1\nset grid\nset key outside right\nset logscale x 2\nset logscale y 2\n"
          "set xrange [0.9:290]\nset xlabel 'reads in flight'\n"
          "set ylabel 'AuraIO, times as fast'\nset format y '%g'\n",
          gnuplot);
    for (unsigned i = 0; i < PANELS; i++)
        put_panel(gnuplot, report, &panels[i]);
    fputs("unset multiplot\n", gnuplot);
    int status = pclose(gnuplot);
    sigaction(SIGPIPE, &before, NULL);
    return status == 0 ? 0 : -EIO;
}
