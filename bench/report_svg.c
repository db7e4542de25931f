/* SPDX-License-Identifier: MIT */
/*
 * The chart: how many times as fast AuraIO is, by depth, a line for each peer. gnuplot draws it from commands
 * and data on its standard input.
 */
#include "report.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CASES = 3, PEERS = 8 };

/* A line has the same colour and points wherever its peer appears. */
static const struct {
    const char *peer, *color;
} looks[PEERS] = {
    {"raw", "#000000"},  {"raw-shared", "#7f7f7f"}, {"raw-plain", "#bcbd22"}, {"libaio", "#d62728"},
    {"pool", "#1f77b4"}, {"libuv", "#ff7f0e"},      {"posix-aio", "#2ca02c"}, {"threads", "#9467bd"},
};

/* Against loops that do what the library does every hundredth counts; against other interfaces the order. */
static const struct panel {
    const char *title, *scale;
    const char *cases[CASES];
    unsigned first_look, looks;
} panels[] = {
    {"cached, per CPU-second, against the same by hand",
     "unset logscale y",
     {"cached", "zero", "peers"},
     0,
     4},
    {"cached, per CPU-second, against threads", "set logscale y 2", {"peers"}, 4, 4},
    {"O_DIRECT, by the clock", "set logscale y 2", {"direct", "zero-direct", "peers-direct"}, 0, PEERS},
};

enum { PANELS = sizeof(panels) / sizeof(panels[0]) };

bool report_can_draw(void)
{
    return system("command -v gnuplot >/dev/null 2>&1") == 0;
}

static bool is_of(const struct row *row, const char *name)
{
    return strcmp(bench_case_of(row)->name, name) == 0;
}

/* depth, ratio, its interval: the points of the line of that peer in the case. Returns how many; *ret_ours is
 * whose line it is. */
static unsigned put_points(FILE *out, const struct report *report, const char *name, const char *peer,
                           const char **ret_ours)
{
    const struct plan *plan = report->results->plan;
    unsigned points = 0;
    for (unsigned i = 0; i < plan->count; i++) {
        struct outcome outcome;
        const struct row *row = &plan->rows[i];
        if (!is_of(row, name) || strcmp(row->theirs, peer) != 0 ||
            !results_of(report->results, i, &outcome) || outcome.state != OUTCOME_MEASURED)
            continue;
        const struct figure *figure = &outcome.figures[0];
        fprintf(out, "%u %.5g %.5g %.5g\n", row->task.depth, figure->value, figure->low, figure->high);
        *ret_ours = row->ours;
        points++;
    }
    return points;
}

/* The data of a panel's lines as $l0, $l1 and so on, and the plot command that names those with a line's
 * points. */
static void put_panel(FILE *out, const struct report *report, const struct panel *panel)
{
    char *plot = NULL;
    size_t size = 0;
    unsigned line = 0;
    FILE *command = open_memstream(&plot, &size);
    if (!command)
        return;
    for (unsigned i = 0; i < CASES * panel->looks; i++) {
        const char *name = panel->cases[i / panel->looks], *ours;
        unsigned look = panel->first_look + i % panel->looks;
        if (!name)
            continue;
        fprintf(out, "$l%u << EOD\n", line);
        if (put_points(out, report, name, looks[look].peer, &ours) > 1)
            fprintf(command,
                    ", $l%u using 1:2:3:4 with yerrorlines linecolor '%s' pointtype %u title '%s : %s'",
                    line++, looks[look].color, look + 1, ours, looks[look].peer);
        fputs("EOD\n", out);
    }
    fclose(command);
    fprintf(out, "%s\nset title '%s'\nplot 1 with lines linecolor 'gray' notitle%s\n", panel->scale,
            panel->title, plot);
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
    fputs("set terminal svg size 1000,1080 noenhanced dynamic background '#ffffff' font 'sans-serif,12'\nset "
          "output ",
          gnuplot);
    put_quoted(gnuplot, path);
    fputs("\nset multiplot layout 3,1\nset grid\nset key outside right\nset logscale x 2\nset logscale y 2\n"
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
