/* SPDX-License-Identifier: MIT */
/*
 * The first process in the virtual machine of `./dev vm`. Loads the modules that /modules/order names, and
 * makes the disk its root. There, the file /tests names a directory in its first line, in the second how many
 * seconds a command may take, in the third what `vm-init speed` says elsewhere, and in each other a command,
 * which a shell runs in that directory. What stands before a tab is the command's name. Says what became of
 * each and how long it took, and switches the machine off.
 *
 * The last line it prints begins with VM_RESULT: without it nothing that ran counts. A command that ends with
 * status 77 was skipped, as Meson has it. AURAIO_TEST_SLOWNESS tells the commands how many times slower this
 * machine is.
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
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "speed.h"

#define VM_RESULT "vm-result:"

enum { LINE_BYTES = 4096, SKIPPED = 77 };

struct tally {
    int passed;
    int failed;
    int skipped;
    unsigned seconds; /* for one command */
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

static int run(const char *command, unsigned seconds)
{
    pid_t child = fork();
    if (child == 0) {
        (void)setsid();
        (void)alarm(seconds);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    if (child < 0 || waitpid(child, &status, 0) < 0)
        return -1;
    (void)kill(-child, SIGKILL); /* what it left running */
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_and_count(char *line, struct tally *tally)
{
    struct timespec start, end;
    const char *name = line, *command = line;
    char *tab = strchr(line, '\t');
    if (tab) {
        *tab = '\0';
        command = tab + 1;
    }
    printf("running  %s\n", name);
    clock_gettime(CLOCK_MONOTONIC, &start);
    int status = run(command, tally->seconds);
    clock_gettime(CLOCK_MONOTONIC, &end);
    int took = (int)(end.tv_sec - start.tv_sec);
    if (status == 0) {
        tally->passed++;
        printf("passed   %s (%d s)\n", name, took);
    } else if (status == SKIPPED) {
        tally->skipped++;
        printf("skipped  %s\n", name);
    } else {
        tally->failed++;
        printf("FAILED   %s (status %d after %d s)\n", name, status, took);
    }
}

static bool next_line(FILE *file, char *line)
{
    if (!fgets(line, LINE_BYTES, file))
        return false;
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* Rounded up: 1 is a machine that is as fast. */
static void measure_slowness(int64_t elsewhere_ns)
{
    char factor[24];
    int64_t here_ns = speed_ns();
    if (elsewhere_ns <= 0 || here_ns <= 0)
        return;
    snprintf(factor, sizeof(factor), "%lld", (long long)((here_ns + elsewhere_ns - 1) / elsewhere_ns));
    setenv("AURAIO_TEST_SLOWNESS", factor, 1);
    printf("this machine is %s times slower than where it was started\n", factor);
}

static void run_all(struct tally *tally)
{
    static char line[LINE_BYTES];
    FILE *tests = fopen("/tests", "re");
    if (!tests || !next_line(tests, line) || chdir(line) < 0)
        return;
    tally->seconds = next_line(tests, line) ? (unsigned)strtoul(line, NULL, 10) : 0;
    measure_slowness(next_line(tests, line) ? strtoll(line, NULL, 10) : 0);
    while (next_line(tests, line))
        run_and_count(line, tally);
    fclose(tests);
}

static void load_modules(void)
{
    static char line[LINE_BYTES], path[LINE_BYTES + 16];
    FILE *order = fopen("/modules/order", "re");
    while (order && next_line(order, line)) {
        snprintf(path, sizeof(path), "/modules/%s", line);
        int module = open(path, O_RDONLY | O_CLOEXEC);
        if (module < 0 || syscall(SYS_finit_module, module, "", 0) < 0)
            fprintf(stderr, "%s: %s\n", path, strerror(errno));
        close(module);
    }
    if (order)
        fclose(order);
}

static void enter_disk(void)
{
    (void)mkdir("/disk", 0755);
    if (mount("/dev/vda", "/disk", "ext4", MS_NOATIME, NULL) < 0 || chroot("/disk") < 0 || chdir("/") < 0)
        fprintf(stderr, "the disk: %s\n", strerror(errno));
}

int main(int argc, char **argv)
{
    struct tally tally = {0};
    if (argc == 2 && strcmp(argv[1], "speed") == 0)
        return printf("%lld\n", (long long)speed_ns()) < 0;
    mount_at("devtmpfs", "/dev");
    open_console();
    setvbuf(stdout, NULL, _IOLBF, 0);
    load_modules();
    enter_disk();
    mount_at("devtmpfs", "/dev");
    mount_at("proc", "/proc");
    mount_at("sysfs", "/sys");
    mount_at("tmpfs", "/dev/shm");
    setenv("PATH", "/bin", 1);
    setenv("HOME", "/tmp", 1);
    run_all(&tally);
    printf(VM_RESULT " %d passed, %d failed, %d skipped\n", tally.passed, tally.failed, tally.skipped);
    fflush(stdout);
    sync();
    return reboot(RB_POWER_OFF);
}
