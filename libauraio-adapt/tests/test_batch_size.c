/* The submit batch size: grows where calls are full and the wait is small, shrinks where the wait
 * shows. */
#include <auraio/adapt.h>

#include <criterion/criterion.h>

/* Operations become ready every `gap_ns`; the controller's size is used for `calls` calls. */
static int drive(auraio_adapt_batch_size_t *batch_size, int64_t gap_ns, int64_t latency_ns, int calls)
{
    for (int i = 0; i < calls; i++) {
        int ops = auraio_adapt_batch_size(batch_size);
        auraio_adapt_submit_t submit = {
            .waited_ns = gap_ns * (ops - 1),
            .call_ns = 600 + 150 * ops,
            .latency_ns = latency_ns,
            .ops = ops,
        };
        auraio_adapt_batch_size_submitted(batch_size, &submit);
    }
    return auraio_adapt_batch_size(batch_size);
}

Test(batch_size, begins_with_single_operations)
{
    auraio_adapt_batch_size_t batch_size;
    auraio_adapt_batch_size_init(&batch_size, 64);
    cr_assert_eq(auraio_adapt_batch_size(&batch_size), 1);
}

Test(batch_size, grows_when_operations_come_quickly_and_the_device_is_slow)
{
    auraio_adapt_batch_size_t batch_size;
    auraio_adapt_batch_size_init(&batch_size, 64);
    cr_assert_geq(drive(&batch_size, 100, 100000, 2000), 16);
}

Test(batch_size, never_waits_longer_than_its_share_of_the_latency_for_long)
{
    auraio_adapt_batch_size_t batch_size;
    auraio_adapt_batch_size_init(&batch_size, 64);
    int size = drive(&batch_size, 1000, 80000, 2000);
    cr_assert_leq(1000 * (size - 1), 80000 / 16);
    cr_assert_gt(size, 1);
}

Test(batch_size, stays_at_one_when_operations_come_rarely)
{
    auraio_adapt_batch_size_t batch_size;
    auraio_adapt_batch_size_init(&batch_size, 64);
    cr_assert_leq(drive(&batch_size, 1000000, 100000, 2000), 2);
}

Test(batch_size, falls_at_once_when_arrivals_become_slow)
{
    auraio_adapt_batch_size_t batch_size;
    auraio_adapt_batch_size_init(&batch_size, 64);
    drive(&batch_size, 100, 100000, 2000);
    cr_assert_leq(drive(&batch_size, 1000000, 100000, 8), 2);
}

Test(batch_size, shrinks_when_calls_leave_far_from_full)
{
    auraio_adapt_batch_size_t batch_size;
    auraio_adapt_batch_size_init(&batch_size, 64);
    drive(&batch_size, 100, 100000, 2000);
    for (int i = 0; i < 8; i++) {
        auraio_adapt_submit_t submit = {.waited_ns = 0, .call_ns = 700, .latency_ns = 100000, .ops = 1};
        auraio_adapt_batch_size_submitted(&batch_size, &submit);
    }
    cr_assert_leq(auraio_adapt_batch_size(&batch_size), 2);
}

Test(batch_size, stays_within_bounds_whatever_is_reported)
{
    auraio_adapt_batch_size_t batch_size;
    auraio_adapt_batch_size_init(&batch_size, -3);
    cr_assert_eq(auraio_adapt_batch_size(&batch_size), 1);
    auraio_adapt_batch_size_init(&batch_size, 9);
    uint64_t random = 7;
    for (int i = 0; i < 100000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        auraio_adapt_submit_t submit = {
            .waited_ns = (int64_t)random >> (random % 60),
            .call_ns = (int64_t)(random * 31) >> (random % 50),
            .latency_ns = (int64_t)(random * 17) >> (random % 40),
            .ops = (int)(random >> 40) - (1 << 22),
        };
        auraio_adapt_batch_size_submitted(&batch_size, &submit);
        int size = auraio_adapt_batch_size(&batch_size);
        cr_assert(size >= 1 && size <= 9);
    }
}
