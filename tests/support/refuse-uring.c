/* SPDX-License-Identifier: MIT */
/*
 * refuse-uring ERRNO PROGRAM [ARGUMENT...]: run a program where io_uring_setup() fails with that error
 * (EPERM, ENOSYS, ENOMEM, EACCES), by a seccomp filter as containers have one. Children inherit it.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int error_of_name(const char *name)
{
    static const int errors[] = {EPERM, ENOSYS, ENOMEM, EACCES, EMFILE, EOPNOTSUPP};
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (strcmp(name, strerrorname_np(errors[i])) == 0)
            return errors[i];
    return -1;
}

static int install(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

int main(int argc, char **argv)
{
    const int error = argc > 2 ? error_of_name(argv[1]) : -1;
    if (error < 0) {
        fprintf(stderr, "usage: %s EPERM|ENOSYS|ENOMEM|EACCES|EMFILE|EOPNOTSUPP PROGRAM [ARGUMENT...]\n",
                argv[0]);
        return 2;
    }
    if (install(error) < 0) {
        fprintf(stderr, "%s: no seccomp filter here: %s\n", argv[0], strerror(errno));
        return 77; /* to meson: skipped */
    }
    execvp(argv[2], &argv[2]);
    fprintf(stderr, "%s: %s: %s\n", argv[0], argv[2], strerror(errno));
    return 127;
}
