/* refuse.c - runs a command under a seccomp filter that refuses io_uring_setup, as container runtimes do:
 * refuse EPERM|ENOSYS|ENOMEM COMMAND... */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int errno_of(const char *name)
{
    return strcmp(name, "EPERM") == 0    ? EPERM
           : strcmp(name, "ENOSYS") == 0 ? ENOSYS
           : strcmp(name, "ENOMEM") == 0 ? ENOMEM
                                         : 0;
}

int main(int argc, char **argv)
{
    int error = argc > 2 ? errno_of(argv[1]) : 0;
    if (error == 0) {
        fputs("usage: refuse EPERM|ENOSYS|ENOMEM COMMAND...\n", stderr);
        return 126;
    }
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]), .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("refuse: no seccomp filter can be set");
        return 126;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
