/* SPDX-License-Identifier: MIT */
/*
 * Two targets in one engine: the disk, and a loop device in memory that is throttled to 2,000 reads a second.
 * Turns with the disk alone, both, and the slow one alone.
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

enum { READS_PER_SECOND = 2000, ROUNDS = 3, SKIPPED = 77 };

static const off_t slow_bytes = 128 * 1024 * 1024;
static const int64_t turn_ns = (int64_t)4000 * 1000 * 1000;
static const int64_t counted_ns = (int64_t)2000 * 1000 * 1000; /* from here on */

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

struct rates {
    double of[2]; /* a second, of each disk */
    int limit[2];
};

/* One turn of one engine with one or two disks; that of NULL is left out. */
static void turn(const struct live_disk *const disks[2], struct rates *ret_rates)
{
    const struct live_access access = {.block_bytes = 4096};
    auraio_engine_t *engine = live_engine(AURAIO_SELECT_ADAPTIVE, 0, 0);
    struct live_load *loads[2];
    int of[2], count = 0;
    for (int i = 0; i < 2; i++) {
        if (disks[i] == NULL)
            continue;
        of[count] = i;
        loads[count++] = live_load_create(engine, disks[i], access, LIVE_OFFERED);
    }
    for (int i = 0; i < count; i++)
        live_load_start(loads[i]);
    live_load_drive(loads, count, turn_ns);
    for (int i = 0; i < count; i++) {
        ret_rates->of[of[i]] = live_load_rate(loads[i], counted_ns, turn_ns);
        ret_rates->limit[of[i]] = loads[i]->limits[loads[i]->bin - 1];
    }
    live_load_stop(loads, count);
    for (int i = 0; i < count; i++)
        live_load_destroy(loads[i]);
    auraio_destroy(engine);
}

static void run_turns(const struct live_disk *fast, const struct live_disk *slow)
{
    const struct live_disk *const turns[3][2] = {{fast, NULL}, {fast, slow}, {NULL, slow}};
    double shares[ROUNDS], slow_shares[ROUNDS];
    printf("  %-6s %10s %6s %10s %6s %7s %10s %6s %10s %6s\n", "round", "disk alone", "limit", "beside",
           "limit", "share", "slow alone", "limit", "beside", "limit");
    for (int round = 0; round < ROUNDS; round++) {
        struct rates rates[3];
        for (int i = 0; i < 3; i++) {
            const int at = (round + i) % 3;
            turn(turns[at], &rates[at]);
        }
        shares[round] = rates[1].of[0] / rates[0].of[0];
        slow_shares[round] = rates[1].of[1] / rates[2].of[1];
        printf("  %-6d %10.0f %6d %10.0f %6d %7.3f %10.0f %6d %10.0f %6d\n", round + 1, rates[0].of[0],
               rates[0].limit[0], rates[1].of[0], rates[1].limit[0], shares[round], rates[2].of[1],
               rates[2].limit[1], rates[1].of[1], rates[1].limit[1]);
    }
    printf("  the disk keeps %.3f of what it reaches alone, the slow device %.3f (medians)\n",
           live_median(shares, ROUNDS), live_median(slow_shares, ROUNDS));
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
