/* model.c - the models that come with the library. Why each figure is what it is: docs/sim.md. */
#include <auraio/adapt_sim.h>

#include <errno.h>
#include <string.h>

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define SEC INT64_C(1000000000)

/* A 4 KiB read of flash: array time with some spread, and one in 50 meets a program, an erase or a
 * retry and takes several times as long. */
#define FLASH_READ                                                                                           \
    {                                                                                                        \
        .shape = AURAIO_SIM_LOGNORMAL, .median_ns = 70 * US, .sigma = 0.25, .tail_share = 0.02,              \
        .tail_from = 2.5, .tail_shape = 2, .tail_cap = 40                                                    \
    }
#define ALWAYS_SMALL_READS .segments = {{.small_bytes = 4096}}, .segment_count = 1
#define TAIL(share, from, cap) .tail_share = share, .tail_from = from, .tail_shape = 2, .tail_cap = cap
#define BODY(median, spread) .shape = AURAIO_SIM_LOGNORMAL, .median_ns = median, .sigma = spread

/* A drive of flash, and most of what happens to one. */
#define FLASH_UP_TO(limit, label, text)                                                                      \
    .name = label, .summary = text, .servers = 32, .read = FLASH_READ, .max_limit = limit, .reach_ns = 50 * MS
#define FLASH(label, text) FLASH_UP_TO(1024, label, text)

/* The disk this project was built on: 4K random O_DIRECT reads, depth, IOPS, p99. */
#define MEASURED                                                                                             \
    .station = AURAIO_SIM_CURVE,                                                                             \
    .knots = {{1, 20000, 60 * US},   {4, 44000, 120 * US},   {16, 72000, 326 * US},                          \
              {32, 82000, 684 * US}, {64, 89000, 3500 * US}, {128, 92000, 5200 * US}},                       \
    .knot_count = 6, .max_limit = 512, .reach_ns = 50 * MS

/* A network volume with an IOPS allowance: 5000 a second, 50 ms of them saved up. */
#define CLOUD                                                                                                \
    .gate = AURAIO_SIM_BUCKET, .gate_ops = 5000, .gate_burst = 250, .servers = 64,                           \
    .read = {BODY(700 * US, 0.2), TAIL(0.005, 3, 20)}, .max_limit = 256

static const auraio_sim_model_t models[] = {
    {
        FLASH("nvme", "NVMe drive: 32 parallel servers, heavy tail"),
        ALWAYS_SMALL_READS,
        .duration_ns = 2 * SEC,
        .targets_ns = {300 * US, 600 * US},
    },
    {
        .name = "measured",
        .summary = "a virtual disk as measured: 4K random O_DIRECT reads",
        MEASURED,
        ALWAYS_SMALL_READS,
        .duration_ns = 8 * SEC,
        .targets_ns = {200 * US, 500 * US, 2 * MS},
    },
    {
        .name = "hdd",
        .summary = "disk of 7200 rpm: seek, rotation, and a queue of 32 to choose from",
        .station = AURAIO_SIM_DISK,
        .read = {.shape = AURAIO_SIM_FIXED, .median_ns = 20 * US},
        .rotation_ns = 8333333,
        .seek_min_ns = 500 * US,
        .seek_max_ns = 16 * MS,
        .disk_queue = 32,
        .disk_patience_ns = 500 * MS,
        ALWAYS_SMALL_READS,
        .max_limit = 128,
        .duration_ns = 240 * SEC,
        .targets_ns = {250 * MS, 400 * MS},
        .reach_ns = 3 * SEC,
    },
    {
        .name = "cloud",
        .summary = "cloud volume: token bucket of 5000 IOPS",
        CLOUD,
        ALWAYS_SMALL_READS,
        .duration_ns = 30 * SEC,
        .targets_ns = {2 * MS, 5 * MS},
        .reach_ns = 500 * MS,
    },
    {
        .name = "slices",
        .summary = "cgroup throttle: 2000 IOPS, handed out every 100 ms",
        .gate = AURAIO_SIM_SLICE,
        .gate_ops = 2000,
        .gate_slice_ns = 100 * MS,
        .servers = 32,
        .read = FLASH_READ,
        ALWAYS_SMALL_READS,
        .max_limit = 256,
        .duration_ns = 60 * SEC,
        .targets_ns = {5 * MS},
    },
    {
        .name = "network",
        .summary = "storage over a network: 4 ms round trip, 8 servers behind it",
        .transit_ns = 4 * MS,
        .transit_jitter = 0.05,
        .servers = 8,
        .read = {BODY(400 * US, 0.3), TAIL(0.01, 3, 20)},
        ALWAYS_SMALL_READS,
        .max_limit = 1024,
        .duration_ns = 20 * SEC,
        .targets_ns = {6 * MS, 10 * MS},
        .reach_ns = 500 * MS,
    },
    {
        .name = "card",
        .summary = "memory card: one operation at a time, the next one prepared meanwhile",
        .transit_ns = 300 * US,
        .servers = 1,
        .read = {BODY(400 * US, 0.3), TAIL(0.01, 3, 20)},
        ALWAYS_SMALL_READS,
        .max_limit = 64,
        .duration_ns = 30 * SEC,
        .targets_ns = {3 * MS},
    },
    {
        .name = "array",
        .summary = "small array: 3 servers, reads of 5 ms",
        .servers = 3,
        .read = {BODY(5 * MS, 0.4), TAIL(0.01, 3, 10)},
        ALWAYS_SMALL_READS,
        .max_limit = 128,
        .duration_ns = 120 * SEC,
        .targets_ns = {40 * MS},
    },
    {
        FLASH("capacity", "NVMe drive whose servers fall from 32 to 10 and come back"),
        .segments = {{.duration_ns = SEC, .small_bytes = 4096},
                     {.duration_ns = SEC, .small_bytes = 4096, .servers = 10},
                     {.small_bytes = 4096}},
        .segment_count = 3,
        .duration_ns = 3 * SEC,
        .targets_ns = {600 * US},
        .react_ns = 110 * MS,
    },
    {
        FLASH("phase", "4K random reads become 128K sequential ones"),
        .kib_ns = 3 * US,
        .bus_kib_ns = 300,
        .segments = {{.duration_ns = 2 * SEC, .small_bytes = 4096}, {.small_bytes = 131072}},
        .segment_count = 2,
        .duration_ns = 4 * SEC,
        .targets_ns = {1 * MS},
        .react_ns = 300 * MS,
    },
    {
        FLASH("drift", "reads of 4K and 64K whose share drifts: 10 %, 50 %, 10 % large"),
        .kib_ns = 3 * US,
        .bus_kib_ns = 150,
        .segments = {{.duration_ns = SEC, .small_bytes = 4096, .large_bytes = 65536, .large_share = 0.1},
                     {.duration_ns = SEC, .small_bytes = 4096, .large_bytes = 65536, .large_share = 0.5},
                     {.small_bytes = 4096, .large_bytes = 65536, .large_share = 0.1}},
        .segment_count = 3,
        .duration_ns = 3 * SEC,
        .targets_ns = {1 * MS},
        .react_ns = 300 * MS,
    },
    {
        FLASH("mix", "70 % reads, 30 % writes that take longer"),
        .write = {BODY(180 * US, 0.4), TAIL(0.02, 3, 40)},
        .segments = {{.small_bytes = 4096, .write_share = 0.3}},
        .segment_count = 1,
        .duration_ns = 2 * SEC,
        .targets_ns = {800 * US},
    },
    {
        FLASH("neighbour", "another user takes 240k IOPS, 5 ms of every 10"),
        .neighbour_ops = 240000,
        .neighbour_on_ns = 5 * MS,
        .neighbour_off_ns = 5 * MS,
        ALWAYS_SMALL_READS,
        .duration_ns = 3 * SEC,
        .targets_ns = {600 * US},
    },
    {
        FLASH("gc", "garbage collection: pauses of 2 ms, ten a second"),
        .pause_every_ns = 100 * MS,
        .pause_ns = 2 * MS,
        ALWAYS_SMALL_READS,
        .duration_ns = 4 * SEC,
        .targets_ns = {600 * US},
    },
    {
        FLASH_UP_TO(256, "late", "an application that comes 5 ms late, twenty times a second"),
        .reap_ns = 10 * US,
        .stall_every_ns = 50 * MS,
        .stall_ns = 5 * MS,
        ALWAYS_SMALL_READS,
        .duration_ns = 3 * SEC,
    },
    {
        .name = "light",
        .summary = "the measured disk at 40k arrivals a second: under half of what it can do",
        MEASURED,
        .segments = {{.small_bytes = 4096, .arrival_ops = 40000}},
        .segment_count = 1,
        .duration_ns = 120 * SEC,
        .targets_ns = {500 * US},
    },
    {
        .name = "busy",
        .summary = "the measured disk at 60k arrivals a second: bursts queue, unless a limit is kept",
        MEASURED,
        .segments = {{.small_bytes = 4096, .arrival_ops = 60000}},
        .segment_count = 1,
        .duration_ns = 60 * SEC,
        .targets_ns = {300 * US},
    },
    {
        .name = "workers",
        .summary = "cloud volume, 3 workers that think 0.5 ms between operations",
        CLOUD,
        .workers = 3,
        .think_ns = 500 * US,
        ALWAYS_SMALL_READS,
        .duration_ns = 120 * SEC,
        .targets_ns = {5 * MS},
    },
};

int auraio_sim_model_at(int index, auraio_sim_model_t *ret_model)
{
    int count = (int)(sizeof(models) / sizeof(models[0]));
    if (index < 0 || index >= count)
        return -ENOENT;
    *ret_model = models[index];
    return 0;
}

int auraio_sim_model_find(const char *name, auraio_sim_model_t *ret_model)
{
    int count = (int)(sizeof(models) / sizeof(models[0]));
    for (int i = 0; name && i < count; i++) {
        if (strcmp(models[i].name, name) == 0) {
            *ret_model = models[i];
            return 0;
        }
    }
    return -ENOENT;
}
