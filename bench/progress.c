/* SPDX-License-Identifier: MIT */
/* See progress.h. */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WIDTH = 30 };

static const uint64_t redraw_ns = 50 * 1000000u;

static uint64_t now_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void progress_init(struct progress *progress)
{
    *progress = (struct progress){.terminal = isatty(STDERR_FILENO) != 0};
}

static void name_once(struct progress *progress, const char *what)
{
    if (strncmp(progress->what, what, sizeof(progress->what) - 1) == 0)
        return;
    snprintf(progress->what, sizeof(progress->what), "%s", what);
    fprintf(stderr, "%s ...\n", what);
}

void progress_show(struct progress *progress, const char *what, double done)
{
    if (!progress->terminal) {
        name_once(progress, what);
        return;
    }
    uint64_t now = now_ns();
    if (progress->drawn && done < 1 && now - progress->drawn_ns < redraw_ns)
        return;
    progress->drawn = true;
    progress->drawn_ns = now;
    int filled = (int)(done * WIDTH + 0.5);
    fprintf(stderr, "\r\033[K%s [", what);
    for (int i = 0; i < WIDTH; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fprintf(stderr, "] %3.0f %%", done * 100);
    fflush(stderr);
}

void progress_clear(struct progress *progress)
{
    if (!progress->drawn)
        return;
    fprintf(stderr, "\r\033[K");
    fflush(stderr);
    progress->drawn = false;
}
