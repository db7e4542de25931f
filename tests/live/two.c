/* SPDX-License-Identifier: MIT */
/*
 * Two targets in one engine: the disk, and a loop device in memory that is throttled to 2,000 reads a second.
 * Turns with the disk alone and with both.
 */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fatal.h"
#include "throttle.h"

enum { READS_PER_SECOND = 2000, ROUNDS = 5, SKIPPED = 77 };

static const off_t slow_bytes = 128 * 1024 * 1024;
static const int64_t turn_ns = (int64_t)2500 * 1000 * 1000;
static const int64_t counted_ns = (int64_t)1000 * 1000 * 1000; /* from here on */

/* A loop device over memory; it is gone when it is closed. False: there is none here. */
static bool open_loop(char *path, size_t capacity, int *ret_fd)
{
    const int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    const int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);
    const int memory = memfd_create("auraio-live", MFD_CLOEXEC);
    bool made = false;
    *ret_fd = -1;
    if (number >= 0 && memory >= 0 && ftruncate(memory, slow_bytes) == 0) {
        struct loop_config config = {.fd = (__u32)memory, .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
        snprintf(path, capacity, "/dev/loop%d", number);
        *ret_fd = open(path, O_RDWR | O_CLOEXEC);
        made = *ret_fd >= 0 && ioctl(*ret_fd, LOOP_CONFIGURE, &config) == 0;
        if (*ret_fd >= 0 && !made)
            close(*ret_fd);
    }
    if (control >= 0)
        close(control);
    if (memory >= 0)
        close(memory);
    return made;
}

/* One turn of one engine; the rates of the disk and, if it takes part, of the slow device. */
static double turn(const struct live_disk *fast, const struct live_disk *slow, double *ret_slow_rate,
                   auraio_target_stats_t *ret_slow)
{
    const struct live_access access = {.block_bytes = 4096};
    auraio_engine_t *engine = live_engine(AURAIO_SELECT_ADAPTIVE, 0, 0);
    struct live_load *loads[2] = {live_load_create(engine, fast, access, LIVE_OFFERED)};
    int count = 1;
    if (slow != NULL)
        loads[count++] = live_load_create(engine, slow, access, LIVE_OFFERED);
    for (int i = 0; i < count; i++)
        live_load_start(loads[i]);
    live_load_drive(loads, count, turn_ns);
    if (slow != NULL) {
        *ret_slow_rate = live_load_rate(loads[1], counted_ns, turn_ns);
        (void)live_target(engine, slow->device, ret_slow);
    }
    const double rate = live_load_rate(loads[0], counted_ns, turn_ns);
    live_load_stop(loads, count);
    for (int i = 0; i < count; i++)
        live_load_destroy(loads[i]);
    auraio_destroy(engine);
    return rate;
}

static void run_turns(const struct live_disk *fast, const struct live_disk *slow)
{
    double shares[ROUNDS];
    printf("  %-8s %12s %12s %8s %12s %10s\n", "round", "disk alone", "beside", "share", "slow device",
           "its limit");
    for (int round = 0; round < ROUNDS; round++) {
        auraio_target_stats_t stats = {0};
        double slow_rate = 0, alone = 0, beside;
        if (round % 2 == 0)
            alone = turn(fast, NULL, NULL, NULL);
        beside = turn(fast, slow, &slow_rate, &stats);
        if (round % 2 == 1)
            alone = turn(fast, NULL, NULL, NULL);
        shares[round] = beside / alone;
        printf("  %-8d %12.0f %12.0f %8.3f %12.0f %10d\n", round + 1, alone, beside, shares[round], slow_rate,
               stats.optimal_in_flight);
    }
    printf("  the disk keeps %.3f of what it reaches alone (median)\n", live_median(shares, ROUNDS));
}

int live_two(const struct live_disk *disk)
{
    char path[32];
    int fd;
    struct live_disk slow;
    const char *reason;
    if (!open_loop(path, sizeof(path), &fd)) {
        printf("  not tried: no loop device can be made here (that takes root)\n");
        return SKIPPED;
    }
    live_disk_open(path, &slow);
    close(fd);
    throttle_t *throttle = throttle_create(slow.device, &reason);
    if (throttle != NULL) {
        throttle_set(throttle, READS_PER_SECOND);
        run_turns(disk, &slow);
    } else
        printf("  not tried: %s\n", reason);
    throttle_destroy(throttle);
    close(slow.fd);
    return throttle != NULL ? 0 : SKIPPED;
}
