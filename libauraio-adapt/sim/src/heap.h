/* heap.h - the event queue: a 4-ary heap of (time, order of arrival, id).
 *
 * Four children a node: half the levels of a binary heap, and the children of a node share a cache
 * line. Events of the same time leave in the order they came, so a run does not depend on the
 * heap's shape. Keys are virtual times; the curve station also uses one in units of work.
 */
#ifndef SIM_HEAP_H
#define SIM_HEAP_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct sim_event {
    int64_t key;
    uint32_t order;
    uint32_t id;
} sim_event_t;

typedef struct sim_heap {
    sim_event_t *events;
    uint32_t count, capacity;
    uint32_t order;
} sim_heap_t;

/* Make room for `capacity` events. 0 or -ENOMEM. */
int sim_heap_init(sim_heap_t *heap, uint32_t capacity);
void sim_heap_destroy(sim_heap_t *heap);

/* Every parent is at most its children: for tests. */
bool sim_heap_check(const sim_heap_t *heap);

/* The order counter wraps after 2^32 events: compare by distance, which holds as long as the events
 * queued at one time span less than 2^31. */
static inline bool sim_event_before(sim_event_t a, sim_event_t b)
{
    return a.key < b.key || (a.key == b.key && (int32_t)(a.order - b.order) < 0);
}

static inline int64_t sim_heap_first(const sim_heap_t *heap)
{
    return heap->count ? heap->events[0].key : INT64_MAX;
}

static inline void sim_heap_push(sim_heap_t *heap, int64_t key, uint32_t id)
{
    assert(heap->count < heap->capacity);
    sim_event_t event = {key, heap->order++, id};
    uint32_t at = heap->count++;
    while (at > 0) {
        uint32_t parent = (at - 1) / 4;
        if (!sim_event_before(event, heap->events[parent]))
            break;
        heap->events[at] = heap->events[parent];
        at = parent;
    }
    heap->events[at] = event;
}

static inline uint32_t sim_heap_pop(sim_heap_t *heap)
{
    assert(heap->count > 0);
    sim_event_t *events = heap->events;
    uint32_t id = events[0].id;
    uint32_t count = --heap->count;
    sim_event_t last = events[count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 4 * at + 1;
        if (child >= count)
            break;
        uint32_t end = child + 4 < count ? child + 4 : count;
        uint32_t least = child;
        for (uint32_t i = child + 1; i < end; i++) {
            if (sim_event_before(events[i], events[least]))
                least = i;
        }
        if (!sim_event_before(events[least], last))
            break;
        events[at] = events[least];
        at = least;
    }
    events[at] = last;
    return id;
}

#endif
