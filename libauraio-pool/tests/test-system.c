/*
 * The pool on the machine as it is: the NUMA contract that this build chose, and a pool on top of
 * it.
 */
#include <criterion/criterion.h>
#include <string.h>

#include <auraio-pool/pool.h>

#include "../src/numa.h"
#include "../src/os.h"

Test(system, the_current_node_is_one_of_the_nodes)
{
    int nodes = pool_numa_node_count();
    cr_assert_geq(nodes, 1);
    int node = pool_numa_current_node();
    cr_assert(node >= 0 && node < nodes, "node %d of %d", node, nodes);
}

Test(system, preferring_any_node_leaves_memory_usable)
{
    size_t bytes = 16 * pool_os_page_bytes();
    for (int node = 0; node < pool_numa_node_count(); node++) {
        char *memory = pool_os_map(bytes, pool_os_page_bytes());
        cr_assert_not_null(memory);
        pool_numa_prefer(memory, bytes, node);
        memset(memory, 3, bytes);
        cr_assert_eq(memory[bytes - 1], 3);
        pool_os_unmap(memory, bytes);
    }
}

Test(system, a_pool_works_on_the_nodes_there_are)
{
    pool_t *pool = NULL;
    cr_assert_eq(pool_create(&(struct pool_options){.alignment = 4096}, &pool), 0);
    struct pool_stats stats;
    pool_get_stats(pool, &stats);
    int nodes = pool_numa_node_count();
    cr_assert_eq(stats.shard_count, nodes < 8 ? nodes : 8);
    void *ptr = NULL;
    cr_assert_eq(pool_alloc(pool, 100000, &ptr), 0);
    memset(ptr, 1, 100000);
    cr_assert_eq(pool_free(pool, ptr, 100000), 0);
    cr_assert(pool_check(pool));
    pool_destroy(pool);
}
