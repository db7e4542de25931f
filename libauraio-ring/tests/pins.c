/* SPDX-License-Identifier: MIT */
/*
 * Memory that rings register by themselves: what earns it, what ends it, and that an operation never reads
 * into pages that were there before. The arenas are mappings of this program's, direct I/O is real.
 */
#include "faults.h"
#include "pins.h"
#include "ring-private.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "support.h"

enum { PAGE = 4096, LEAST = 256 << 10, ARENA = 4 << 20, ARENAS_MAX = 80, FILE_BYTES = 8 << 20 };

static struct iovec arenas[ARENAS_MAX];
static _Atomic int arena_count;
static int pin_calls;
static int direct_fd, cached_fd;

static bool find_arena(void *context, const void *start, size_t len, struct iovec *ret_arena)
{
    (void)context;
    for (int i = 0; i < arena_count; i++) {
        size_t offset = (uintptr_t)start - (uintptr_t)arenas[i].iov_base;
        if (offset < arenas[i].iov_len && len <= arenas[i].iov_len - offset) {
            *ret_arena = arenas[i];
            return true;
        }
    }
    return false;
}

static void pin_arena(void *context, const void *start)
{
    struct iovec arena;
    check_that(find_arena(context, start, 1, &arena));
    pin_calls++;
}

static const struct ring_memory memory = {.arenas = &arena_count, .find = find_arena, .pin = pin_arena};

/* Aligned as the pool's. */
static char *arena_at(char *place, size_t len)
{
    char *base = place;
    if (!place) {
        char *wide = mmap(NULL, len + ARENA, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check_that(wide != MAP_FAILED);
        base = (char *)(((uintptr_t)wide + ARENA - 1) & ~(uintptr_t)(ARENA - 1));
    }
    base = mmap(base, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    check_that(base != MAP_FAILED);
    arenas[arena_count] = (struct iovec){base, len};
    atomic_fetch_add(&arena_count, 1);
    return base;
}

static char *arena_new(size_t len)
{
    return arena_at(NULL, len);
}

static void set_up(void)
{
    static char bytes[FILE_BYTES];
    char path[64];
    only_uring();
    cached_fd = file_empty(0);
    pattern_fill(bytes, FILE_BYTES, 0);
    fd_write_all(cached_fd, bytes, FILE_BYTES);
    check_is(fsync(cached_fd), 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", cached_fd);
    direct_fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (direct_fd < 0)
        skip_because("the file system of the tests has no direct I/O");
}

static void tear_down(void)
{
    fault_clear();
}

TestSuite(pins, .init = set_up, .fini = tear_down, .timeout = 60);

static struct ring_group *group_of(enum ring_select select)
{
    struct ring_config config = config_small(select);
    config.memory = &memory;
    return group_new(&config);
}

static struct ring_group_info info_of(struct ring_group *group)
{
    struct ring_group_info info;
    ring_group_info(group, &info);
    return info;
}

static size_t pinned_by(struct ring_group *group)
{
    return info_of(group).pinned_bytes;
}

static uint8_t last_opcode;

static void note_opcode(struct io_uring_sqe *sqe)
{
    if (sqe->opcode != IORING_OP_NOP && sqe->opcode != IORING_OP_ASYNC_CANCEL)
        last_opcode = sqe->opcode;
}

/* A read that must bring the file's bytes. */
static void read_at(struct ring_group *group, int fd, char *buf, size_t len, int64_t offset)
{
    memset(buf, 0xee, len);
    check_is(perform(group, op_transfer(RING_OP_READ, fd, buf, len, offset, NULL)), len);
    check_that(pattern_holds(buf, len, offset));
}

/* So many bytes of direct reads in pages, all into the first page at @buf. */
static void move(struct ring_group *group, char *buf, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += PAGE)
        read_at(group, direct_fd, buf, PAGE, (int64_t)(done % FILE_BYTES));
}

/* ------------------------------------------------------------------ earned */

Test(pins, memory_is_registered_once_as_much_was_moved_as_there_is_to_pin)
{
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    char *buf = arena_new(ARENA);
    fault_edit = note_opcode;
    move(group, buf, LEAST - PAGE);
    check_is(pinned_by(group), 0);
    check_is(last_opcode, IORING_OP_READ);
    move(group, buf, PAGE);
    check_is(pinned_by(group), LEAST);
    check_is(last_opcode, IORING_OP_READ_FIXED);
    check_is(pin_calls, 1);
    move(group, buf + LEAST - PAGE, LEAST);
    check_is(pinned_by(group), LEAST);
    check_is(last_opcode, IORING_OP_READ_FIXED);
    check_that(ring_group_check(group));
    ring_group_destroy(group);
}

Test(pins, an_extent_doubles_as_it_is_earned_up_to_its_arena)
{
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    char *arena = arena_new(ARENA);
    move(group, arena, LEAST);
    for (size_t size = LEAST; size < ARENA; size *= 2) {
        check_is(pinned_by(group), size);
        move(group, arena + size, 2 * size - PAGE);
        check_is(pinned_by(group), size);
        move(group, arena + size, PAGE);
    }
    check_is(pinned_by(group), ARENA);
    fault_edit = note_opcode;
    read_at(group, direct_fd, arena, ARENA, 0);
    check_is(last_opcode, IORING_OP_READ_FIXED);
    ring_group_destroy(group);
}

Test(pins, a_large_buffer_is_registered_up_to_its_odd_end)
{
    enum { LEN = 5 << 20 };
    struct ring_group *group = group_of(RING_SELECT_THREAD_LOCAL);
    char *arena = arena_new(LEN);
    for (int i = 0; i < 4; i++)
        read_at(group, direct_fd, arena, LEN, 0);
    check_is(pinned_by(group), LEN);
    fault_edit = note_opcode;
    for (size_t at = 0; at < LEN; at += 1 << 20) { /* found in each chunk of it */
        last_opcode = 0;
        read_at(group, direct_fd, arena + at, 1 << 20, (int64_t)at);
        check_is(last_opcode, IORING_OP_READ_FIXED);
    }
    ring_group_destroy(group);
}

Test(pins, writes_and_operations_with_more_to_them_use_it_too)
{
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    char *buf = arena_new(ARENA), back[PAGE];
    struct ring_op_rare rare = {.timeout_ns = UINT64_C(60000000000)};
    move(group, buf, LEAST);
    fault_edit = note_opcode;
    pattern_fill(buf, PAGE, 777);
    check_is(perform(group, op_transfer(RING_OP_WRITE, direct_fd, buf, PAGE, PAGE, NULL)), PAGE);
    check_is(last_opcode, IORING_OP_WRITE_FIXED);
    check_is(pread(cached_fd, back, PAGE, PAGE), PAGE);
    check_that(pattern_holds(back, PAGE, 777));
    struct ring_op timed = op_transfer(RING_OP_READ, direct_fd, buf, PAGE, 0, NULL);
    timed.rare = &rare;
    struct outcome outcome = {0};
    timed.user_data = &outcome;
    (void)submit(group, &timed);
    check_is(drain(group), 1);
    check_is(outcome.result, PAGE);
    check_that(pattern_holds(buf, PAGE, 0));
    ring_group_destroy(group);
}

Test(pins, what_goes_through_the_page_cache_or_lies_elsewhere_is_left_alone)
{
    static char elsewhere[PAGE] __attribute__((aligned(4096)));
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    char *buf = arena_new(ARENA);
    fault_edit = note_opcode;
    for (int i = 0; i < 200; i++)
        read_at(group, cached_fd, buf, PAGE, i * PAGE);
    check_is(last_opcode, IORING_OP_READ);
    move(group, elsewhere, 2 * LEAST);
    check_is(last_opcode, IORING_OP_READ);
    check_is(pinned_by(group), 0);
    check_is(pin_calls, 0);
    check_is(fault_calls(FAULT_MAKE_BUFFERS), 0);
    ring_group_destroy(group);
}

Test(pins, more_arenas_than_there_are_places_are_served_all_the_same)
{
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    for (int i = 0; i < PIN_PLACES + 4; i++)
        move(group, arena_new(ARENA), LEAST);
    check_is(pinned_by(group), (size_t)PIN_PLACES * LEAST);
    for (int i = 0; i < PIN_PLACES + 4; i++)
        read_at(group, direct_fd, arenas[i].iov_base, PAGE, i * PAGE);
    ring_group_forget_memory(group, arenas[7].iov_base);
    check_is(pinned_by(group), (size_t)(PIN_PLACES - 1) * LEAST);
    move(group, arenas[PIN_PLACES].iov_base, LEAST);
    check_is(pinned_by(group), (size_t)PIN_PLACES * LEAST);
    check_that(ring_group_check(group));
    ring_group_destroy(group);
}

/* ------------------------------------------------------------------- ended */

/* Another arena in the place of the first. */
static char *replace_arena(struct ring_group *group)
{
    char *base = arenas[0].iov_base;
    ring_group_forget_memory(group, base);
    check_is(munmap(base, ARENA), 0);
    arena_count = 0;
    return arena_at(base, ARENA);
}

Test(pins, an_arena_in_the_place_of_another_is_not_taken_for_it)
{
    static const enum ring_select selects[] = {RING_SELECT_ROUND_ROBIN, RING_SELECT_THREAD_LOCAL};
    for (int i = 0; i < 2; i++) {
        arena_count = 0;
        struct ring_group *group = group_of(selects[i]);
        char *buf = arena_new(ARENA);
        move(group, buf, LEAST);
        check_is(pinned_by(group), LEAST);
        check_that(replace_arena(group) == buf);
        check_is(pinned_by(group), 0);
        move(group, buf, 2 * LEAST);
        check_is(pinned_by(group), LEAST);
        ring_group_destroy(group);
    }
}

struct owner {
    struct ring_group *group;
    pthread_barrier_t barrier;
};

static void *own_a_ring(void *context)
{
    struct owner *owner = context;
    char *buf = arenas[0].iov_base;
    move(owner->group, buf, LEAST);
    pthread_barrier_wait(&owner->barrier); /* registered */
    pthread_barrier_wait(&owner->barrier); /* replaced */
    move(owner->group, buf, LEAST);
    return NULL;
}

Test(pins, the_ring_of_another_thread_lets_go_at_its_next_call)
{
    struct owner owner = {.group = group_of(RING_SELECT_THREAD_LOCAL)};
    pthread_t thread;
    (void)arena_new(ARENA);
    check_is(pthread_barrier_init(&owner.barrier, NULL, 2), 0);
    check_is(pthread_create(&thread, NULL, own_a_ring, &owner), 0);
    pthread_barrier_wait(&owner.barrier);
    check_is(pinned_by(owner.group), LEAST);
    (void)replace_arena(owner.group);
    pthread_barrier_wait(&owner.barrier);
    check_is(pthread_join(thread, NULL), 0);
    pthread_barrier_destroy(&owner.barrier);
    ring_group_destroy(owner.group);
}

Test(pins, what_was_never_registered_ends_without_a_word)
{
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    char *buf = arena_new(ARENA);
    read_at(group, direct_fd, buf, PAGE, 0);
    uint64_t version = atomic_load(&group->tables_version);
    ring_group_forget_memory(group, buf);
    check_is(atomic_load(&group->tables_version), version);
    ring_group_destroy(group);
}

/* ----------------------------------------------------------------- refused */

Test(pins, where_the_kernel_refuses_plain_memory_is_used_and_the_reason_kept)
{
    static const enum fault faults[] = {FAULT_MAKE_BUFFERS, FAULT_UPDATE_BUFFERS};
    for (int i = 0; i < 2; i++) {
        arena_count = 0;
        struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
        char *buf = arena_new(ARENA);
        fault_arm(faults[i], 0, 1, ENOMEM);
        move(group, buf, 4 * LEAST);
        check_is(fault_calls(faults[i]), 1); /* and it is not asked again */
        check_is(pinned_by(group), 0);
        check_is(info_of(group).pin_refused_errno, ENOMEM);
        ring_group_destroy(group);
    }
}

Test(pins, an_extent_that_may_not_grow_stays_as_it_is)
{
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    char *arena = arena_new(ARENA);
    move(group, arena, LEAST);
    fault_arm(FAULT_UPDATE_BUFFERS, 0, 1, ENOMEM);
    move(group, arena + LEAST, 2 * LEAST);
    check_is(pinned_by(group), LEAST);
    fault_edit = note_opcode;
    move(group, arena, PAGE);
    check_is(last_opcode, IORING_OP_READ_FIXED);
    ring_group_destroy(group);
}

Test(pins, half_of_what_may_be_locked_is_left_to_others)
{
    const struct rlimit little = {2 * LEAST, 2 * LEAST};
    check_is(setrlimit(RLIMIT_MEMLOCK, &little), 0);
    fault_arm(FAULT_SYSCALL, 0, 1000, EPERM); /* nobody says that this process may lock all it likes */
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    fault_clear();
    move(group, arena_new(ARENA), LEAST);
    check_is(pinned_by(group), LEAST);
    move(group, arena_new(ARENA), 4 * LEAST);
    check_is(pinned_by(group), LEAST);
    check_is(info_of(group).pin_refused_errno, 0);
    ring_group_destroy(group);
}

static int edits_left;

/* The next operation names a buffer that is not there. */
static void spoil_buffer(struct io_uring_sqe *sqe)
{
    if (sqe->opcode == IORING_OP_READ_FIXED && edits_left > 0) {
        edits_left--;
        sqe->buf_index = PIN_PLACES - 1;
    }
}

Test(pins, an_operation_whose_registered_memory_is_gone_goes_on_with_plain_memory)
{
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    char *buf = arena_new(ARENA);
    move(group, buf, LEAST);
    fault_edit = spoil_buffer;
    edits_left = 1;
    read_at(group, direct_fd, buf, PAGE, PAGE);
    check_is(edits_left, 0);
    ring_group_destroy(group);
}

/* --------------------------------------------- beside the application's own */

static void read_fixed(struct ring_group *group, int index, char *buf)
{
    struct ring_op op = op_transfer(RING_OP_READ, direct_fd, NULL, PAGE, PAGE, NULL);
    op.flags = RING_OP_FIXED;
    op.buf_index = (uint16_t)index;
    memset(buf, 0, PAGE);
    check_is(perform(group, op), PAGE);
    check_that(pattern_holds(buf, PAGE, PAGE));
}

Test(pins, buffers_of_the_application_come_and_go_beside_them)
{
    static char own[2][PAGE] __attribute__((aligned(4096)));
    const struct iovec iovs[] = {{own[0], PAGE}, {own[1], PAGE}};
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    char *buf = arena_new(ARENA);
    fault_edit = note_opcode;
    move(group, buf, LEAST);
    for (int round = 0; round < 3; round++) {
        check_is(ring_group_register_buffers(group, iovs, 2), 0);
        read_fixed(group, 1, own[1]);
        check_is(last_opcode, IORING_OP_READ_FIXED);
        move(group, buf, LEAST); /* the first time the table had to make room, and this earns it again */
        check_is(pinned_by(group), LEAST);
        check_is(last_opcode, IORING_OP_READ_FIXED);
        read_fixed(group, 0, own[0]);
        check_is(ring_group_unregister_buffers(group), 0);
        check_is(pinned_by(group), LEAST);
        move(group, buf, PAGE);
        check_is(last_opcode, IORING_OP_READ_FIXED);
    }
    check_that(ring_group_check(group));
    ring_group_destroy(group);
}

Test(pins, a_table_that_the_application_fills_has_no_place_for_them)
{
    static struct iovec many[16384];
    static char own[PAGE] __attribute__((aligned(4096)));
    for (int i = 0; i < 16384; i++)
        many[i] = (struct iovec){own, PAGE};
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    check_is(ring_group_register_buffers(group, many, 16384), 0);
    move(group, arena_new(ARENA), 2 * LEAST);
    check_is(pinned_by(group), 0);
    read_fixed(group, 16383, own);
    ring_group_destroy(group);
}

Test(pins, they_make_way_where_the_application_cannot_register)
{
    static char own[PAGE] __attribute__((aligned(4096)));
    const struct iovec iov = {own, PAGE};
    struct ring_config config = config_small(RING_SELECT_ROUND_ROBIN);
    config.memory = &memory;
    config.ring_count = 2; /* one makes way as it makes room in its table */
    struct ring_group *group = group_new(&config);
    char *buf = arena_new(ARENA);
    move(group, buf, 2 * LEAST);
    check_is(pinned_by(group), 2 * LEAST);
    fault_arm(FAULT_UPDATE_BUFFERS, 0, 1, ENOMEM);
    check_is(ring_group_register_buffers(group, &iov, 1), 0);
    read_fixed(group, 0, own);
    move(group, buf, 4 * LEAST);
    check_is(pinned_by(group), 0);
    ring_group_destroy(group);
}

/* A descriptor that was a file's is a pipe's, and the ring does not know yet: what reads it may never end. */
Test(pins, a_table_is_not_replaced_under_an_operation_that_may_never_end)
{
    static char own[2][PAGE] __attribute__((aligned(4096)));
    const struct iovec iovs[] = {{own[0], PAGE}, {own[1], PAGE}};
    struct ring_group *group = group_of(RING_SELECT_ROUND_ROBIN);
    struct outcome outcome = {0};
    char *buf = arena_new(ARENA);
    pipe_pair_t pair = pipe_open(0);
    move(group, buf, LEAST);
    check_is(dup2(pair.read_fd, direct_fd), direct_fd);
    struct ring_op op = op_transfer(RING_OP_READ, direct_fd, buf, 1, -1, &outcome);
    (void)submit(group, &op);
    (void)ring_group_flush(group);
    check_is(ring_group_register_buffers(group, iovs, 2), -EBUSY);
    check_is(pinned_by(group), LEAST);
    fd_write_all(pair.write_fd, "x", 1);
    check_is(drain(group), 1);
    check_is(outcome.result, 1);
    check_is(buf[0], 'x');
    check_is(ring_group_register_buffers(group, iovs, 2), 0);
    pipe_close(pair);
    ring_group_destroy(group);
}
