/* heap.c - the parts of the event queue that are off the hot path. */
#include "heap.h"

#include <errno.h>
#include <stdlib.h>

int sim_heap_init(sim_heap_t *heap, uint32_t capacity)
{
    sim_event_t *events = malloc((size_t)capacity * sizeof(*events));
    if (!events)
        return -ENOMEM;
    *heap = (sim_heap_t){.events = events, .capacity = capacity};
    return 0;
}

void sim_heap_destroy(sim_heap_t *heap)
{
    free(heap->events);
    *heap = (sim_heap_t){0};
}

bool sim_heap_check(const sim_heap_t *heap)
{
    if (heap->count > heap->capacity)
        return false;
    for (uint32_t i = 1; i < heap->count; i++) {
        if (sim_event_before(heap->events[i], heap->events[(i - 1) / 4]))
            return false;
    }
    return true;
}
