/* tune_latency.c beside a real engine: the histogram read through percentiles is the engine's own. */
#include "../tune.h"

#include <criterion/criterion.h>

#include <fcntl.h>
#include <unistd.h>

#define OPS 5000

Test(latency, the_histogram_read_from_an_engine_has_its_count_and_its_percentiles)
{
    static char block[4096];
    char path[] = "/tmp/auraio-test-latency-XXXXXX";
    int fd = mkstemp(path);
    cr_assert_geq(fd, 0);
    unlink(path);
    cr_assert_eq(write(fd, block, sizeof(block)), (ssize_t)sizeof(block));
    auraio_engine_t *engine = auraio_create();
    cr_assert_not_null(engine);
    for (int i = 0; i < OPS; i++)
        cr_assert_not_null(auraio_read(engine, fd, auraio_buf(block), sizeof(block), 0, NULL, NULL));
    cr_assert_eq(auraio_drain(engine, -1), OPS);
    auraio_hist_t latency;
    tune_latency_read(engine, OPS, &latency);
    cr_assert_eq(auraio_hist_count(&latency), OPS);
    static const double percents[] = {1, 50, 90, 99, 99.9, 100};
    for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
        cr_assert_eq(auraio_hist_percentile(&latency, percents[i]),
                     auraio_get_latency_percentile(engine, -1, percents[i]));
    auraio_destroy(engine);
    close(fd);
}
