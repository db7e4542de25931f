/* progress.c - see progress.h. */
#include "progress.h"

#include <stdint.h>
#include <stdio.h>

#define BAR 30

void progress_clear(void)
{
    fputs("\r\033[K", stderr);
    fflush(stderr);
}

void progress_draw(const char *label, int done, int count)
{
    char bar[BAR + 1];
    int filled = (int)((int64_t)BAR * done / count);
    for (int i = 0; i < BAR; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR] = '\0';
    fprintf(stderr, "\r%-8s [%s] %d/%d ", label, bar, done, count);
    fflush(stderr);
    if (done == count)
        progress_clear();
}
