/* SPDX-License-Identifier: MIT */
/*
 * The first process in the virtual machine of `./dev vm`. The file /tests names a directory in its first line
 * and in each other a command, which a shell runs there within TEST_SECONDS. Says what became of each, and
 * switches the machine off.
 *
 * The last line it prints begins with VM_RESULT: without it nothing that ran counts. A command that ends with
 * status 77 was skipped, as Meson has it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define VM_RESULT "vm-result:"

enum { TEST_SECONDS = 300, LINE_BYTES = 4096, SKIPPED = 77 };

struct tally {
    int passed;
    int failed;
    int skipped;
};

static void mount_at(const char *type, const char *where)
{
    (void)mkdir(where, 0755);
    if (mount(type, where, type, 0, NULL) < 0)
        fprintf(stderr, "%s: %s\n", where, strerror(errno));
}

/* A kernel starts its first process without descriptors when its root has no /dev/console. */
static void open_console(void)
{
    int console = open("/dev/console", O_RDWR);
    if (console < 0)
        return;
    for (int fd = 0; fd <= 2; fd++)
        if (console != fd)
            (void)dup2(console, fd);
    if (console > 2)
        close(console);
}

static int run(const char *command)
{
    pid_t child = fork();
    if (child == 0) {
        (void)setsid();
        (void)alarm(TEST_SECONDS);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    (void)kill(-child, SIGKILL); /* what it left running */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_and_count(const char *command, struct tally *tally)
{
    int status = run(command);
    if (status == 0) {
        tally->passed++;
        printf("passed   %s\n", command);
    } else if (status == SKIPPED) {
        tally->skipped++;
        printf("skipped  %s\n", command);
    } else {
        tally->failed++;
        printf("FAILED   %s (status %d)\n", command, status);
    }
}

static bool next_line(FILE *file, char *line)
{
    if (!fgets(line, LINE_BYTES, file))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static void run_all(struct tally *tally)
{
    static char line[LINE_BYTES];
    FILE *tests = fopen("/tests", "re");
    if (!tests || !next_line(tests, line) || chdir(line) < 0)
        return;
    while (next_line(tests, line))
        run_and_count(line, tally);
    fclose(tests);
}

int main(void)
{
    struct tally tally = {0};
    mount_at("devtmpfs", "/dev");
    open_console();
    setvbuf(stdout, NULL, _IOLBF, 0);
    mount_at("proc", "/proc");
    mount_at("sysfs", "/sys");
    (void)mkdir("/tmp", 01777);
    mount_at("tmpfs", "/dev/shm");
    (void)mkdir("/var", 0755);
    (void)symlink("/tmp", "/var/tmp");
    setenv("PATH", "/bin", 1);
    setenv("HOME", "/tmp", 1);
    run_all(&tally);
    printf(VM_RESULT " %d passed, %d failed, %d skipped\n", tally.passed, tally.failed, tally.skipped);
    fflush(stdout);
    sync();
    return reboot(RB_POWER_OFF);
}
