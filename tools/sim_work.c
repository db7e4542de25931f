/* sim_work.c - many independent pieces of work on a few threads. */
#include "sim.h"

#include <pthread.h>
#include <stdlib.h>

#include "progress.h"

typedef struct work {
    pthread_mutex_t lock;
    int next, done, count;
    bool progress;
    const char *label;
    void (*function)(void *argument, int index);
    void *argument;
} work_t;

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
        if (work->progress) /* with the lock held: the bar is drawn by whoever finished a piece */
            progress_draw(work->label, work->done, work->count);
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
