/* fifo.h - a bounded queue of 64-bit values: operation numbers waiting for a server, or the times
 * at which the application queued its requests. */
#ifndef SIM_FIFO_H
#define SIM_FIFO_H

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct sim_fifo {
    int64_t *items;
    uint32_t head, count, mask;
} sim_fifo_t;

/* `capacity` is rounded up to a power of two. 0 or -ENOMEM. */
static inline int sim_fifo_init(sim_fifo_t *fifo, uint32_t capacity)
{
    uint32_t size = 1;
    while (size < capacity)
        size *= 2;
    int64_t *items = malloc(size * sizeof(*items));
    if (!items)
        return -ENOMEM;
    *fifo = (sim_fifo_t){.items = items, .mask = size - 1};
    return 0;
}

static inline void sim_fifo_destroy(sim_fifo_t *fifo)
{
    free(fifo->items);
    *fifo = (sim_fifo_t){0};
}

static inline void sim_fifo_push(sim_fifo_t *fifo, int64_t item)
{
    assert(fifo->count <= fifo->mask);
    fifo->items[(fifo->head + fifo->count++) & fifo->mask] = item;
}

static inline int64_t sim_fifo_pop(sim_fifo_t *fifo)
{
    assert(fifo->count > 0);
    int64_t item = fifo->items[fifo->head];
    fifo->head = (fifo->head + 1) & fifo->mask;
    fifo->count--;
    return item;
}

#endif
