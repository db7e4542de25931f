/* SPDX-License-Identifier: MIT */
/*
 * The deadline heap against the plainest reference there is: an array that is searched. Slots come from a
 * ring without a backend; nothing here reaches the kernel.
 */
#include "ring-private.h"

#include <errno.h>
#include <stdlib.h>

#include "check.h"
#include "support.h"

enum { SLOTS = 1024 };

static struct ring ring;
static struct ring_slot *slots;
static bool inside[SLOTS];

static void set_up(void)
{
    slots = aligned_alloc(sizeof(*slots), SLOTS * sizeof(*slots));
    cr_assert_not_null(slots);
    for (int i = 0; i < SLOTS; i++)
        slots[i] = (struct ring_slot){0};
}

static void tear_down(void)
{
    free(ring.deadlines);
    free(slots);
}

TestSuite(deadline, .init = set_up, .fini = tear_down, .timeout = 60);

static int count_inside(void)
{
    int count = 0;
    for (int i = 0; i < SLOTS; i++)
        count += inside[i];
    return count;
}

/* Every slot of the reference is in the heap at the place it says, in heap order, and none besides. */
static void check_heap(void)
{
    check_is(ring.deadline_count, count_inside());
    for (int i = 0; i < SLOTS; i++) {
        if (!inside[i]) {
            check_is(slots[i].heap_place, 0);
            continue;
        }
        uint32_t place = slots[i].heap_place - 1;
        check_that(place < ring.deadline_count && ring.deadlines[place] == &slots[i]);
        if (place > 0)
            check_that(ring.deadlines[(place - 1) / 2]->deadline_ns <= slots[i].deadline_ns);
    }
}

static int64_t earliest_inside(void)
{
    int64_t earliest_ns = INT64_MAX;
    for (int i = 0; i < SLOTS; i++)
        if (inside[i] && slots[i].deadline_ns < earliest_ns)
            earliest_ns = slots[i].deadline_ns;
    return earliest_ns;
}

static void add(int i, int64_t deadline_ns)
{
    slots[i].deadline_ns = deadline_ns;
    check_is(deadline_add(&ring, &slots[i]), 0);
    inside[i] = true;
}

static void take(int i)
{
    deadline_remove(&ring, &slots[i]);
    inside[i] = false;
}

Test(deadline, random_additions_and_removals_agree_with_the_reference)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        uint64_t random = seed;
        /* Few different times: many equal ones. */
        const uint64_t range = seed % 2 ? 16 : UINT64_C(1) << 40;
        for (int step = 0; step < 3000; step++) {
            int i = (int)(random_next(&random) % SLOTS);
            if (inside[i])
                take(i);
            else
                add(i, (int64_t)(random_next(&random) % range));
            if (step % 64 == 0)
                check_heap();
            if (ring.deadline_count > 0)
                check_is(ring.deadlines[0]->deadline_ns, earliest_inside());
        }
        while (ring.deadline_count > 0)
            take((int)(ring.deadlines[random_next(&random) % ring.deadline_count] - slots));
        check_heap();
    }
}

Test(deadline, taking_the_first_again_and_again_sorts)
{
    uint64_t random = 99;
    for (int i = 0; i < SLOTS; i++)
        add(i, (int64_t)(random_next(&random) % 1000));
    int64_t before_ns = -1;
    while (ring.deadline_count > 0) {
        struct ring_slot *first = ring.deadlines[0];
        check_at_least(first->deadline_ns, before_ns);
        before_ns = first->deadline_ns;
        take((int)(first - slots));
    }
    check_is(count_inside(), 0);
}

Test(deadline, ascending_and_descending_additions_make_a_heap)
{
    for (int i = 0; i < SLOTS / 2; i++)
        add(i, i);
    for (int i = SLOTS - 1; i >= SLOTS / 2; i--)
        add(i, -i);
    check_heap();
    check_is(ring.deadlines[0]->deadline_ns, -(SLOTS - 1));
}
