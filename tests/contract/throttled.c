/* SPDX-License-Identifier: MIT */
/*
 * A device that becomes slower and faster again while it is used: the limit follows. How quickly is another
 * matter (`auraio-live throttle`): a loaded machine takes its time.
 */
#include <auraio.h>
#include <fcntl.h>
#include <stdalign.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "files.h"
#include "process.h"
#include "throttle.h"

enum { BYTES = 4096, BLOCKS = 1024, DEPTH = 64, READS_PER_SECOND = 1000, FOLLOWS_MS = 30000 };

static throttle_t *throttle;
static const char *reason;
static int file;

static void set_up(void)
{
    static char pattern[BLOCKS * BYTES];
    struct stat st;
    const int writer = file_of_pattern(sizeof(pattern));
    char path[64];
    file_make_cold(writer);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
    file = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    close(writer);
    if (file < 0 || fstat(file, &st) != 0)
        reason = "the file system of the build directory has no O_DIRECT";
    else
        throttle = throttle_create(st.st_dev, &reason);
}

static void tear_down(void)
{
    throttle_destroy(throttle);
    close(file);
}

/* A closed loop of reads of all blocks in turn. */
struct loop {
    auraio_engine_t *engine;
    bool running;
    int next;
};

static void read_again(auraio_request_t *req, ssize_t result, void *context)
{
    static alignas(BYTES) char buf[BYTES];
    struct loop *loop = context;
    (void)req;
    check_is(result, BYTES);
    if (loop->running)
        check_accepted(auraio_read(loop->engine, file, auraio_buf(buf), BYTES,
                                   (off_t)(loop->next++ % BLOCKS) * BYTES, read_again, loop));
}

/* The newest decision of that cause. */
static bool find_decision(const auraio_engine_t *engine, const char *cause, auraio_decision_t *ret_decision)
{
    auraio_decision_t decisions[AURAIO_DECISIONS_MAX];
    check_is(auraio_get_target_count(engine), 2);
    for (int i = auraio_get_decisions(engine, 1, decisions, AURAIO_DECISIONS_MAX) - 1; i >= 0; i--) {
        if (strcmp(auraio_cause_name(decisions[i].cause), cause) == 0) {
            *ret_decision = decisions[i];
            return true;
        }
    }
    return false;
}

static auraio_decision_t drive_until_decided(struct loop *loop, const char *cause)
{
    auraio_decision_t decision = {0};
    const int64_t end_ms = now_ms() + FOLLOWS_MS;
    while (!find_decision(loop->engine, cause, &decision)) {
        cr_assert(now_ms() < end_ms, "no decision '%s' in %d ms", cause, FOLLOWS_MS);
        check_at_least(auraio_wait(loop->engine, 100), 0);
    }
    return decision;
}

Test(throttled, the_limit_falls_with_the_device, .timeout = 120, .init = set_up, .fini = tear_down)
{
    if (throttle == NULL)
        skip_because("%s", reason);
    auraio_options_t options;
    auraio_options_init(&options);
    options.queue_depth = options.initial_in_flight = DEPTH;
    options.min_in_flight = 1;
    struct loop loop = {.engine = auraio_create_with_options(&options), .running = true};
    check_that(loop.engine != NULL);
    for (int i = 0; i < 2 * DEPTH; i++)
        read_again(NULL, BYTES, &loop);
    const auraio_decision_t knee = drive_until_decided(&loop, "knee found");
    if (knee.throughput_ops < 4 * READS_PER_SECOND || knee.new_limit == 1)
        skip_because("the disk is hardly faster than the throttle, or wants one read at a time");
    throttle_set(throttle, READS_PER_SECOND);
    const auraio_decision_t fall = drive_until_decided(&loop, "capacity down");
    check_below(fall.new_limit, fall.old_limit);
    throttle_set(throttle, 0);
    loop.running = false;
    check_at_least(auraio_drain(loop.engine, FOLLOWS_MS), 1);
    auraio_destroy(loop.engine);
}
