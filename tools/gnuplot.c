/* gnuplot.c - see gnuplot.h. */
#include "gnuplot.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A quote inside is doubled. */
void gnuplot_quoted(FILE *gnuplot, const char *text)
{
    fputc('\'', gnuplot);
    for (; *text; text++) {
        if (*text == '\'')
            fputc('\'', gnuplot);
        fputc(*text, gnuplot);
    }
    fputc('\'', gnuplot);
}

/* Start gnuplot with its standard input from a pipe. -1: no pipe, no process. */
static pid_t start(FILE **ret_input)
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

/* Have gnuplot run what `script` says, nothing for NULL. Its exit status; -1: it could not be run or was
 * killed; 127: there is no gnuplot, which was said. */
static int run(const char *command, gnuplot_script_t script, void *argument)
{
    FILE *gnuplot = NULL;
    /* A gnuplot that can't start shows in its status, not as a signal to us. */
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    pid_t child = start(&gnuplot);
    if (gnuplot) {
        if (script)
            script(gnuplot, argument);
        fclose(gnuplot);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    signal(SIGPIPE, old);
    int result = child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (result == 127)
        fprintf(stderr,
                "auraio %s: --svg needs gnuplot, which is not in PATH; install it (Debian: apt install "
                "gnuplot-nox), or use the other outputs\n",
                command);
    return result;
}

int gnuplot_check(const char *command)
{
    return run(command, NULL, NULL) == 127 ? -1 : 0;
}

typedef struct chart {
    const char *path;
    int width, height;
    gnuplot_script_t script;
    void *argument;
} chart_t;

static void put_chart(FILE *gnuplot, void *argument)
{
    const chart_t *chart = argument;
    fprintf(gnuplot,
            "set terminal svg size %d,%d dynamic background '#ffffff' font 'sans-serif,12'\nset output ",
            chart->width, chart->height);
    gnuplot_quoted(gnuplot, chart->path);
    fputc('\n', gnuplot);
    chart->script(gnuplot, chart->argument);
}

int gnuplot_svg(const char *command, const char *path, int width, int height, gnuplot_script_t script,
                void *argument)
{
    chart_t chart = {.path = path, .width = width, .height = height, .script = script, .argument = argument};
    int status = run(command, put_chart, &chart);
    if (status != 0 && status != 127)
        fprintf(stderr, "auraio %s: gnuplot could not write '%s'\n", command, path);
    return status == 0 ? 0 : -1;
}
