#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every call of the library either is made to fail by the tests of this folder, or is known here not to fail.

usage: complete.py LIBRARY.a CALL...

The calls are the library's undefined symbols that none of its own objects defines. One that is in neither list
is new: wrap it, or add it below with the reason why it need not fail.
"""
import subprocess
import sys

# They compute, copy, free, end, or tell by their result what is no error.
CANNOT_FAIL = """
__assert_fail __ctype_b_loc __errno_location __isoc99_sscanf __isoc23_sscanf __isoc23_strtol __popcountdi2
__stack_chk_fail __tls_get_addr _GLOBAL_OFFSET_TABLE_ __sched_cpualloc __sched_cpucount __sched_cpufree
abort ceil exp gnu_dev_major gnu_dev_minor llround hypot log log1p pow sqrt fmax fmin
memchr memcmp memcpy memmove memset qsort snprintf vsnprintf strchr strcmp strcspn strerrordesc_np strlen strnlen strncmp strrchr strtok_r strtol __memcpy_chk __memset_chk __snprintf_chk
__fgets_chk __read_chk __pread64_chk __fprintf_chk __vsnprintf_chk __memmove_chk
clock_gettime close closedir fclose getenv sysconf
io_uring_free_probe io_uring_queue_exit io_uring_unregister_buffers io_uring_unregister_eventfd
io_uring_unregister_files
numa_bitmask_free numa_bitmask_setbit
pthread_attr_destroy pthread_attr_init pthread_attr_setstacksize pthread_detach pthread_equal pthread_join
pthread_mutex_destroy pthread_mutex_init pthread_mutex_lock pthread_mutex_trylock pthread_mutex_unlock
pthread_once pthread_self pthread_sigmask sched_yield sigfillset
""".split()

# They may fail, and the library goes on without what they would have told or done: what follows is the same
# as after a value that means nothing (a short line, the end of a directory, no NUMA machine).
LIKE_AN_EMPTY_ANSWER = """
fgets readdir64 numa_available numa_max_node numa_allocate_nodemask get_mempolicy set_mempolicy mbind
nanosleep timerfd_settime fstatat64 msync
""".split()

# Of the simulated backend, which has faults of its own: ./dev simulate.
SIMULATED = """
memfd_create pwrite64
""".split()

# The system call of an operation: its failure is the operation's result, tested with real files.
OPERATIONS = """
fallocate64 fdatasync fsync ftruncate64 openat64 preadv64v2 pwritev64v2 statx sync_file_range poll readv writev recvmsg
sendmsg
""".split()


def symbols(library, *options):
    listed = subprocess.run(["nm", "-P", *options, library], check=True, capture_output=True, text=True).stdout
    return {line.split()[0] for line in listed.splitlines() if " " in line and not line.endswith(":")}


def main():
    library, *wrapped = sys.argv[1:]
    called = symbols(library, "--undefined-only") - symbols(library, "--defined-only")
    known = {*wrapped, *CANNOT_FAIL, *LIKE_AN_EMPTY_ANSWER, *OPERATIONS, *SIMULATED}
    forgotten = sorted(called - known)
    for call in forgotten:
        print(f"complete.py: the library calls {call}(), which nothing makes fail", file=sys.stderr)
    print(f"{len(called & set(wrapped))} of {len(called)} calls are made to fail")
    return 1 if forgotten else 0


if __name__ == "__main__":
    sys.exit(main())
