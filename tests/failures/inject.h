/* SPDX-License-Identifier: MIT */
/**
 * The n-th call fails: a plan, and the account of what the library holds.
 *
 * The linker sends every call of the library that may fail through a wrapper (wrapped.h; complete.py holds
 * the list against the library's undefined symbols). A wrapper asks whether this is the call to fail. Calls
 * are numbered from 1 over all threads while the plan is armed; those of the test itself are made between
 * inject_pause() and inject_resume() and don't count.
 *
 * The plan lives in memory that a test shares with the child it forks for each point, so that the parent can
 * say which call failed also when the child did not come to an end.
 */
#ifndef TEST_FAILURES_INJECT_H
#define TEST_FAILURES_INJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "wrapped.h"

enum { INJECT_ERRORS_MAX = 6, INJECT_CALLS_MAX = 4096 };

/** What is to fail. */
struct inject_plan {
    int number;   /**< the call to fail; 0: none */
    int variant;  /**< which of the errors that the call may give */
    bool onwards; /**< and all calls of that kind after it, if it lasts */
};

/** What the library holds of the system. */
struct inject_account {
    long blocks;       /**< of malloc() and its kin, not freed */
    long mapped_bytes; /**< of mmap() */
    int fds;
    int rings; /**< mappings of io_uring */
};

/** Forget what was before, and share the rest with children. Ends the program when it can't. */
void inject_start(void);

/** Number calls from 1 again and fail by @p plan from now on, until inject_disarm(). */
void inject_arm(struct inject_plan plan);
void inject_disarm(void);

/** The calling thread's calls are the test's own. They nest. */
void inject_pause(void);
void inject_resume(void);

/** How many calls were numbered since inject_arm(), in whichever process. */
int inject_calls(void);

/** The kind of call @p number. */
enum wrapped_call inject_kind(int number);

/** How many errors a kind of call may give. */
int inject_variants(enum wrapped_call call);

/** Whether it may go on failing for good: memory and descriptors that are short stay short, filters stay. Of
 * the others, that one failed says nothing of the next. */
bool inject_lasts(enum wrapped_call call);

const char *inject_name(enum wrapped_call call);

/** The errno that was injected since inject_arm(), 0: none, or disarmed since. */
int inject_error(void);

/** What it was injected into, also afterwards; CALL_KINDS: nothing. */
enum wrapped_call inject_victim(void);

/** What is held now. */
struct inject_account inject_look(void);

#endif
