/* SPDX-License-Identifier: MIT */
/*
 * Handles: a handle names one operation for ever, through slot reuse, through the end of the group and the
 * reuse of its slabs by the next one; garbage names nothing.
 */
#include "slot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "ring-private.h"
#include "support.h"

static const ring_handle_t one_generation = UINT64_C(1) << SLOT_INDEX_BITS;

TestSuite(slot, .timeout = 120);

/* ------------------------------------------------------------------- slabs */

Test(slot, a_fresh_slab_has_256_free_slots_that_know_their_handle_and_ring)
{
    struct ring ring;
    struct ring_slot *slots;
    uint32_t number;
    check_is(slab_acquire(&ring, 0, &slots, &number), 0);
    check_at_least(number, 1);
    for (uint32_t i = 0; i < SLAB_SLOTS; i++) {
        check_is(slot_state(&slots[i]), SLOT_FREE);
        check_that(slots[i].ring == &ring);
        check_is(slots[i].handle & (one_generation - 1), number << SLAB_SLOT_BITS | i);
        check_at_least(slots[i].handle >> SLOT_INDEX_BITS, 1);
        check_that(slot_at(slots[i].handle) == &slots[i]);
    }
    slab_retire(number);
}

Test(slot, a_retired_slab_comes_back_at_its_address_with_higher_generations)
{
    struct ring ring;
    struct ring_slot *slots, *again;
    uint32_t number, number_again;
    check_is(slab_acquire(&ring, 0, &slots, &number), 0);
    for (int i = 0; i < 1000; i++)
        slot_next_generation(&slots[17]);
    ring_handle_t used = slots[17].handle;
    slab_retire(number);
    check_is(slab_acquire(&ring, 0, &again, &number_again), 0);
    check_is(number_again, number);
    check_that(again == slots);
    for (int i = 0; i < SLAB_SLOTS; i++)
        check_that(again[i].handle >> SLOT_INDEX_BITS > used >> SLOT_INDEX_BITS);
    slab_retire(number_again);
}

Test(slot, slabs_are_reused_rather_than_mapped_anew)
{
    struct ring ring;
    uint32_t numbers[8], highest = 0;
    struct ring_slot *slots;
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 8; i++)
            check_is(slab_acquire(&ring, 0, &slots, &numbers[i]), 0);
        for (int i = 0; i < 8; i++) {
            if (round == 0 && numbers[i] > highest)
                highest = numbers[i];
            check_that(numbers[i] <= highest);
        }
        for (int i = 0; i < 8; i++)
            slab_retire(numbers[i]);
    }
}

Test(slot, a_handle_is_found_in_every_state_but_free)
{
    struct ring ring;
    struct ring_slot *slots;
    uint32_t number;
    enum slot_state state = SLOT_FREE;
    check_is(slab_acquire(&ring, 0, &slots, &number), 0);
    struct ring_slot *slot = &slots[3];
    ring_handle_t handle = slot->handle;
    check_that(slot_find(handle, &state) == NULL);
    for (int now = SLOT_QUEUED; now <= SLOT_CALLBACK; now++) {
        slot_set_state(slot, (enum slot_state)now);
        check_that(slot_find(handle, &state) == slot);
        check_is(state, now);
        check_is(ring_handle_pending(handle), now != SLOT_CALLBACK);
        check_that(slot_find(handle + one_generation, &state) == NULL);
    }
    slot_next_generation(slot);
    check_that(slot_find(handle, &state) == NULL);
    check_that(slot_was_handle(handle));
    check_that(!ring_handle_pending(handle));
    slab_retire(number);
}

Test(slot, generations_that_run_out_skip_zero)
{
    struct ring ring;
    struct ring_slot *slots;
    uint32_t number;
    check_is(slab_acquire(&ring, 0, &slots, &number), 0);
    struct ring_slot *slot = &slots[0];
    const uint64_t index = slot->handle & (one_generation - 1);
    slot->handle = (INT64_MAX & ~(one_generation - 1)) | index; /* the last generation there is */
    slot_next_generation(slot);
    check_is(slot->handle >> SLOT_INDEX_BITS, 1);
    check_is(slot->handle & (one_generation - 1), index);
    check_is(slot_state(slot), SLOT_FREE);
    slab_retire(number);
}

/* ----------------------------------------------------------------- garbage */

Test(slot, garbage_names_nothing_and_never_did)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group = group_new(&config);
    uint64_t random = 4711;
    int fd, rw_flags;
    void *user_data;
    enum slot_state state;
    struct ring_op op = op_transfer(RING_OP_READ, STDIN_FILENO, &fd, 1, -1, NULL);
    op.callback = NULL;
    op.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    ring_handle_t real = submit(group, &op);
    const ring_handle_t fixed[] = {0,
                                   1,
                                   UINT64_MAX,
                                   (1u << 24),
                                   (1u << 24) - 1,
                                   UINT64_C(1) << 63,
                                   real & (one_generation - 1) /* generation 0 */};
    const int fixed_count = (int)(sizeof(fixed) / sizeof(fixed[0]));
    for (int i = 0; i < 1000000; i++) {
        ring_handle_t handle = i < fixed_count ? fixed[i] : random_next(&random);
        if (i >= fixed_count && handle >> SLOT_INDEX_BITS <= 4) /* may be near the real one */
            continue;
        check_that(slot_find(handle, &state) == NULL);
        check_that(!slot_was_handle(handle));
        check_that(!ring_handle_pending(handle));
        check_is(ring_handle_describe(handle, &fd, &user_data, &rw_flags), -EINVAL);
        check_is(ring_group_cancel(group, handle), -EINVAL);
    }
    check_is(drain(group), 1);
    ring_group_destroy(group);
    close(op.fd);
}

Test(slot, a_handle_of_the_next_generation_never_was_one)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *group = group_new(&config);
    int pipe_fds[2];
    char byte;
    struct outcome outcome = {0};
    check_is(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct ring_op op = op_transfer(RING_OP_READ, pipe_fds[0], &byte, 1, -1, &outcome);
    ring_handle_t handle = submit(group, &op);
    check_is(ring_group_cancel(group, handle + one_generation), -EINVAL);
    check_that(ring_handle_pending(handle));
    check_is(ring_group_cancel(group, handle), 0);
    check_is(ring_group_cancel(group, handle), -EALREADY);
    check_is(drain(group), 1);
    check_is(outcome.result, -ECANCELED);
    check_is(ring_group_cancel(group, handle), -EALREADY);
    ring_group_destroy(group);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}

/* ------------------------------------------------------- lives of groups */

Test(slot, handles_of_a_destroyed_group_are_stale_for_its_successor_in_the_same_slab)
{
    enum { LIVES = 50, OPERATIONS = 300 };
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    static ring_handle_t old[LIVES][OPERATIONS];
    char byte;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC), described;
    void *user_data;
    int rw_flags;
    for (int life = 0; life < LIVES; life++) {
        struct ring_group *group = group_new(&config);
        static struct outcome outcomes[OPERATIONS];
        for (int i = 0; i < OPERATIONS; i++) {
            outcomes[i] = (struct outcome){0};
            struct ring_op op = op_transfer(RING_OP_READ, fd, &byte, 1, 0, &outcomes[i]);
            old[life][i] = submit(group, &op);
        }
        for (int before = 0; before < life; before++)
            for (int i = 0; i < OPERATIONS; i++) {
                check_that(!ring_handle_pending(old[before][i]));
                check_is(ring_handle_describe(old[before][i], &described, &user_data, &rw_flags), -EINVAL);
                check_that(ring_group_cancel(group, old[before][i]) < 0);
            }
        check_is(drain(group), OPERATIONS);
        for (int i = 0; i < OPERATIONS; i++) {
            check_is(outcomes[i].calls, 1);
            check_is(outcomes[i].result, 1); /* nothing was cancelled by an old handle */
        }
        check_that(ring_group_check(group));
        ring_group_destroy(group);
    }
    close(fd);
}

Test(slot, a_handle_of_another_group_is_refused_and_its_operation_goes_on)
{
    struct ring_config config = config_small(RING_SELECT_ADAPTIVE);
    struct ring_group *one = group_new(&config), *other = group_new(&config);
    int pipe_fds[2];
    char byte = 'x';
    struct outcome outcome = {0};
    check_is(pipe2(pipe_fds, O_CLOEXEC), 0);
    struct ring_op op = op_transfer(RING_OP_READ, pipe_fds[0], &byte, 1, -1, &outcome);
    ring_handle_t handle = submit(one, &op);
    check_is(ring_group_cancel(other, handle), -EINVAL);
    check_is(write(pipe_fds[1], &byte, 1), 1);
    check_is(drain(one), 1);
    check_is(outcome.result, 1);
    ring_group_destroy(one);
    ring_group_destroy(other);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
}
