/* SPDX-License-Identifier: MIT */
/* See child.h. What the tool prints besides its output file goes to /dev/null. */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGUMENTS = 24, NOT_FOUND = 127 };

static void exec_quietly(char *const *arguments)
{
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
    }
    execvp(arguments[0], arguments);
    _exit(errno == ENOENT ? NOT_FOUND : NOT_FOUND - 1);
}

int child_run(const struct bench *bench, const char *const *tool, const struct peer *peer, unsigned depth,
              uint64_t ops)
{
    char depth_text[16], ops_text[24];
    snprintf(depth_text, sizeof(depth_text), "%u", depth);
    snprintf(ops_text, sizeof(ops_text), "%llu", (unsigned long long)ops);
    const char *const run[] = {bench->self, "run",    peer->name, "--depth",   depth_text,
                               "--ops",     ops_text, "--file",   bench->path, NULL};
    const char *arguments[ARGUMENTS];
    unsigned count = 0;
    for (; *tool; tool++)
        arguments[count++] = *tool;
    for (unsigned i = 0; i < sizeof(run) / sizeof(run[0]); i++)
        arguments[count++] = run[i];

    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        exec_quietly((char *const *)(uintptr_t)arguments);
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND)
        return -ENOENT;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
}

char *child_output(const struct bench *bench)
{
    char *path = NULL;
    if (asprintf(&path, "%s.XXXXXX", bench->path) < 0)
        return NULL;
    int fd = mkstemp(path);
    if (fd < 0) {
        free(path);
        return NULL;
    }
    close(fd);
    return path;
}
