/* SPDX-License-Identifier: MIT */
/**
 * Calls of the library into libc and liburing that the linker sends through wrappers of ours: the list is in
 * wrapped-calls.txt, and a program that links the wrappers must pass --wrap for each of it.
 *
 * A wrapper asks the program whether this call is to fail, and with what; else it makes the call. What
 * programs answer differs: tests of the rings have one kind of call fail when they say so, `failures` has
 * every one fail in turn. Setting up a ring, entering it and binding its workers are wrapped by the programs
 * themselves, which look at what is asked for.
 */
#ifndef TEST_SUPPORT_WRAPPED_H
#define TEST_SUPPORT_WRAPPED_H

enum wrapped_call {
    CALL_MALLOC,
    CALL_CALLOC,
    CALL_REALLOC,
    CALL_ALIGNED_ALLOC,
    CALL_MMAP,
    CALL_MUNMAP,
    CALL_MPROTECT,
    CALL_MADVISE,
    CALL_EVENTFD,
    CALL_EPOLL_CREATE,
    CALL_EPOLL_CTL,
    CALL_EPOLL_WAIT,
    CALL_TIMERFD,
    CALL_DUPFD,
    CALL_OPEN,
    CALL_FOPEN,
    CALL_OPENDIR,
    CALL_FSTAT,
    CALL_LSEEK,
    CALL_READ,
    CALL_PREAD,
    CALL_WRITE,
    CALL_POLL,
    CALL_KEY_CREATE,
    CALL_SET_SPECIFIC,
    CALL_AT_FORK,
    CALL_THREAD,
    CALL_AFFINITY,
    CALL_GETCPU,
    CALL_GETRLIMIT,
    CALL_SYSCALL, /* what has no function of its own, but futex */
    CALL_QUEUE_INIT,
    CALL_ENTER,
    CALL_PROBE,
    CALL_REGISTER_BUFFERS,
    CALL_MAKE_BUFFERS, /* a table of empty ones */
    CALL_UPDATE_BUFFERS,
    CALL_REGISTER_FILES,
    CALL_UPDATE_FILES,
    CALL_REGISTER_EVENTFD,
    CALL_REGISTER_RING,
    CALL_REGISTER_WORKERS,
    CALL_KINDS
};

/** The program's answer: 0, or the errno to fail with. */
int wrapped_error(enum wrapped_call call);

/** The program is told what is allocated and freed, mapped and unmapped. */
void wrapped_blocks(int change);
void wrapped_mapped(long change_bytes);

#endif
