/* SPDX-License-Identifier: MIT */
/* The public side of the simulated world: see <auraio/sim.h>. A struct auraio_sim is the ring library's
 * world. */
#include "engine.h"

#include <auraio-ring/world.h>
#include <auraio/sim.h>
#include <errno.h>

static const int64_t latency_default_ns = 100 * 1000;
enum { PARALLEL_DEFAULT = 8 };

static struct world *world_of(const auraio_sim_t *sim)
{
    return (struct world *)(uintptr_t)sim;
}

static int refuse_null(void)
{
    return error_int(EINVAL, "sim is NULL", 0, 0);
}

auraio_sim_t *auraio_sim_create(uint64_t seed)
{
    struct world_options options = {
        .seed = seed, .latency_ns = latency_default_ns, .parallel = PARALLEL_DEFAULT};
    struct world *world;
    if (world_create(&options, &world) < 0)
        return error_null(ENOMEM, "no memory for a world", 0, 0);
    return (auraio_sim_t *)(void *)world;
}

int auraio_sim_destroy(auraio_sim_t *sim)
{
    if (sim && world_is_used(world_of(sim)))
        return error_int(EBUSY, "an engine lives in the world: destroy it first", 0, 0);
    world_destroy(world_of(sim));
    return 0;
}

int auraio_sim_set_device(auraio_sim_t *sim, int64_t latency_ns, int parallel)
{
    if (!sim)
        return refuse_null();
    if (latency_ns < 1 || latency_ns > WORLD_LATENCY_MAX_NS)
        return error_int(EINVAL, "latency_ns is %lld: it goes from 1 to an hour, %lld", (long long)latency_ns,
                         (long long)WORLD_LATENCY_MAX_NS);
    if (parallel < 1 || parallel > WORLD_PARALLEL_MAX)
        return error_int(EINVAL, "parallel is %lld: it goes from 1 to %lld", parallel, WORLD_PARALLEL_MAX);
    world_set_device(world_of(sim), latency_ns, parallel);
    return 0;
}

int auraio_sim_set_fault(auraio_sim_t *sim, auraio_sim_fault_t fault, double probability)
{
    if (!sim)
        return refuse_null();
    if ((unsigned)fault >= WORLD_FAULTS)
        return error_int(EINVAL, "fault is %lld: see auraio_sim_fault_t", (long long)fault, 0);
    if (!(probability >= 0 && probability <= 1))
        return error_real(EINVAL, "probability is %g: it goes from 0 to 1", probability);
    world_set_fault(world_of(sim), (enum world_fault)fault, probability);
    return 0;
}

auraio_engine_t *auraio_sim_engine(auraio_sim_t *sim, const auraio_options_t *options)
{
    struct topology_cpu cpu = {.cpu = 0};
    struct topology one = {.cpus = &cpu, .cpu_count = 1, .node_count = 1};
    if (!sim) {
        (void)refuse_null();
        return NULL;
    }
    return engine_create_in(world_system(world_of(sim)), options, &one);
}

int auraio_sim_open(auraio_sim_t *sim, const char *name, int flags)
{
    if (!sim)
        return refuse_null();
    if (!name)
        return error_int(EINVAL, "name is NULL", 0, 0);
    int fd = world_open(world_of(sim), name, flags);
    return fd < 0 ? error_int(errno, "the file could not be opened", 0, 0) : fd;
}

int64_t auraio_sim_now_ns(const auraio_sim_t *sim)
{
    return sim ? world_now_ns(world_of(sim)) : 0;
}

int auraio_sim_advance(auraio_sim_t *sim, int64_t ns)
{
    if (!sim)
        return refuse_null();
    if (ns < 0)
        return error_int(EINVAL, "ns is %lld: time does not go back", (long long)ns, 0);
    int64_t now_ns = world_now_ns(world_of(sim));
    if (ns > WORLD_END_NS - now_ns)
        return error_int(EINVAL, "ns is %lld: the world lasts a year, of which %lld are left", (long long)ns,
                         (long long)(now_ns < WORLD_END_NS ? WORLD_END_NS - now_ns : 0));
    int64_t until_ns = now_ns + ns;
    while (world_now_ns(world_of(sim)) < until_ns)
        (void)world_advance(world_of(sim), until_ns);
    return 0;
}

int auraio_sim_crash(auraio_sim_t *sim)
{
    if (!sim)
        return refuse_null();
    world_crash(world_of(sim));
    return 0;
}

_Static_assert((int)AURAIO_SIM_READ_ERROR == (int)WORLD_READ_ERROR, "faults are passed through");
_Static_assert((int)AURAIO_SIM_SHORT == (int)WORLD_SHORT, "likewise");
_Static_assert((int)AURAIO_SIM_LATE == (int)WORLD_LATE, "likewise");
_Static_assert((int)AURAIO_SIM_REGISTER_FAILS == (int)WORLD_REGISTER_FAILS, "likewise");
