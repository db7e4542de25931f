/* SPDX-License-Identifier: MIT */
#include "report.h"
#include "fibre.h"
#include "token.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

bool report_trace;
static uint64_t seed_now, digest;
static const struct world *world;

void report_begin(uint64_t seed, const struct world *of_world)
{
    seed_now = seed;
    world = of_world;
    digest = 0;
}

/* FNV-1a (Fowler, Noll, Vo). */
static void digest_text(const char *text)
{
    digest = digest ? digest : UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        digest = (digest ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
}

void report_step(const char *format, ...)
{
    char line[256];
    int used = snprintf(line, sizeof(line), "%12.6f ms  thread %d  ", (double)world_now_ns(world) / 1e6,
                        fibre_current());
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, sizeof(line) - (size_t)used, format, arguments);
    va_end(arguments);
    digest_text(line);
    if (report_trace)
        puts(line);
}

void report_event(void *unused, enum world_event event, uint64_t key, int64_t value)
{
    static const char *const names[] = {"starts opcode", "completes with", "is to fail with"};
    (void)unused;
    int token = token_of_key(key);
    if (event == WORLD_INJECTED)
        token_injected(token, (int)value);
    report_step("    world: operation %d %s %lld", token, names[event], (long long)value);
}

void report_failure(const char *format, ...)
{
    fflush(stdout);
    fprintf(stderr, "seed %llu: ", (unsigned long long)seed_now);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n  again, step by step: ./dev simulate --seed %llu --verbose\n",
            (unsigned long long)seed_now);
    fflush(stderr);
    _exit(1);
}

uint64_t report_digest(void)
{
    return digest;
}
