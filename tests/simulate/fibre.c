/* SPDX-License-Identifier: MIT */
#include "fibre.h"
#include "report.h"
#include "system.h"
#include "thread-state.h"

#include "random.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBRE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBRE_ASAN 1
#endif
#endif

#ifdef FIBRE_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

enum { STACK_BYTES = 512 * 1024, SWITCHES_MAX = 2000 * 1000 };

struct fibre {
    ucontext_t context;
    void *stack;
    void (*run)(void *argument);
    void *argument;
    bool (*ready)(void *subject); /* blocked: when it may go on */
    void *subject;
    int64_t until_ns;
    bool idle, ended, inside;
    int error; /* errno */
    int cpu;
    struct thread_state state;
    void *keys[FIBRE_KEYS];
    void *fake_stack;
};

static struct fibre fibres[FIBRES_MAX];
static int count, current = -1, live;
static ucontext_t scheduler;
static struct world *world;
static uint64_t random_state, switches;
static void *scheduler_fake_stack;

/* ------------------------------------------------------------------ switching */

/* AddressSanitizer is told which stack is in use. */
static void before_switch(void **fake_stack, const void *stack, size_t size)
{
#ifdef FIBRE_ASAN
    __sanitizer_start_switch_fiber(fake_stack, stack, size);
#else
    (void)fake_stack;
    (void)stack;
    (void)size;
#endif
}

static const void *scheduler_stack;
static size_t scheduler_stack_size;

static void after_switch(void *fake_stack, bool from_scheduler)
{
#ifdef FIBRE_ASAN
    const void *stack;
    size_t size;
    __sanitizer_finish_switch_fiber(fake_stack, &stack, &size);
    if (from_scheduler) {
        scheduler_stack = stack;
        scheduler_stack_size = size;
    }
#else
    (void)fake_stack;
    (void)from_scheduler;
#endif
}

static void to_scheduler(struct fibre *fibre)
{
    fibre->error = errno;
    thread_state_save(&fibre->state);
    before_switch(fibre->ended ? NULL : &fibre->fake_stack, scheduler_stack, scheduler_stack_size);
    swapcontext(&fibre->context, &scheduler);
    after_switch(fibre->fake_stack, true);
    thread_state_load(&fibre->state);
    errno = fibre->error;
}

static void to_fibre(int number)
{
    struct fibre *fibre = &fibres[number];
    if (++switches > SWITCHES_MAX)
        report_failure("livelock: %d switches and no end", SWITCHES_MAX);
    current = number;
    world_set_thread(world, (uint64_t)number + 1);
    before_switch(&scheduler_fake_stack, fibre->stack, STACK_BYTES);
    swapcontext(&scheduler, &fibre->context);
    after_switch(scheduler_fake_stack, false);
    current = -1;
}

static void fibre_main(void)
{
    struct fibre *fibre = &fibres[current];
    after_switch(NULL, true);
    thread_state_load(&fibre->state);
    fibre->run(fibre->argument);
    fibre->inside = false;
    system_end_thread(fibre->keys);
    world_end_thread(world, (uint64_t)current + 1);
    fibre->ended = true;
    live--;
    to_scheduler(fibre);
}

/* ----------------------------------------------------------------- schedule */

static bool can_run(struct fibre *fibre)
{
    if (fibre->ended || fibre->idle)
        return false;
    return !fibre->ready || world_now_ns(world) >= fibre->until_ns || fibre->ready(fibre->subject);
}

/* The next to run, -1: none can. */
static int choose(void)
{
    int first = (int)random_below(&random_state, (uint64_t)count);
    for (int i = 0; i < count; i++)
        if (can_run(&fibres[(first + i) % count]))
            return (first + i) % count;
    return -1;
}

static int64_t earliest_deadline(void)
{
    int64_t until_ns = INT64_MAX;
    for (int i = 0; i < count; i++)
        if (!fibres[i].ended && !fibres[i].idle && fibres[i].ready && fibres[i].until_ns < until_ns)
            until_ns = fibres[i].until_ns;
    return until_ns;
}

void fibres_run(void)
{
    while (live > 0) {
        int next = choose();
        if (next >= 0) {
            to_fibre(next);
        } else if (!world_advance(world, earliest_deadline())) {
            if (!fibres[0].idle)
                report_failure("every thread sleeps, and nothing will happen: a wake-up was lost");
            fibres[0].idle = false;
            to_fibre(0);
        }
    }
}

/* -------------------------------------------------------------------- fibres */

void fibres_begin(struct world *of_world, uint64_t seed)
{
    world = of_world;
    random_state = seed;
    switches = 0;
    count = live = 0;
    current = -1;
}

int fibre_start(void (*run)(void *argument), void *argument)
{
    struct fibre *fibre = &fibres[count];
    void *stack = fibre->stack;
    if (!stack)
        stack =
            mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED)
        report_failure("no memory for a stack");
    *fibre = (struct fibre){.stack = stack, .run = run, .argument = argument};
    getcontext(&fibre->context);
    fibre->context.uc_stack.ss_sp = stack;
    fibre->context.uc_stack.ss_size = STACK_BYTES;
    makecontext(&fibre->context, fibre_main, 0);
    fibre->cpu = (int)random_below(&random_state, 4);
    live++;
    return count++;
}

int fibre_current(void)
{
    return current;
}

bool fibre_has_ended(int fibre)
{
    return fibres[fibre].ended;
}

void fibre_yield(void)
{
    if (current >= 0)
        to_scheduler(&fibres[current]);
}

void fibre_point(void *unused)
{
    (void)unused;
    if (current < 0 || random_below(&random_state, 4) != 0)
        return;
    if (random_below(&random_state, 16) == 0)
        fibres[current].cpu = (int)random_below(&random_state, 4);
    to_scheduler(&fibres[current]);
}

void fibre_idle(void)
{
    fibres[current].idle = true;
    to_scheduler(&fibres[current]);
}

static void block(void *unused, bool (*ready)(void *subject), void *subject, int64_t until_ns)
{
    (void)unused;
    while (!ready(subject) && world_now_ns(world) < until_ns) {
        if (current < 0) {
            if (!world_advance(world, until_ns))
                report_failure("a wait outside of threads that never ends");
            continue;
        }
        struct fibre *fibre = &fibres[current];
        fibre->ready = ready;
        fibre->subject = subject;
        fibre->until_ns = until_ns;
        to_scheduler(fibre);
        fibre->ready = NULL;
    }
}

void fibre_block(bool (*ready)(void *subject), void *subject)
{
    block(NULL, ready, subject, INT64_MAX);
}

const struct world_hooks fibre_hooks = {.point = fibre_point, .block = block, .tell = report_event};

void **fibre_key_values(void)
{
    return current >= 0 ? fibres[current].keys : NULL;
}

bool fibre_set_inside(bool inside)
{
    if (current < 0)
        return false;
    bool was = fibres[current].inside;
    fibres[current].inside = inside;
    return was;
}

bool fibre_is_inside(void)
{
    return current >= 0 && fibres[current].inside;
}

int fibre_cpu(void)
{
    return current >= 0 ? fibres[current].cpu : 0;
}

uint64_t fibre_switches(void)
{
    return switches;
}
