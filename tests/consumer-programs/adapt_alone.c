/* SPDX-License-Identifier: MIT */
/*
 * Somebody else's scheduler, with the controller alone: a device that serves at most 16 operations at once,
 * each in 100 us. A limit near 16 is all that helps.
 */
#include <auraio/adapt.h>
#include <stdio.h>

#define SERVERS 16
#define SERVICE_NS 100000
#define ROUNDS 200000

int main(void)
{
    static auraio_adapt_t adapt;
    if (auraio_adapt_init(&adapt, NULL) != 0)
        return 1;
    int64_t now_ns = 0;
    for (int round = 0; round < ROUNDS; round++) {
        /* One completes; the next takes its place. */
        int limit = auraio_adapt_limit(&adapt);
        int served = limit < SERVERS ? limit : SERVERS;
        now_ns += SERVICE_NS / served;
        auraio_adapt_sample_t sample = {
            .latency_ns = (int64_t)SERVICE_NS * limit / served,
            .size_bytes = 4096,
            .kind = AURAIO_ADAPT_READ,
            .flags = AURAIO_ADAPT_BOUND,
        };
        auraio_adapt_batch_t batch = {
            .now_ns = now_ns, .in_flight = limit - 1, .count = 1, .samples = &sample};
        auraio_adapt_complete(&adapt, &batch);
    }
    int limit = auraio_adapt_base_limit(&adapt);
    printf("libauraio-adapt: %d in flight on a device that serves %d\n", limit, SERVERS);
    return auraio_adapt_is_valid(&adapt) && limit >= SERVERS / 2 && limit <= 2 * SERVERS ? 0 : 1;
}
