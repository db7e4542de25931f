/* SPDX-License-Identifier: MIT */
/*
 * Bytes become the files of /proc and /sys that are read: by topology_read() as an engine is created, and by
 * the checks of `auraio doctor`. Whatever is in them, a topology is one that can be used, and findings are
 * sentences.
 *
 * A piece of input is a number of a file, a length, and as many bytes: the file's content. The files lie in a
 * directory that lives as long as the process.
 */
#include "../../../tools/doctor.h"

#include <auraio-ring/topology.h>

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#define DISK "/sys/devices/pci/nvme0n1"
#define NODES "/sys/devices/system/node"

static const char *const paths[] = {
    NODES "/online",
    NODES "/node0/cpulist",
    NODES "/node1/cpulist",
    NODES "/node0/distance",
    NODES "/node1/distance",
    "/proc/self/cgroup",
    "/proc/self/mountinfo",
    "/proc/self/status",
    "/sys/fs/cgroup/group/cpu.max",
    "/sys/fs/cgroup/group/cpu.stat",
    "/sys/fs/cgroup/cpu/group/cpu.cfs_quota_us",
    "/sys/fs/cgroup/cpu/group/cpu.cfs_period_us",
    "/proc/sys/kernel/io_uring_disabled",
    "/proc/sys/kernel/io_uring_group",
    "/sys/module/nvme/parameters/poll_queues",
    DISK "/queue/scheduler",
    DISK "/queue/nr_requests",
    DISK "/queue/rotational",
    DISK "/queue/io_poll",
};

enum { PATHS = sizeof(paths) / sizeof(paths[0]) };

static char root[PATH_MAX / 2];
static int fds[PATHS];
static pid_t maker;

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* A fork of a fuzzer that ends must leave it. */
static void remove_root(void)
{
    char command[sizeof(root) + 16];
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    if (getpid() == maker)
        require(system(command) == 0);
}

static void make_directories(char *path)
{
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0700); /* it may be there */
        *slash = '/';
    }
}

/* All but a disk's "partition", so that it is a disk. */
static void make_root(void)
{
    char path[PATH_MAX];
    const char *directory = getenv("AURAIO_TEST_DIR");
    maker = getpid();
    snprintf(root, sizeof(root), "%s/auraio-fuzz-XXXXXX", directory ? directory : "/tmp");
    require(mkdtemp(root) != NULL && atexit(remove_root) == 0);
    for (int i = 0; i < PATHS; i++) {
        snprintf(path, sizeof(path), "%s%s", root, paths[i]);
        make_directories(path);
        fds[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        require(fds[i] >= 0);
    }
    snprintf(path, sizeof(path), "%s/sys/dev/block/8:1", root);
    make_directories(path);
    require(symlink("../../../sys/devices/pci/nvme0n1", path) == 0);
}

static void write_files(const uint8_t *bytes, size_t length)
{
    for (int i = 0; i < PATHS; i++)
        require(ftruncate(fds[i], 0) == 0);
    while (length >= 3) {
        int file = bytes[0] % PATHS;
        size_t wanted = (size_t)bytes[1] | (size_t)bytes[2] << 8;
        bytes += 3;
        length -= 3;
        size_t put = wanted < length ? wanted : length;
        require(pwrite(fds[file], bytes, put, 0) == (ssize_t)put);
        bytes += put;
        length -= put;
    }
}

static void read_topology(void)
{
    struct topology topology;
    if (topology_read(root, &topology) < 0)
        return;
    require(topology.cpu_count >= 1 && topology.node_count >= 1 && topology.quota_cpus >= 0);
    require(topology_parallelism(&topology) >= 1 && topology_parallelism(&topology) <= topology.cpu_count);
    for (int i = 0; i < topology.cpu_count; i++) {
        int place = topology_place_of(&topology, topology.cpus[i].cpu), node = topology.cpus[i].node;
        require(place >= 0 && place < topology.cpu_count && node >= 0 && node < topology.node_count);
        require(topology_distance(&topology, node, 0) >= TOPOLOGY_NEAR);
    }
    topology_free(&topology);
}

static void examine(void)
{
    static doctor_report_t report;
    doctor_system_t system = {
        .root = root,
        .path = "/data",
        .release = "6.12.1",
        .cpus_allowed = 1,
        .cpus_online = 4,
        .nofile = 1024,
        .nofile_hard = 1024,
        .device_major = 8,
        .device_minor = 1,
    };
    report.count = 0;
    doctor_examine(&system, &report);
    system.device_minor = 2; /* behind which no disk is found: what it is mounted from is asked */
    doctor_check_device(&system, &report);
    require(report.count >= 1 && report.count <= DOCTOR_FINDINGS);
    for (int i = 0; i < report.count; i++)
        require(report.findings[i].text[0] != '\0' && memchr(report.findings[i].text, '\0', DOCTOR_TEXT) &&
                memchr(report.findings[i].todo, '\0', DOCTOR_TEXT));
    require(doctor_print_json(&report) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    if (maker == 0) {
        make_root();
        require(freopen("/dev/null", "w", stdout) != NULL);
    }
    write_files(bytes, length);
    read_topology();
    examine();
    return 0;
}
