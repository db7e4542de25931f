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

int gnuplot_svg(const char *command, const char *path, int width, int height, gnuplot_script_t script,
                void *argument)
{
    FILE *gnuplot = NULL;
    /* A gnuplot that can't start shows in its status, not as a signal to us. */
    void (*old)(int) = signal(SIGPIPE, SIG_IGN);
    pid_t child = start(&gnuplot);
    if (gnuplot) {
        fprintf(gnuplot,
                "set terminal svg size %d,%d dynamic background '#ffffff' font 'sans-serif,12'\nset output ",
                width, height);
        gnuplot_quoted(gnuplot, path);
        fputc('\n', gnuplot);
        script(gnuplot, argument);
        fclose(gnuplot);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    signal(SIGPIPE, old);
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 127)
        fprintf(stderr,
                "auraio %s: --svg needs gnuplot, which is not in PATH; install it (Debian: apt install "
                "gnuplot-nox), or use the other outputs\n",
                command);
    else
        fprintf(stderr, "auraio %s: gnuplot could not write '%s'\n", command, path);
    return -1;
}
