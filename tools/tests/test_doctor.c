/* `auraio doctor`: its checks on systems that are made up (a directory with /proc and /sys in it, and what
 * calls would have answered), then the command itself under refusals that are real. */
#include "../doctor.h"

#include <errno.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shell.h"

#define SKIPPED "skipped: "
#define AS_NOBODY "setpriv --reuid=65534 --regid=65534 --clear-groups "

static char folder[] = "/tmp/auraio-test-doctor-XXXXXX";
static doctor_system_t made_up;
static doctor_report_t report;

/* A system on which all is well, as far as it is there: nothing of /proc and /sys is. */
static void make_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    made_up = (doctor_system_t){
        .root = folder,
        .path = "/data",
        .release = "6.12.1",
        .cpus_allowed = 4,
        .cpus_online = 4,
        .memlock = -1,
        .nofile = 65536,
        .nofile_hard = 65536,
        .nproc = -1,
        .device_major = 8,
        .device_minor = 1,
        .automatic = {.info = {.backend = AURAIO_BACKEND_URING, .ring_entries = 256}},
    };
    made_up.uring = made_up.own = made_up.automatic;
    report.count = 0;
}

static void tear_down(void)
{
    char line[256];
    snprintf(line, sizeof(line), "rm -rf %s", folder);
    run(line);
}

TestSuite(doctor, .init = make_up, .fini = tear_down, .timeout = 60);

/* A file of the made-up system. */
static void put(const char *path, const char *text)
{
    char line[2048];
    snprintf(line, sizeof(line), "mkdir -p \"$(dirname '%s%s')\" && printf %%s '%s' > '%s%s'", folder, path,
             text, folder, path);
    cr_assert_eq(run(line).status, 0, "%s", line);
}

static void link_to(const char *path, const char *target)
{
    char line[2048];
    snprintf(line, sizeof(line), "mkdir -p \"$(dirname '%s%s')\" && ln -s '%s' '%s%s'", folder, path, target,
             folder, path);
    cr_assert_eq(run(line).status, 0, "%s", line);
}

/* What a check finds last. */
static const doctor_finding_t *found(void (*check)(const doctor_system_t *system, doctor_report_t *report))
{
    report.count = 0;
    check(&made_up, &report);
    cr_assert_geq(report.count, 1);
    return &report.findings[report.count - 1];
}

#define EXPECT(check, wanted_state, said, advised)                                                           \
    do {                                                                                                     \
        const doctor_finding_t *finding = found(check);                                                      \
        cr_assert_eq(finding->state, wanted_state, "state %d: %s", finding->state, finding->text);           \
        cr_assert(strstr(finding->text, said), "does not say '%s': %s", said, finding->text);                \
        cr_assert(strstr(finding->todo, advised), "does not advise '%s': %s", advised, finding->todo);       \
    } while (0)

Test(doctor, kernels_are_judged_by_their_version)
{
    EXPECT(doctor_check_kernel, DOCTOR_OK, "Linux 6.12.1", "");
    strcpy(made_up.release, "6.1.0-18-amd64");
    EXPECT(doctor_check_kernel, DOCTOR_OK, "from 6.12 on", "");
    strcpy(made_up.release, "5.19.7");
    EXPECT(doctor_check_kernel, DOCTOR_NOTE, "from 6.1 on", "");
    strcpy(made_up.release, "4.19.0");
    EXPECT(doctor_check_kernel, DOCTOR_ADVICE, "older than 5.18", "newer kernel");
    strcpy(made_up.release, "odd");
    EXPECT(doctor_check_kernel, DOCTOR_NOTE, "odd", "");
}

/* io_uring is refused with an errno; whether anything else runs in its place. */
static void refuse(int error, bool has_threads)
{
    made_up.uring = made_up.own = (doctor_engine_t){.error = error, .words = "it says no"};
    made_up.automatic = made_up.uring;
    if (has_threads)
        made_up.automatic =
            (doctor_engine_t){.info = {.backend = AURAIO_BACKEND_THREADS, .reason = "refused"}};
}

Test(doctor, a_refusal_is_blamed_on_the_sysctl_when_that_is_set)
{
    refuse(EPERM, false);
    put("/proc/sys/kernel/io_uring_disabled", "2\n");
    put("/proc/self/status", "Seccomp:\t2\nCapEff:\t000001ffffffffff\n");
    EXPECT(doctor_check_uring, DOCTOR_PROBLEM, "kernel.io_uring_disabled is 2, for everybody",
           "sudo sysctl kernel.io_uring_disabled=0");
    EXPECT(doctor_check_backend, DOCTOR_PROBLEM, "it says no", "");
    refuse(EPERM, true);
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "for everybody", "sudo sysctl");
    EXPECT(doctor_check_backend, DOCTOR_OK, "threads: refused", "");
}

Test(doctor, the_sysctl_for_a_group_binds_those_outside_only)
{
    refuse(EPERM, true);
    put("/proc/sys/kernel/io_uring_disabled", "1\n");
    put("/proc/sys/kernel/io_uring_group", "77\n");
    put("/proc/self/status", "Seccomp:\t0\nCapEff:\t0000000000000000\n");
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "for all but a group", "getent group 77");
    made_up.is_group_member = true;
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "refused (Operation not permitted): it says no",
           "security module");
}

Test(doctor, a_refusal_under_a_seccomp_filter_is_blamed_on_it)
{
    refuse(ENOSYS, true);
    put("/proc/sys/kernel/io_uring_disabled", "0\n");
    put("/proc/self/status", "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\nCapEff:\t0\n");
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "seccomp filter", "io_uring_register");
    refuse(EPERM, true);
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "seccomp filter", "--security-opt seccomp");
}

Test(doctor, other_refusals_have_their_own_advice)
{
    put("/proc/self/status", "Seccomp:\t0\nCapEff:\t0\n");
    refuse(ENOSYS, true);
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "this kernel has none", "CONFIG_IO_URING");
    refuse(ENOMEM, true);
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "locked", "ulimit -l");
    refuse(EMFILE, true);
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "descriptor", "ulimit -n");
    refuse(EACCES, true);
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "it says no", "SELinux");
}

Test(doctor, features_are_named_and_small_rings_told)
{
    made_up.uring.info.features = AURAIO_FEATURE_COOP_TASKRUN;
    made_up.own.info.features = AURAIO_FEATURE_DEFER_TASKRUN;
    EXPECT(doctor_check_uring, DOCTOR_OK, "allowed; COOP_TASKRUN, DEFER_TASKRUN", "");
    made_up.uring.info.ring_entries = 16;
    EXPECT(doctor_check_uring, DOCTOR_ADVICE, "16 entries instead of 256", "ulimit -l");
}

Test(doctor, the_environment_that_forces_a_backend_is_told)
{
    made_up.environment = "threads";
    made_up.automatic.info.backend = AURAIO_BACKEND_THREADS;
    EXPECT(doctor_check_backend, DOCTOR_NOTE, "threads, for AURAIO_BACKEND=threads is set", "");
    refuse(EOPNOTSUPP, false);
    EXPECT(doctor_check_backend, DOCTOR_PROBLEM, "AURAIO_BACKEND=threads being set", "unset AURAIO_BACKEND");
}

Test(doctor, limits_that_bind_are_told_with_what_lifts_them)
{
    EXPECT(doctor_check_memlock, DOCTOR_OK, "unlimited", "");
    made_up.memlock = 65536;
    put("/proc/self/status", "CapEff:\t0000000000000000\n");
    EXPECT(doctor_check_memlock, DOCTOR_ADVICE, "64.0 KiB", "ulimit -l unlimited");
    put("/proc/self/status", "CapEff:\t0000000000004000\n");
    EXPECT(doctor_check_memlock, DOCTOR_OK, "CAP_IPC_LOCK", "");

    EXPECT(doctor_check_files, DOCTOR_OK, "65536 descriptors", "");
    made_up.nofile = 256;
    EXPECT(doctor_check_files, DOCTOR_ADVICE, "256 descriptors", "ulimit -n 65536");
    made_up.nofile_hard = 512;
    EXPECT(doctor_check_files, DOCTOR_ADVICE, "256 descriptors", "the hard limit is 512");

    EXPECT(doctor_check_workers, DOCTOR_OK, "unlimited", "");
    made_up.nproc = 10;
    EXPECT(doctor_check_workers, DOCTOR_ADVICE, "10 processes", "ulimit -u");
}

Test(doctor, an_affinity_is_a_note)
{
    EXPECT(doctor_check_cpus, DOCTOR_OK, "4", "");
    made_up.cpus_allowed = 1;
    put("/proc/self/status", "Cpus_allowed_list:\t2\n");
    EXPECT(doctor_check_cpus, DOCTOR_NOTE, "1 of 4 (2)", "taskset -cp 0-3");
}

Test(doctor, nodes_without_libnuma_are_advised)
{
    EXPECT(doctor_check_numa, DOCTOR_OK, "one node", "");
    put("/sys/devices/system/node/online", "0-1,3,5-7\n");
    EXPECT(doctor_check_numa, DOCTOR_ADVICE, "6 nodes", "-Dnuma=enabled");
    made_up.automatic.info.features = AURAIO_FEATURE_NUMA;
    EXPECT(doctor_check_numa, DOCTOR_OK, "6 nodes", "");
}

Test(doctor, a_quota_of_version_2_is_the_smallest_on_the_way_up)
{
    EXPECT(doctor_check_cgroup, DOCTOR_OK, "no control groups", "");
    put("/proc/self/cgroup", "0::/user/app/worker\n");
    put("/proc/self/mountinfo", "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
    EXPECT(doctor_check_cgroup, DOCTOR_OK, "no CPU quota", "");
    put("/sys/fs/cgroup/user/app/worker/cpu.max", "max 100000\n");
    put("/sys/fs/cgroup/user/app/cpu.max", "50000 100000\n");
    put("/sys/fs/cgroup/user/app/cpu.stat", "usage_usec 5\nnr_periods 9\nnr_throttled 7\n");
    put("/sys/fs/cgroup/user/cpu.max", "300000 100000\n");
    EXPECT(doctor_check_cgroup, DOCTOR_ADVICE, "0.5 CPUs (/sys/fs/cgroup/user/app/cpu.max)",
           "echo max > /sys/fs/cgroup/user/app/cpu.max");
    EXPECT(doctor_check_cgroup, DOCTOR_ADVICE, "in 7 periods", "");
    put("/sys/fs/cgroup/user/app/cpu.max", "200000 100000\n");
    EXPECT(doctor_check_cgroup, DOCTOR_NOTE, "2 CPUs", "if that is not meant");
}

Test(doctor, a_quota_of_version_1_is_found_below_what_a_container_sees_mounted)
{
    put("/proc/self/cgroup", "9:name=systemd:/\n4:cpuset:/\n3:cpu,cpuacct:/docker/abc/inner\n0::/\n");
    put("/proc/self/mountinfo",
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
        "33 31 0:31 /docker/abc /sys/fs/cgroup/cpuset ro - cgroup cgroup rw,cpuset\n"
        "32 31 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n");
    put("/sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_quota_us", "-1\n");
    put("/sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_period_us", "100000\n");
    EXPECT(doctor_check_cgroup, DOCTOR_OK, "no CPU quota", "");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "25000\n");
    put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "50000\n");
    EXPECT(doctor_check_cgroup, DOCTOR_ADVICE, "0.5 CPUs",
           "echo -1 > /sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us");
}

/* The queue of a made-up disk. */
static void put_queue(const char *disk, const char *scheduler, const char *rotational, const char *requests)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/queue/scheduler", disk);
    put(path, scheduler);
    snprintf(path, sizeof(path), "%s/queue/rotational", disk);
    put(path, rotational);
    snprintf(path, sizeof(path), "%s/queue/nr_requests", disk);
    put(path, requests);
}

Test(doctor, a_partition_is_led_to_its_disk)
{
    put_queue("/sys/devices/pci/nvme0n1", "[none] mq-deadline\n", "0\n", "1023\n");
    put("/sys/devices/pci/nvme0n1/nvme0n1p1/partition", "1\n");
    put("/sys/module/nvme/parameters/poll_queues", "2\n");
    link_to("/sys/dev/block/8:1", "../../devices/pci/nvme0n1/nvme0n1p1");
    EXPECT(doctor_check_device, DOCTOR_OK, "nvme0n1: not rotational, scheduler none, nr_requests 1023", "");
    EXPECT(doctor_check_device, DOCTOR_OK, "poll_queues 2", "");
}

Test(doctor, schedulers_that_do_not_fit_their_device_are_advised_against)
{
    link_to("/sys/dev/block/8:1", "../../devices/sda");
    put_queue("/sys/devices/sda", "none mq-deadline [bfq]\n", "0\n", "64\n");
    EXPECT(doctor_check_device, DOCTOR_ADVICE, "scheduler bfq",
           "echo none | sudo tee /sys/block/sda/queue/scheduler");
    put_queue("/sys/devices/sda", "[none] mq-deadline bfq\n", "1\n", "64\n");
    EXPECT(doctor_check_device, DOCTOR_ADVICE, "scheduler none", "echo mq-deadline");
    put_queue("/sys/devices/sda", "none [mq-deadline]\n", "1\n", "4\n");
    EXPECT(doctor_check_device, DOCTOR_ADVICE, "nr_requests 4", "nr_requests");
}

Test(doctor, a_volume_is_led_to_the_devices_below_it)
{
    put_queue("/sys/devices/sda", "[bfq]\n", "0\n", "64\n");
    put_queue("/sys/devices/sdb", "[none]\n", "0\n", "64\n");
    put("/sys/devices/virtual/dm-0/dev", "8:1\n");
    link_to("/sys/devices/virtual/dm-0/slaves/sda", "../../../sda");
    link_to("/sys/devices/virtual/dm-0/slaves/sdb", "../../../sdb");
    link_to("/sys/dev/block/8:1", "../../devices/virtual/dm-0");
    report.count = 0;
    doctor_check_device(&made_up, &report);
    cr_assert_eq(report.count, 2);
    cr_assert_eq(doctor_worst(&report), DOCTOR_ADVICE);
}

Test(doctor, a_file_system_in_memory_is_told)
{
    put("/proc/self/mountinfo", "25 24 8:1 / /data rw,relatime - tmpfs tmpfs rw\n");
    EXPECT(doctor_check_device, DOCTOR_NOTE, "'/data' is on tmpfs: memory", "");
    put("/proc/self/mountinfo", "25 24 8:1 / /data rw,relatime - nfs4 server:/export rw\n");
    EXPECT(doctor_check_device, DOCTOR_NOTE, "'/data' is on nfs4", "");
    put("/proc/self/mountinfo", "");
    EXPECT(doctor_check_device, DOCTOR_NOTE, "an unknown file system", "");
}

/* ---- the command ------------------------------------------------------------------------------ */

/* Its exit status says what it says. */
static outcome_t diagnose(const char *before)
{
    char line[512];
    snprintf(line, sizeof(line), "%s $AURAIO doctor /", before);
    outcome_t outcome = run(line);
    int wanted = strstr(outcome.text, "\nproblem") ? 3 : strstr(outcome.text, "\nadvice") ? 1 : 0;
    cr_assert_eq(outcome.status, wanted, "%s: exit status %d:\n%s", line, outcome.status, outcome.text);
    return outcome;
}

Test(doctor, in_a_normal_shell_it_names_every_topic)
{
    outcome_t outcome = diagnose("");
    static const char *const names[] = {" kernel ", " io_uring ", " backend ", " memlock ", " files ",
                                        " io-wq ",  " cpus ",     " cgroup ",  " numa ",    " device "};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        cr_assert(strstr(outcome.text, names[i]), "nothing about%s:\n%s", names[i], outcome.text);
}

Test(doctor, a_wrong_call_exits_with_2)
{
    expect("$AURAIO doctor /nonexistent/path", 2, "'/nonexistent/path': No such file");
    expect("$AURAIO doctor / /", 2, "one PATH at a time");
    expect("$AURAIO doctor --nosuch", 2, "nosuch");
    expect("$AURAIO doctor --color blue", 2, "blue");
    expect("$AURAIO doctor --help", 0, "exit status: 0");
}

Test(doctor, json_has_each_finding)
{
    expect("$AURAIO doctor --json / | python3 -c '"
           "import json, sys\n"
           "d = json.load(sys.stdin)\n"
           "names = {f[\"name\"] for f in d[\"findings\"]}\n"
           "assert {\"kernel\", \"io_uring\", \"backend\", \"cgroup\", \"device\"} <= names, names\n"
           "assert d[\"status\"] in (\"ok\", \"note\", \"advice\", \"problem\")\n"
           "print(\"all there\")'",
           0, "all there");
}

Test(doctor, under_a_seccomp_filter_that_refuses_io_uring_it_says_so)
{
    if (run("$REFUSE EPERM true").status != 0)
        cr_skip_test(SKIPPED "no seccomp filter can be set here");
    outcome_t outcome = diagnose("$REFUSE EPERM");
    cr_assert(strstr(outcome.text, "refused (Operation not permitted)"), "%s", outcome.text);
    cr_assert_neq(outcome.status, 0);
    outcome = diagnose("$REFUSE ENOSYS");
    cr_assert(strstr(outcome.text, "refused (Function not implemented)"), "%s", outcome.text);
}

Test(doctor, with_little_locked_memory_it_says_so_and_that_it_runs)
{
    if (geteuid() != 0 || run(AS_NOBODY "$AURAIO --help").status != 0)
        cr_skip_test(SKIPPED "it takes root, setpriv(1), and a build that nobody may run");
    outcome_t outcome = diagnose("prlimit --memlock=65536:65536 " AS_NOBODY);
    cr_assert(strstr(outcome.text, "memlock    64.0 KiB"), "%s", outcome.text);
    cr_assert_eq(outcome.status, 1, "%s", outcome.text);
}

Test(doctor, on_one_cpu_of_several_it_says_which)
{
    cpu_set_t set;
    cr_assert_eq(sched_getaffinity(0, sizeof(set), &set), 0);
    if (CPU_COUNT(&set) < 2)
        cr_skip_test(SKIPPED "there is one CPU only");
    size_t cpu = 0;
    while (!CPU_ISSET(cpu, &set))
        cpu++;
    char before[64], said[64];
    snprintf(before, sizeof(before), "taskset -c %zu", cpu);
    snprintf(said, sizeof(said), "(%zu), by affinity", cpu);
    outcome_t outcome = diagnose(before);
    cr_assert(strstr(outcome.text, said), "%s", outcome.text);
}

#define GROUP_V1 "/sys/fs/cgroup/cpu/auraio-test-doctor"
#define GROUP_V2 "/sys/fs/cgroup/auraio-test-doctor"

Test(doctor, under_a_quota_of_half_a_cpu_it_says_so)
{
    const char *group = GROUP_V1;
    bool made = run("mkdir " GROUP_V1 " && echo 50000 > " GROUP_V1 "/cpu.cfs_quota_us").status == 0;
    if (!made) {
        group = GROUP_V2;
        made = run("mkdir " GROUP_V2 " && echo 50000 100000 > " GROUP_V2 "/cpu.max").status == 0;
    }
    char before[256];
    snprintf(before, sizeof(before), "echo $$ > %s/cgroup.procs;", group);
    outcome_t outcome = {.status = -1};
    if (made)
        outcome = run(strcat(before, " $AURAIO doctor /"));
    char *text = strdup(made ? outcome.text : "");
    run("rmdir " GROUP_V1 " " GROUP_V2);
    if (!made)
        cr_skip_test(SKIPPED "no control group with a quota can be made here");
    cr_assert(strstr(text, "a CPU quota of 0.5 CPUs"), "%s", text);
    cr_assert_neq(outcome.status, 0);
    free(text);
}
