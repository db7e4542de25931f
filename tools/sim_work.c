/* sim_work.c - many independent pieces of work on a few threads. */
#include "sim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define BAR 30

typedef struct work {
    pthread_mutex_t lock;
    int next, done, count;
    bool progress;
    const char *label;
    void (*function)(void *argument, int index);
    void *argument;
} work_t;

/* With the lock held: the bar is drawn by whoever finished a piece. */
static void draw(const work_t *work)
{
    char bar[BAR + 1];
    int filled = (int)((int64_t)BAR * work->done / work->count);
    for (int i = 0; i < BAR; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR] = '\0';
    fprintf(stderr, "\r%-8s [%s] %d/%d ", work->label, bar, work->done, work->count);
    if (work->done == work->count)
        fprintf(stderr, "\r%*s\r", BAR + 40, "");
    fflush(stderr);
}

static void *worker(void *argument)
{
    work_t *work = argument;
    pthread_mutex_lock(&work->lock);
    while (work->next < work->count) {
        int index = work->next++;
        pthread_mutex_unlock(&work->lock);
        work->function(work->argument, index);
        pthread_mutex_lock(&work->lock);
        work->done++;
        if (work->progress)
            draw(work);
    }
    pthread_mutex_unlock(&work->lock);
    return NULL;
}

void sim_work(int count, int jobs, bool progress, const char *label,
              void (*function)(void *argument, int index), void *argument)
{
    work_t work = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .count = count,
        .progress = progress,
        .label = label,
        .function = function,
        .argument = argument,
    };
    int wanted = (jobs < count ? jobs : count) - 1;
    pthread_t *threads = calloc((size_t)(wanted > 0 ? wanted : 1), sizeof(*threads));
    int started = 0;
    /* The caller works too, so that a thread that can't be had costs time, not work. */
    while (threads && started < wanted && pthread_create(&threads[started], NULL, worker, &work) == 0)
        started++;
    worker(&work);
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    free(threads);
    pthread_mutex_destroy(&work.lock);
}
