/*
 * Where the pages of buffers really are, on a machine with several NUMA nodes; `./dev vm` has one.
 *
 * The kernel is asked: move_pages() for the node of each page, get_mempolicy() for what was wished.
 */
#include <numa.h>
#include <numaif.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <auraio-pool/pool.h>

enum { COUNT_MAX = 40, SKIPPED = 77, PAGES_MAX = 1024 };

static const size_t sizes_bytes[] = {4096, 65536, 1048576, 4194304};

/* Placement is a preference: a node that is nearly full passes on what it is asked for, huge pages first. */
#define HELD_BYTES ((size_t)32 << 20)

static pool_t *pool;
static int failures;

static int count_of(size_t size_bytes)
{
    size_t count = HELD_BYTES / size_bytes;
    return count < COUNT_MAX ? (int)count : COUNT_MAX;
}

static void fail(const char *what, int node, size_t size_bytes)
{
    fprintf(stderr, "numa-pages: %s: node %d, %zu bytes\n", what, node, size_bytes);
    failures++;
}

static void check_pages(void *buffer, size_t size_bytes, int node, const char *what)
{
    static void *pages[PAGES_MAX];
    static int nodes[PAGES_MAX];
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    size_t count = size_bytes / page_bytes;
    for (size_t i = 0; i < count; i++)
        pages[i] = (char *)buffer + i * page_bytes;
    if (move_pages(0, count, pages, NULL, nodes, 0) < 0) {
        fail("move_pages was refused", node, size_bytes);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (nodes[i] != node) {
            fail(what, node, size_bytes);
            return;
        }
    }
}

static void check_policy(void *buffer, size_t size_bytes, int node)
{
    int mode = -1;
    unsigned long mask[16] = {0};
    if (get_mempolicy(&mode, mask, sizeof(mask) * 8, buffer, MPOL_F_ADDR) < 0 || mode != MPOL_PREFERRED ||
        mask[0] != 1UL << node)
        fail("the policy does not prefer the node", node, size_bytes);
}

static void take_all(void **buffers, size_t size_bytes, int node)
{
    for (int i = 0; i < count_of(size_bytes); i++) {
        if (pool_alloc(pool, size_bytes, &buffers[i]) < 0) {
            fail("no memory", node, size_bytes);
            exit(1);
        }
        memset(buffers[i], 1, size_bytes);
    }
}

static void give_all(void **buffers, size_t size_bytes, int node)
{
    for (int i = 0; i < count_of(size_bytes); i++)
        if (pool_free(pool, buffers[i], size_bytes) < 0)
            fail("a correct free was refused", node, size_bytes);
}

/* The buffers of a thread lie on its node. */
static void check_local(int node, size_t size_bytes)
{
    void *buffers[COUNT_MAX];
    take_all(buffers, size_bytes, node);
    for (int i = 0; i < count_of(size_bytes); i++) {
        check_pages(buffers[i], size_bytes, node, "a page is on another node");
        check_policy(buffers[i], size_bytes, node);
    }
    give_all(buffers, size_bytes, node);
}

struct visit {
    int node;
    size_t size_bytes;
    void *buffers[COUNT_MAX];
};

static void *touch_elsewhere(void *arg)
{
    struct visit *visit = arg;
    if (numa_run_on_node(visit->node) < 0)
        fail("cannot run there", visit->node, visit->size_bytes);
    for (int i = 0; i < count_of(visit->size_bytes); i++)
        memset(visit->buffers[i], 2, visit->size_bytes);
    give_all(visit->buffers, visit->size_bytes, visit->node);
    return NULL;
}

/* A buffer touched and freed on another node stays on its own, and serves that again. */
static void check_remote(int node, int other, size_t size_bytes)
{
    struct visit visit = {.node = other, .size_bytes = size_bytes};
    pthread_t thread;
    pool_trim(pool);
    for (int i = 0; i < count_of(size_bytes); i++)
        if (pool_alloc(pool, size_bytes, &visit.buffers[i]) < 0)
            exit(1);
    if (pthread_create(&thread, NULL, touch_elsewhere, &visit) != 0 || pthread_join(thread, NULL) != 0)
        exit(1);
    check_local(node, size_bytes);
}

int main(void)
{
    int nodes = numa_available() < 0 ? 1 : numa_max_node() + 1;
    if (nodes < 2) {
        fprintf(stderr, "skipped: this machine has one NUMA node; ./dev vm makes one with several\n");
        return SKIPPED;
    }
    if (pool_create(&(struct pool_options){.alignment = 4096}, &pool) < 0)
        return 1;
    for (int node = 0; node < nodes; node++) {
        if (numa_run_on_node(node) < 0)
            fail("cannot run there", node, 0);
        for (int i = 0; i < 4; i++) {
            /* What the thread brought along from the last node may be served here. */
            pool_trim(pool);
            check_local(node, sizes_bytes[i]);
            check_remote(node, (node + 1) % nodes, sizes_bytes[i]);
        }
    }
    if (!pool_check(pool))
        fail("an invariant does not hold", 0, 0);
    pool_destroy(pool);
    printf("numa-pages: %d nodes, %d failures\n", nodes, failures);
    return failures == 0 ? 0 : 1;
}
