/* SPDX-License-Identifier: MIT */
/*
 * Where an engine's memory really is, and where a full ring's operations go, on a machine with several NUMA
 * nodes;
 * `./dev vm` makes one. The kernel is asked: move_pages() for what the library maps. What the kernel maps for
 * a ring it does not tell, so there the node's free memory is watched while the ring comes to be.
 */
#include "engine.h"
#include "ring-private.h"

#include <numaif.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "modes.h"
#include "outcome.h"

enum { SKIPPED = 77, PAGE = 4096, NODES_MAX = 64 };

static int failures, nodes;
static struct topology machine;

static void fail(const char *what, int node, long value)
{
    fprintf(stderr, "numa-live: %s: node %d, %ld%s\n", what, node, value, mode_note());
    failures++;
}

static void check_pages(const void *start, size_t len, int node, const char *what)
{
    for (size_t at = 0; at < len; at += PAGE) {
        void *page = (void *)(((uintptr_t)start + at) & ~(uintptr_t)(PAGE - 1));
        int found = -1;
        if (move_pages(0, 1, &page, NULL, &found, 0) < 0 || found != node)
            fail(what, node, found);
    }
}

static long free_pages(int node)
{
    char path[64], line[128];
    long pages = -1;
    snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/vmstat", node);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file))
        if (sscanf(line, "nr_free_pages %ld", &pages) == 1)
            break;
    if (file)
        fclose(file);
    return pages;
}

/* An engine of the whole machine, used from one node. */
static auraio_engine_t *engine_on_node(const auraio_options_t *options, int node)
{
    struct placement_mask here, everywhere = {0};
    for (int i = 0; i < machine.cpu_count; i++)
        CPU_SET_S((size_t)machine.cpus[i].cpu, sizeof(everywhere.sets), everywhere.sets);
    placement_node(&machine, node, &here);
    if (sched_setaffinity(0, sizeof(everywhere.sets), everywhere.sets) < 0)
        fail("cannot run everywhere", node, 0);
    auraio_engine_t *engine = engine_with(options);
    if (sched_setaffinity(0, sizeof(here.sets), here.sets) < 0)
        fail("cannot run there", node, 0);
    return engine;
}

/* The ring's own memory, and its slots. */
static void check_ring(const struct ring *ring, int node)
{
    if (ring->node != node)
        fail("the ring serves another node", node, ring->node);
    check_pages(ring, sizeof(*ring), node, "the ring's object is elsewhere");
    if (ring->slab_count == 0)
        fail("no slots", node, 0);
    for (int i = 0; i < ring->slab_count; i++)
        check_pages(slot_at(ring->slabs[i] << SLAB_SLOT_BITS), SLAB_SLOTS * sizeof(struct ring_slot), node,
                    "a slot is elsewhere");
}

static struct ring *ring_with_work(const auraio_engine_t *engine)
{
    for (int i = 0; i < atomic_load(&engine->group->rings_used); i++) {
        struct ring *ring = group_ring(engine->group, i);
        if (ring && ring->ops_completed > 0)
            return ring;
    }
    return NULL;
}

/* A ring made on a node is there, the kernel's part too, and so are the buffers. */
static auraio_engine_t *check_memory(auraio_ring_select_t mode, int node, int fd)
{
    enum { DEPTH = 16384, LEAST_PAGES = DEPTH * 64 / PAGE, BUFFER = 1 << 20 };
    long before[NODES_MAX];
    auraio_options_t options = mode_options(mode);
    options.queue_depth = DEPTH;
    auraio_engine_t *engine = engine_on_node(&options, node);
    char byte;
    for (int i = 0; i < nodes; i++)
        before[i] = free_pages(i);
    if (perform_read(engine, fd, &byte, 1, 0) != 1)
        fail("a read", node, 0);
    if (before[node] - free_pages(node) < LEAST_PAGES)
        fail("the kernel's part of the ring is elsewhere: the node lost less pages", node,
             before[node] - free_pages(node));
    for (int i = 0; i < nodes; i++)
        if (i != node && before[i] - free_pages(i) >= LEAST_PAGES)
            fail("another node lost pages", i, before[i] - free_pages(i));
    struct ring *ring = ring_with_work(engine);
    if (ring)
        check_ring(ring, node);
    else
        fail("no ring has worked", node, 0);
    char *buf = auraio_buffer_alloc(engine, BUFFER);
    if (buf) {
        memset(buf, 1, BUFFER);
        check_pages(buf, BUFFER, node, "a buffer is elsewhere");
    }
    return engine;
}

/* With one ring full of what waits, the next goes to another of the node, as long as one has room. */
static void check_spills(int node)
{
    enum { DEPTH = 8 };
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.queue_depth = DEPTH;
    auraio_engine_t *engine = engine_on_node(&options, node);
    pipe_pair_t pair = pipe_open(0);
    int rings = 0, elsewhere = 0;
    char byte;
    for (int i = 0; i < engine->group->ring_count; i++)
        rings += group_ring_node(engine->group, i) == node;
    for (int i = 0; i < rings * DEPTH; i++)
        if (!auraio_read(engine, pair.read_fd, auraio_buf(&byte), 1, -1, NULL, NULL))
            fail("a read was refused", node, i);
    for (int i = 0; i < engine->group->ring_count; i++) {
        struct ring *ring = group_ring(engine->group, i);
        if (ring && ring->node != node)
            elsewhere += ring_pending(ring);
    }
    auraio_stats_t stats;
    auraio_get_stats(engine, &stats);
    if (elsewhere > 0)
        fail("operations have left the node", node, elsewhere);
    if (rings > 1 && stats.adaptive_spills == 0)
        fail("nothing was spilled", node, rings);
    pipe_close(pair);
    auraio_destroy(engine);
}

int main(void)
{
    static const auraio_ring_select_t modes[] = {AURAIO_SELECT_ADAPTIVE, AURAIO_SELECT_CPU_LOCAL,
                                                 AURAIO_SELECT_THREAD_LOCAL};
    if (topology_read("", &machine) < 0)
        return 1;
    nodes = machine.node_count;
    if (nodes < 2) {
        fprintf(stderr, "skipped: this machine has one NUMA node; ./dev vm makes one with several\n");
        return SKIPPED;
    }
    const int fd = file_of_pattern(PAGE);
    /* All live on: what goes is given back later, and would be counted against the next. */
    auraio_engine_t *engines[3 * NODES_MAX];
    int count = 0;
    for (int node = 0; node < nodes && node < NODES_MAX; node++)
        for (int i = 0; i < 3; i++)
            engines[count++] = check_memory(modes[i], node, fd);
    while (count > 0)
        auraio_destroy(engines[--count]);
    for (int node = 0; node < nodes; node++)
        check_spills(node);
    topology_free(&machine);
    printf("numa-live: %d nodes, %d failures\n", nodes, failures);
    return failures == 0 ? 0 : 1;
}
