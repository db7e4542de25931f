/* SPDX-License-Identifier: MIT */
/* The clock of a simulated world, what happens when, and how it sleeps. */
#include "world-private.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t first_ns = 1000 * 1000 * 1000; /* 0 means "none" in many places */

/* -------------------------------------------------------------------- hooks */

void world_point(struct world *world)
{
    if (world->hooks && world->hooks->point)
        world->hooks->point(world->hooks->context);
}

void world_tell(struct world *world, enum world_event event, uint64_t key, int64_t value)
{
    if (world->hooks && world->hooks->tell)
        world->hooks->tell(world->hooks->context, event, key, value);
}

/* Nothing happens by itself any more: only another thread or process can write to a pipe. */
static void sleep_on_streams(struct world *world)
{
    enum { LOOKED_AT = 64 };
    struct pollfd fds[LOOKED_AT];
    nfds_t count = 0;
    for (struct operation *operation = world->streams; operation && count < LOOKED_AT;
         operation = operation->next_stream) {
        short events = operation_is_write(operation) ? POLLOUT : POLLIN;
        fds[count++] = (struct pollfd){.fd = operation->entry.fd, .events = events};
    }
    (void)poll(fds, count, -1);
}

void world_block(struct world *world, bool (*ready)(void *subject), void *subject, int64_t until_ns)
{
    if (world->hooks && world->hooks->block) {
        world->hooks->block(world->hooks->context, ready, subject, until_ns);
        return;
    }
    while (!ready(subject) && world->now_ns < until_ns)
        if (!world_advance(world, until_ns))
            sleep_on_streams(world);
}

/* --------------------------------------------------------------- operations */

/* Each has a place in the heap as well, so that scheduling never fails. */
static bool add_operations(struct world *world)
{
    size_t room = world->heap_room + OPERATIONS_BLOCK;
    struct operation **heap = realloc(world->heap, room * sizeof(*heap));
    if (!heap)
        return false;
    world->heap = heap;
    struct operation_block *block = malloc(sizeof(*block));
    if (!block)
        return false;
    world->heap_room = room;
    block->next = world->blocks;
    world->blocks = block;
    for (int i = 0; i < OPERATIONS_BLOCK; i++)
        world_give(world, &block->operations[i]);
    return true;
}

bool world_reserve(struct world *world, int count)
{
    while (world->unused_count < count)
        if (!add_operations(world))
            return false;
    return true;
}

struct operation *world_take(struct world *world)
{
    struct operation *operation = world->unused;
    assert(operation && world->unused_count > 0);
    world->unused = operation->next;
    world->unused_count--;
    *operation = (struct operation){.bytes_max = UINT64_MAX, .thread = world->thread};
    return operation;
}

void world_give(struct world *world, struct operation *operation)
{
    operation->next = world->unused;
    world->unused = operation;
    world->unused_count++;
}

/* --------------------------------------------------------------------- heap */

static bool is_earlier(const struct operation *a, const struct operation *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->order < b->order);
}

void world_schedule(struct world *world, struct operation *operation, int64_t at_ns)
{
    assert(world->heap_count < world->heap_room);
    operation->at_ns = at_ns;
    operation->order = world->order++;
    operation->scheduled = true;
    size_t place = world->heap_count++;
    while (place > 0 && is_earlier(operation, world->heap[(place - 1) / 2])) {
        world->heap[place] = world->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    world->heap[place] = operation;
}

static struct operation *take_earliest(struct world *world)
{
    struct operation *earliest = world->heap[0], *last = world->heap[--world->heap_count];
    size_t place = 0;
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= world->heap_count)
            break;
        if (child + 1 < world->heap_count && is_earlier(world->heap[child + 1], world->heap[child]))
            child++;
        if (!is_earlier(world->heap[child], last))
            break;
        world->heap[place] = world->heap[child];
        place = child;
    }
    world->heap[place] = last;
    return earliest;
}

bool world_advance(struct world *world, int64_t until_ns)
{
    bool any = world->heap_count > 0 && world->heap[0]->at_ns <= until_ns;
    if (!any && until_ns == INT64_MAX)
        return false;
    int64_t to_ns = any ? world->heap[0]->at_ns : until_ns;
    if (to_ns > world->now_ns)
        world->now_ns = to_ns;
    while (world->heap_count > 0 && world->heap[0]->at_ns <= world->now_ns) {
        struct operation *operation = take_earliest(world);
        operation->scheduled = false;
        if (operation->backend)
            operation_happen(operation);
        else
            world_give(world, operation);
    }
    return true;
}

/* The device has `parallel` servers before which operations queue; a service takes half the latency to three
 * and a half times that, seldom the latter. */
int64_t world_service(struct world *world)
{
    int first = 0;
    for (int i = 1; i < world->parallel; i++)
        if (world->free_ns[i] < world->free_ns[first])
            first = i;
    int64_t start_ns = world->free_ns[first] > world->now_ns ? world->free_ns[first] : world->now_ns;
    double luck = (double)world_random(world, 1024) / 1024;
    double service_ns = (double)world->latency_ns * (0.5 + 3 * luck * luck * luck * luck);
    if (world_chance(world, WORLD_LATE))
        service_ns *= (double)(2 + world_random(world, 999));
    int64_t done_ns = start_ns + 1 + (int64_t)service_ns;
    world->free_ns[first] = done_ns < WORLD_END_NS ? done_ns : WORLD_END_NS;
    return world->free_ns[first];
}

/* ------------------------------------------------------------------- system */

static int64_t system_now_ns(void *context)
{
    return ((const struct world *)context)->now_ns;
}

static int system_stat(void *context, int fd, struct stat *ret)
{
    (void)context;
    return fstat(fd, ret);
}

struct polling {
    struct world *world;
    struct pollfd *fds;
    unsigned count;
    int ready;
};

static bool is_ready(void *subject)
{
    struct polling *polling = subject;
    streams_look(polling->world);
    for (struct backend *backend = polling->world->backends; backend; backend = backend->next)
        backend_level(backend);
    polling->ready = polling->count > 0 ? poll(polling->fds, polling->count, 0) : 0;
    return polling->ready > 0;
}

static int system_poll(void *context, struct pollfd *fds, unsigned count, int64_t timeout_ns)
{
    struct world *world = context;
    enum { CALL_NS = 200 };
    (void)world_advance(world, world->now_ns + CALL_NS);
    struct polling polling = {.world = world, .fds = fds, .count = count};
    world_block(world, is_ready, &polling, timeout_ns < 0 ? INT64_MAX : world->now_ns + timeout_ns);
    return polling.ready;
}

/* --------------------------------------------------------------------- life */

int world_create(const struct world_options *options, struct world **ret_world)
{
    assert(options->parallel >= 1 && options->parallel <= WORLD_PARALLEL_MAX && options->latency_ns >= 1 &&
           options->latency_ns <= WORLD_LATENCY_MAX_NS);
    struct world *world = calloc(1, sizeof(*world));
    if (!world)
        return -ENOMEM;
    world->system = (struct ring_system){
        .context = world,
        .backend = &backend_sim,
        .now_ns = system_now_ns,
        .stat = system_stat,
        .poll = system_poll,
    };
    world->hooks = options->hooks;
    world->random = options->seed;
    world->now_ns = first_ns;
    world->latency_ns = options->latency_ns;
    world->parallel = options->parallel;
    *ret_world = world;
    return 0;
}

void world_destroy(struct world *world)
{
    if (!world)
        return;
    assert(!world->backends);
    files_free(world);
    while (world->blocks) {
        struct operation_block *block = world->blocks;
        world->blocks = block->next;
        free(block);
    }
    free(world->heap);
    free(world);
}

const struct ring_system *world_system(const struct world *world)
{
    return &world->system;
}

bool world_is_used(const struct world *world)
{
    return world->backends != NULL;
}

void world_set_device(struct world *world, int64_t latency_ns, int parallel)
{
    assert(latency_ns >= 1 && latency_ns <= WORLD_LATENCY_MAX_NS && parallel >= 1 &&
           parallel <= WORLD_PARALLEL_MAX);
    world->latency_ns = latency_ns;
    world->parallel = parallel;
}

void world_set_fault(struct world *world, enum world_fault fault, double probability)
{
    assert(fault < WORLD_FAULTS && probability >= 0 && probability <= 1);
    world->faults[fault] = probability;
}

int64_t world_now_ns(const struct world *world)
{
    return world->now_ns;
}

static void crash_backend(struct backend *backend)
{
    struct operation *next;
    backend->crashed = true;
    for (struct operation *operation = backend->operations; operation; operation = next) {
        next = operation->next;
        if (operation->entry.kind != OPERATION_IO)
            continue;
        if (operation_is_write(operation) && file_of_fd(backend->world, operation->entry.fd))
            (void)operation_transfer(operation,
                                     world_random(backend->world, 1 << 14)); /* the device was at it */
        operation_complete(operation, -EIO);
    }
}

void world_crash(struct world *world)
{
    for (struct backend *backend = world->backends; backend; backend = backend->next)
        crash_backend(backend);
    for (struct world_file *file = world->files; file; file = file->next)
        file_crash(world, file);
}

void world_set_thread(struct world *world, uint64_t thread)
{
    world->thread = thread;
}

/* As the kernel does: what waits is cancelled, and a read may find that there is no memory to read into. */
void world_end_thread(struct world *world, uint64_t thread)
{
    for (struct backend *backend = world->backends; backend; backend = backend->next) {
        struct operation *next;
        for (struct operation *operation = backend->operations; operation; operation = next) {
            next = operation->next;
            if (operation->thread != thread || operation->entry.kind != OPERATION_IO)
                continue;
            bool reads = operation->entry.opcode == RING_OP_READ || operation->entry.opcode == RING_OP_READV;
            if (operation->streaming)
                operation_complete(operation, -ECANCELED);
            else if (reads && operation->error == 0 && world_random(world, 2))
                operation->error = -EFAULT;
        }
    }
}

int world_overflows(const struct world *world)
{
    return world->overflows;
}

int world_in_flight(const struct world *world)
{
    int count = 0;
    for (const struct backend *backend = world->backends; backend; backend = backend->next)
        for (const struct operation *operation = backend->operations; operation; operation = operation->next)
            count += operation->entry.kind == OPERATION_IO;
    return count;
}
