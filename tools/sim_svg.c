/* sim_svg.c - the chart as SVG: gnuplot draws it, from commands and data on its standard input. */
#include "sim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct panel {
    const char *title;
    const char *column; /* what gnuplot plots of a data line */
} panel_t;

static const panel_t panels[] = {{"limit", "2"}, {"operations / s", "3"}, {"p99 (us)", "4"}};

#define PANELS ((int)(sizeof(panels) / sizeof(panels[0])))

/* Paths stand in single quotes in gnuplot's commands; a quote in one is doubled. */
static void put_quoted(FILE *gnuplot, const char *text)
{
    fputc('\'', gnuplot);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', gnuplot);
        fputc(*text, gnuplot);
    }
    fputc('\'', gnuplot);
}

static void put_script(FILE *gnuplot, const sim_plan_t *plan, const char *path)
{
    const char *model = plan->rows[0].subject->model.name;
    fputs("set terminal svg size 900,720 dynamic background '#ffffff' font 'sans-serif,12'\n"
          "set output ",
          gnuplot);
    put_quoted(gnuplot, path);
    fputs("\nset multiplot layout 3,1 title ", gnuplot);
    put_quoted(gnuplot, model);
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

/* Start gnuplot with its standard input from a pipe. -1: no pipe, no process. */
static pid_t start_gnuplot(FILE **ret_input)
{
    int ends[2];
    if (pipe(ends))
        return -1;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[0], STDIN_FILENO);
        close(ends[0]);
        close(ends[1]);
        execlp("gnuplot", "gnuplot", (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    *ret_input = child > 0 ? fdopen(ends[1], "w") : NULL;
    if (!*ret_input)
        close(ends[1]);
    return child;
}

int sim_export_svg(const sim_plan_t *plan, const char *path)
{
    FILE *gnuplot = NULL;
    /* A gnuplot that can't start shows in its status, not as a signal to us. */
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    pid_t child = start_gnuplot(&gnuplot);
    if (gnuplot) {
        put_script(gnuplot, plan, path);
        fclose(gnuplot);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    signal(SIGPIPE, old);
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
        fputs("auraio sim: --svg needs gnuplot, which is not in PATH; install it (Debian: apt "
              "install "
              "gnuplot-nox), or use --chart or --csv\n",
              stderr);
    else
        fprintf(stderr, "auraio sim: gnuplot could not write '%s'\n", path);
    return -1;
}
