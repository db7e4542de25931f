/* SPDX-License-Identifier: MIT */
/*
 * The catalogue of metrics, and a walk over it.
 *
 * A family is a name with what it means; its points are what it is a figure of: the engine, each ring that
 * has been used, each storage target, each phase of a target, reads and writes on a target, each use of the
 * pool's memory. The walk goes family by family, which is the order that text formats ask for, and reads a
 * point's figures when it comes there: nothing is allocated, and no lock is held while the visitor runs.
 */
#include "metrics.h"
#include "control.h"
#include "meter.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <sys/sysmacros.h>

enum subject { OF_ENGINE, OF_RING, OF_TARGET, OF_PHASE, OF_IO, OF_MEMORY };

/* What a point's value is made of; what its subject doesn't have is zero. */
struct figures {
    struct ring_group_info group;
    struct ring_status ring;
    struct control_share share;
    auraio_target_stats_t target;
    struct pool_stats pool;
    struct meter_total io;
    uint64_t spills;
    int index; /* of the subject's last label */
};

struct family {
    const char *name, *unit, *description;
    auraio_metric_kind_t kind;
    enum subject subject;
    double (*value)(const struct figures *figures); /* NULL: latencies */
};

struct walk {
    const auraio_engine_t *engine;
    const struct family *family;
    auraio_metric_visitor_t visit;
    void *user_data;
    int visited;
    bool stopped;
};

/* -------------------------------------------------------------------- values */

static double one(const struct figures *figures)
{
    (void)figures;
    return 1;
}

static double rings_created(const struct figures *figures)
{
    return figures->group.rings_created;
}

static double spills(const struct figures *figures)
{
    return (double)figures->spills;
}

static double ring_operations(const struct figures *figures)
{
    return (double)figures->ring.ops_completed;
}

static double ring_bytes(const struct figures *figures)
{
    return (double)figures->ring.bytes_transferred;
}

static double ring_pending(const struct figures *figures)
{
    return figures->ring.pending;
}

static double ring_in_kernel(const struct figures *figures)
{
    return figures->ring.in_kernel;
}

static double ring_limit(const struct figures *figures)
{
    return figures->share.limit;
}

static double target_limit(const struct figures *figures)
{
    return figures->target.in_flight_limit;
}

static double target_optimum(const struct figures *figures)
{
    return figures->target.optimal_in_flight;
}

static double target_credits(const struct figures *figures)
{
    return figures->target.credits_taken;
}

static double target_waiting(const struct figures *figures)
{
    return figures->target.rings_waiting;
}

static double target_goal(const struct figures *figures)
{
    return figures->target.target_p99_ms / 1e3;
}

static double target_judged(const struct figures *figures)
{
    return (double)figures->target.ops_judged;
}

static double target_late(const struct figures *figures)
{
    return (double)figures->target.ops_late;
}

static double target_phase(const struct figures *figures)
{
    return figures->target.aimd_phase == figures->index;
}

static double io_operations(const struct figures *figures)
{
    return (double)figures->io.operations;
}

static double io_bytes(const struct figures *figures)
{
    return (double)figures->io.bytes;
}

static double buffers(const struct figures *figures)
{
    return (double)figures->pool.live_buffers;
}

static double memory(const struct figures *figures)
{
    return (double)(figures->index == 0 ? figures->pool.live_bytes : figures->pool.cached_bytes);
}

static const struct family families[] = {
    {"auraio.info", "", "Version of the library and what moves the bytes.", AURAIO_METRIC_GAUGE, OF_ENGINE,
     one},
    {"auraio.rings", "{ring}", "Rings created so far.", AURAIO_METRIC_GAUGE, OF_ENGINE, rings_created},
    {"auraio.spills", "{operation}", "Submissions that went to another ring because theirs was full.",
     AURAIO_METRIC_COUNTER, OF_ENGINE, spills},
    {"auraio.ring.operations", "{operation}", "Operations completed.", AURAIO_METRIC_COUNTER, OF_RING,
     ring_operations},
    {"auraio.ring.io", "By", "Bytes read and written.", AURAIO_METRIC_COUNTER, OF_RING, ring_bytes},
    {"auraio.ring.pending", "{operation}", "Operations accepted and not completed.", AURAIO_METRIC_GAUGE,
     OF_RING, ring_pending},
    {"auraio.ring.in_kernel", "{operation}", "Operations of storage that are in the kernel.",
     AURAIO_METRIC_GAUGE, OF_RING, ring_in_kernel},
    {"auraio.ring.limit", "{operation}",
     "What the ring may have in the kernel of the storage target it uses most.", AURAIO_METRIC_GAUGE, OF_RING,
     ring_limit},
    {"auraio.ring.latency", "s", "Dispatch to completion of operations of storage.", AURAIO_METRIC_HISTOGRAM,
     OF_RING, NULL},
    {"auraio.target.limit", "{operation}", "Operations that may be in the kernel now, probes included.",
     AURAIO_METRIC_GAUGE, OF_TARGET, target_limit},
    {"auraio.target.optimum", "{operation}", "The limit found so far, without probes.", AURAIO_METRIC_GAUGE,
     OF_TARGET, target_optimum},
    {"auraio.target.credits", "{operation}", "Of the limit, what rings hold.", AURAIO_METRIC_GAUGE, OF_TARGET,
     target_credits},
    {"auraio.target.rings_waiting", "{ring}", "Rings that were refused more.", AURAIO_METRIC_GAUGE, OF_TARGET,
     target_waiting},
    {"auraio.target.latency.goal", "s", "The promised 99th percentile of latency; 0: none.",
     AURAIO_METRIC_GAUGE, OF_TARGET, target_goal},
    {"auraio.target.judged", "{operation}", "Completions that the controller has seen.",
     AURAIO_METRIC_COUNTER, OF_TARGET, target_judged},
    {"auraio.target.late", "{operation}", "Completions left out because they had waited for the application.",
     AURAIO_METRIC_COUNTER, OF_TARGET, target_late},
    {"auraio.target.phase", "", "1 for the phase that the controller is in.", AURAIO_METRIC_GAUGE, OF_PHASE,
     target_phase},
    {"auraio.target.operations", "{operation}", "Operations completed.", AURAIO_METRIC_COUNTER, OF_IO,
     io_operations},
    {"auraio.target.io", "By", "Bytes read and written.", AURAIO_METRIC_COUNTER, OF_IO, io_bytes},
    {"auraio.target.latency", "s", "Dispatch to completion.", AURAIO_METRIC_HISTOGRAM, OF_IO, NULL},
    {"auraio.buffers", "{buffer}", "Buffers of the pool that are handed out.", AURAIO_METRIC_GAUGE, OF_ENGINE,
     buffers},
    {"auraio.buffer.memory", "By", "Memory of the pool.", AURAIO_METRIC_GAUGE, OF_MEMORY, memory},
};

/* ----------------------------------------------------------------- histogram */

static const double bounds[] = {
    1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3,
    1e-2, 2e-2, 5e-2, 1e-1, 2e-1, 5e-1, 1,    2,    5,    10,   20,   50,
};
enum { BOUNDS = sizeof(bounds) / sizeof(bounds[0]) };

struct latencies {
    auraio_metric_histogram_t view;
    uint64_t counts[BOUNDS + 1];
};

/* A fine bucket goes where its middle lies. */
static void read_latencies(const auraio_hist_t *fine, struct latencies *ret)
{
    *ret = (struct latencies){.view = {.bound_count = BOUNDS, .bounds = bounds, .counts = ret->counts}};
    int place = 0;
    for (int i = 0; i < AURAIO_HIST_BUCKETS; i++) {
        int64_t low_ns = auraio_hist_bucket_low_ns(i), high_ns = auraio_hist_bucket_high_ns(i);
        /* The last bucket has no upper end: its values count as its lower one. */
        int64_t middle_ns = i == AURAIO_HIST_BUCKETS - 1 ? low_ns : low_ns + (high_ns - 1 - low_ns) / 2;
        double middle = (double)middle_ns / 1e9;
        while (place < BOUNDS && middle > bounds[place])
            place++;
        ret->counts[place] += fine->buckets[i];
        ret->view.count += fine->buckets[i];
        ret->view.sum += middle * fine->buckets[i];
    }
}

/* ---------------------------------------------------------------------- walk */

static void visit_point(struct walk *walk, auraio_metric_t *point)
{
    point->name = walk->family->name;
    point->unit = walk->family->unit;
    point->description = walk->family->description;
    point->kind = walk->family->kind;
    assert(point->label_count <= AURAIO_METRIC_LABELS_MAX);
    walk->visited++;
    walk->stopped = !walk->visit(point, walk->user_data);
}

static void visit_latencies(struct walk *walk, const auraio_hist_t *fine, auraio_metric_t *point)
{
    struct latencies latencies;
    read_latencies(fine, &latencies);
    point->histogram = &latencies.view;
    visit_point(walk, point);
    point->histogram = NULL;
}

static void add_label(auraio_metric_t *point, const char *key, const char *value)
{
    point->labels[point->label_count++] = (auraio_metric_label_t){key, value};
}

static void visit_engine(struct walk *walk)
{
    struct figures figures = {.spills = ring_group_spills(walk->engine->group)};
    auraio_metric_t point = {0};
    ring_group_info(walk->engine->group, &figures.group);
    pool_get_stats(walk->engine->pool, &figures.pool);
    point.value = walk->family->value(&figures);
    if (walk->family->value == one) {
        auraio_backend_info_t backend = {.struct_size = sizeof(backend)};
        (void)auraio_get_backend_info(walk->engine, &backend);
        add_label(&point, "version", auraio_version());
        add_label(&point, "backend", backend.backend == AURAIO_BACKEND_URING ? "uring" : "threads");
    }
    visit_point(walk, &point);
}

/* Rings that were never used have nothing to tell, and a machine may have hundreds. */
static void visit_ring(struct walk *walk, int ring)
{
    const auraio_engine_t *engine = walk->engine;
    struct figures figures = {0};
    auraio_metric_t point = {0};
    char name[16];
    ring_group_status(engine->group, ring, &figures.ring);
    if (figures.ring.ops_completed == 0 && figures.ring.pending == 0)
        return;
    figures.share.limit = figures.ring.limit;
    if (engine->control)
        control_ring_share(engine->control, ring, &figures.share);
    snprintf(name, sizeof(name), "%d", ring);
    add_label(&point, "ring", name);
    if (walk->family->value) {
        point.value = walk->family->value(&figures);
        visit_point(walk, &point);
        return;
    }
    struct meter *meter = meter_of(engine, ring);
    if (meter)
        meter_add_total(meter, (struct meter_part){METER_ALL, METER_ALL}, &figures.io);
    visit_latencies(walk, &figures.io.latency, &point);
}

/* What no operation was of has nothing to tell. */
static void visit_io(struct walk *walk, int target, auraio_metric_t *point)
{
    static const char *const operations[] = {"read", "write", "other"};
    point->label_count = 2;
    for (int kind = 0; kind <= RING_SAMPLE_OTHER && !walk->stopped; kind++) {
        struct figures figures = {0};
        meter_add_part(walk->engine, (struct meter_part){target, kind}, &figures.io);
        if (figures.io.operations == 0)
            continue;
        point->labels[1] = (auraio_metric_label_t){"operation", operations[kind]};
        if (walk->family->value) {
            point->value = walk->family->value(&figures);
            visit_point(walk, point);
        } else {
            visit_latencies(walk, &figures.io.latency, point);
        }
    }
}

static void visit_target(struct walk *walk, int target)
{
    struct figures figures = {0};
    auraio_metric_t point = {0};
    char device[32] = "other";
    control_target_stats(walk->engine->control, target, &figures.target);
    if (target > 0)
        snprintf(device, sizeof(device), "%u:%u", major(figures.target.device), minor(figures.target.device));
    add_label(&point, "device", device);
    if (walk->family->subject == OF_TARGET) {
        point.value = walk->family->value(&figures);
        visit_point(walk, &point);
        return;
    }
    if (walk->family->subject == OF_IO) {
        visit_io(walk, target, &point);
        return;
    }
    point.label_count = 2;
    for (int phase = 0; phase <= AURAIO_PHASE_CONVERGED && !walk->stopped; phase++) {
        figures.index = phase;
        point.labels[1] = (auraio_metric_label_t){"phase", auraio_phase_name(phase)};
        point.value = walk->family->value(&figures);
        visit_point(walk, &point);
    }
}

static void visit_memory(struct walk *walk)
{
    static const char *const states[] = {"used", "kept"};
    struct figures figures = {0};
    pool_get_stats(walk->engine->pool, &figures.pool);
    for (int state = 0; state < 2 && !walk->stopped; state++) {
        auraio_metric_t point = {0};
        figures.index = state;
        add_label(&point, "state", states[state]);
        point.value = walk->family->value(&figures);
        visit_point(walk, &point);
    }
}

static void visit_family(struct walk *walk)
{
    const auraio_engine_t *engine = walk->engine;
    int targets = engine->control ? control_target_count(engine->control) : 0;
    switch (walk->family->subject) {
    case OF_ENGINE:
        visit_engine(walk);
        break;
    case OF_RING:
        for (int ring = 0; ring < ring_group_count(engine->group) && !walk->stopped; ring++)
            visit_ring(walk, ring);
        break;
    case OF_TARGET:
    case OF_PHASE:
    case OF_IO:
        for (int target = 0; target < targets && !walk->stopped; target++)
            visit_target(walk, target);
        break;
    case OF_MEMORY:
        visit_memory(walk);
        break;
    }
}

int metrics_visit(const auraio_engine_t *engine, auraio_metric_visitor_t visit, void *user_data)
{
    struct walk walk = {.engine = engine, .visit = visit, .user_data = user_data};
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]) && !walk.stopped; i++) {
        walk.family = &families[i];
        visit_family(&walk);
    }
    return walk.visited;
}

int auraio_visit_metrics(const auraio_engine_t *engine, auraio_metric_visitor_t visit, void *user_data)
{
    if (engine_check(engine) < 0)
        return -1;
    if (!visit)
        return error_int(EINVAL, "visit is NULL: it is what receives the metrics", 0, 0);
    return metrics_visit(engine, visit, user_data);
}
