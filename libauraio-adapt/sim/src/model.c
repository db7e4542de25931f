/* model.c - the models that come with the library. Why each figure is what it is: docs/sim.md. */
#include <auraio/adapt_sim.h>

#include <errno.h>
#include <string.h>

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define SEC INT64_C(1000000000)

/* A 4 KiB read of flash: array time with some spread, and one in 50 meets a program, an erase or a retry
 * and takes several times as long. */
#define FLASH_READ                                                                                 \
    {                                                                                              \
        .shape = AURAIO_SIM_LOGNORMAL, .median_ns = 70 * US, .sigma = 0.25, .tail_share = 0.02,    \
        .tail_from = 2.5, .tail_shape = 2, .tail_cap = 40                                           \
    }
#define SMALL_READS                                                                                \
    {                                                                                              \
        .small_bytes = 4096                                                                        \
    }

static const auraio_sim_model_t models[] = {
    {
        .name = "nvme",
        .summary = "NVMe drive: 32 parallel servers, heavy tail",
        .servers = 32,
        .read = FLASH_READ,
        .segments = {SMALL_READS},
        .segment_count = 1,
        .max_limit = 1024,
        .duration_ns = 2 * SEC,
        .targets_ns = {300 * US, 600 * US},
        .reach_ns = 50 * MS,
    },
    {
        .name = "measured",
        .summary = "virtual disk as measured: 4K random O_DIRECT reads",
        .station = AURAIO_SIM_CURVE,
        .knots = {{1, 20000, 60 * US},
                  {4, 44000, 120 * US},
                  {16, 72000, 326 * US},
                  {32, 82000, 684 * US},
                  {64, 89000, 3500 * US},
                  {128, 92000, 5200 * US}},
        .knot_count = 6,
        .segments = {SMALL_READS},
        .segment_count = 1,
        .max_limit = 512,
        .duration_ns = 8 * SEC,
        .targets_ns = {200 * US, 500 * US, 2 * MS},
        .reach_ns = 50 * MS,
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
