/* `auraio tune` from outside, as a new user would try it. Each test has a directory of its own with a file
 * `data` of 8 MiB, and names files of it without a path: it runs there. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "shell.h"

#define TUNE "$AURAIO tune "
#define QUICK " --runtime 1s --max-depth 4 "
#define DATA_BYTES (8 << 20)
#define SKIPPED_PATTERN "skipped: "

static char folder[] = "/var/tmp/auraio-test-tune-XXXXXX";

static void make_file(const char *name, size_t bytes)
{
    char line[256];
    snprintf(line, sizeof(line), "head -c %zu /dev/urandom > %s", bytes, name);
    cr_assert_eq(run(line).status, 0);
}

static void enter(void)
{
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chmod(folder, 0755), 0);
    cr_assert_eq(chdir(folder), 0);
    make_file("data", DATA_BYTES);
}

static void leave(void)
{
    char line[256];
    snprintf(line, sizeof(line), "cd / && rm -rf %s", folder);
    run(line);
}

TestSuite(tune, .init = enter, .fini = leave, .timeout = 120);

static bool can(const char *line)
{
    return run(line).status == 0;
}

/* How many names a directory has beside . and .. */
static int names_in(const char *path)
{
    int count = 0;
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

Test(tune, help_describes_every_option_and_exit_status)
{
    expect(TUNE "--help", 0, "--overwrite");
    expect(TUNE "--help", 0, "exit status: 0");
}

Test(tune, a_wrong_call_exits_with_2_and_says_what_is_wrong_with_which_value)
{
    expect(TUNE, 2, "name a FILE, DEVICE or DIRECTORY");
    expect(TUNE "data data", 2, "one FILE, DEVICE or DIRECTORY at a time");
    expect(TUNE "data --rw scan", 2, "--rw 'scan': give randread");
    expect(TUNE "data --bs 700", 2, "--bs '700': give a multiple of 512");
    expect(TUNE "data --bs 1g", 2, "--bs '1g'");
    expect(TUNE "data --bs 4x", 2, "--bs '4x'");
    expect(TUNE "data --bs -4k", 2, "--bs '-4k'");
    expect(TUNE "data --bs 0", 2, "--bs '0'");
    expect(TUNE "data --runtime 10", 2, "--runtime '10': give a time with its unit");
    expect(TUNE "data --runtime 100ms", 2, "at least 1s");
    expect(TUNE "data --target-p99 500", 2, "--target-p99 '500': give a time");
    expect(TUNE "data --target-p99 0us", 2, "0us");
    expect(TUNE "data --max-depth 3", 2, "--max-depth '3': give a power of two");
    expect(TUNE "data --max-depth 8192", 2, "from 2 to 4096");
    expect(TUNE "data --color blue", 2, "blue");
    expect(TUNE "data --svg -", 2, "--svg '-'");
    expect(TUNE "data --nosuch", 2, "nosuch");
    expect(TUNE "data --bs", 2, "bs");
}

Test(tune, what_cannot_be_measured_is_refused_with_the_reason)
{
    make_file("small", 100000);
    expect(TUNE "nothere", 1, "'nothere': No such file or directory; name a directory");
    expect(": > empty;" TUNE "empty", 1, "'empty' is empty");
    expect(TUNE "small", 1, "'small' is too small: it has 97.7 KiB");
    expect("truncate -s 64M hole;" TUNE "hole", 1, "is one hole");
    expect("mkfifo pipe;" TUNE "pipe", 2, "'pipe' is a pipe");
    expect(TUNE "/dev/zero", 2, "'/dev/zero' is a character device");
    expect(TUNE "data --bs 1m", 1, "is too small");
}

Test(tune, holes_in_a_file_are_told)
{
    expect("truncate -s 64M data;" TUNE "data" QUICK, 0, "88 % of 'data' are holes");
}

Test(tune, a_file_is_measured_and_stays_as_it_was)
{
    char *before = strdup(run("cksum data; stat -c %y data").text);
    outcome_t outcome = expect(TUNE "data" QUICK, 0, "data: file of 8.00 MiB, randread of 4.00 KiB");
    static const char *const says[] = {"   depth     IOPS     MB/s      p50      p99    p99.9\n",
                                       "\n       4 ",
                                       "  best\n",
                                       "\n  AuraIO ",
                                       "limit of AuraIO",
                                       "the best fixed one",
                                       "In a program: auraio_create()"};
    for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++)
        cr_assert(strstr(outcome.text, says[i]), "does not say '%s':\n%s", says[i], outcome.text);
    cr_assert_null(strchr(outcome.text, '\r'), "a progress bar, and no terminal:\n%s", outcome.text);
    cr_assert_str_eq(run("cksum data; stat -c %y data").text, before);
    free(before);
}

Test(tune, on_a_terminal_there_is_a_progress_bar_unless_unwanted)
{
    if (!can("command -v script"))
        cr_skip_test(SKIPPED_PATTERN "script(1) is not there");
    outcome_t outcome = run("script -qec \"" TUNE "data" QUICK "\" /dev/null");
    cr_assert(strstr(outcome.text, "\rsweep    [###"), "%s", outcome.text);
    outcome = run("script -qec \"" TUNE "data --no-progress" QUICK "\" /dev/null");
    cr_assert_null(strstr(outcome.text, "sweep"), "%s", outcome.text);
}

Test(tune, nothing_is_written_without_overwrite)
{
    char *before = strdup(run("cksum data").text);
    expect(TUNE "data --rw randwrite" QUICK, 2, "--rw randwrite would destroy what 'data' holds");
    expect(TUNE "data --rw write" QUICK, 2, "--overwrite");
    expect(TUNE "data --rw mixed" QUICK, 2, "--overwrite");
    cr_assert_str_eq(run("cksum data").text, before);
    expect(TUNE "data --rw randwrite --overwrite" QUICK, 0, "AuraIO");
    cr_assert_str_neq(run("cksum data").text, before);
    free(before);
    cr_assert_eq(run("test $(stat -c %s data) = 8388608").status, 0);
}

Test(tune, json_has_every_figure_whatever_the_name)
{
    expect("mv data \"$(printf 'a\"b\\\\\\n\\377c')\";" TUNE "a* --json - -t 5s --no-progress" QUICK
           "| python3 -c '"
           "import json, sys\n"
           "d = json.load(sys.stdin)\n"
           "assert d[\"path\"] == \"a\\\"b\\\\\\n\\ufffdc\", d[\"path\"]\n"
           "assert [row[\"depth\"] for row in d[\"static\"]] == [1, 2, 4]\n"
           "best = next(row for row in d[\"static\"] if row[\"depth\"] == d[\"best_depth\"])\n"
           "assert len(best[\"round_iops\"]) == len(d[\"adaptive\"][\"round_iops\"]) == d[\"rounds\"] == 5\n"
           "assert 0 < best[\"rounds\"][\"p50_ns\"] <= best[\"rounds\"][\"p99_ns\"] <= "
           "best[\"rounds\"][\"p999_ns\"]\n"
           "assert 1 <= d[\"adaptive\"][\"limit\"] <= 4 and not d[\"interrupted\"]\n"
           "assert d[\"backend\"] in (\"io_uring\", \"threads\")\n"
           "assert 0 <= d[\"adaptive\"][\"rounds\"][\"over_target\"] <= 1\n"
           "print(\"all there\")'",
           0, "all there");
}

Test(tune, the_picture_is_xml)
{
    if (!can("command -v gnuplot"))
        cr_skip_test(SKIPPED_PATTERN "gnuplot is not there");
    expect(TUNE "data --svg it\\'s.svg -t 5s" QUICK "> said &&"
                "python3 -c 'import xml.dom.minidom as x; d = x.parse(\"it\\x27s.svg\"); "
                "print(d.documentElement.tagName, \"target\" in d.toxml())'",
           0, "svg True");
}

Test(tune, outputs_that_will_fail_are_refused_before_anything_is_measured)
{
    char *before = strdup(run("cksum data").text);
    expect(TUNE "data --json data", 1, "'data' is what is read");
    expect("ln data other;" TUNE "data --svg other", 1, "'other' is what is read");
    expect(TUNE "data --json /nonexistent/x", 1, "/nonexistent/x");
    expect("PATH=/nonexistent " TUNE "data --svg x.svg", 1, "needs gnuplot");
    cr_assert_str_eq(run("cksum data").text, before);
    free(before);
}

Test(tune, a_target_nobody_can_meet_is_said_to_be_one)
{
    expect(TUNE "data -t 1us" QUICK, 1, "No depth keeps a p99 of 1.00us here: at depth 1 it is ");
}

Test(tune, a_directory_gets_a_scratch_file_that_leaves_nothing)
{
    cr_assert_eq(mkdir("place", 0755), 0);
    expect(TUNE "place --rw mixed" QUICK, 0, "place: scratch file of ");
    cr_assert_eq(names_in("place"), 0);
}

/* Starts `auraio tune DIRECTORY`, waits until it measures, interrupts it, and gives its status and words. */
static int interrupt(const char *directory, char *text, size_t size)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        signal(SIGINT, SIG_DFL); /* which the test's parent may have set to be ignored */
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        execl(getenv("AURAIO"), "auraio", "tune", directory, "--runtime", "1000s", (char *)NULL);
        _exit(127);
    }
    close(ends[1]);
    size_t length = 0;
    ssize_t got;
    bool interrupted = false;
    while ((got = read(ends[0], text + length, size - 1 - length)) > 0) {
        length += (size_t)got;
        /* The head is printed when the scratch file is there and the first depth begins. */
        if (!interrupted && memchr(text, '\n', length))
            interrupted = kill(child, SIGINT) == 0;
    }
    text[length] = '\0';
    close(ends[0]);
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status), "killed by signal %d", WTERMSIG(status));
    return WEXITSTATUS(status);
}

Test(tune, an_interrupt_ends_it_at_once_with_130_and_leaves_nothing)
{
    static char text[TEXT_MAX];
    cr_assert_eq(mkdir("place", 0755), 0);
    cr_assert_eq(interrupt("place", text, sizeof(text)), 130, "%s", text);
    cr_assert(strstr(text, "Interrupted by signal 2"), "%s", text);
    cr_assert_eq(names_in("place"), 0);
}

Test(tune, what_is_ignored_stays_ignored)
{
    expect("trap '' INT;" TUNE "data --runtime 1s --max-depth 2 & sleep 0.5; kill -INT $!; wait $!", 0,
           "In a program");
}

Test(tune, a_file_system_in_memory_is_measured_buffered_and_said_to_be_memory)
{
    struct statfs fs;
    if (statfs("/dev/shm", &fs) || fs.f_type != TMPFS_MAGIC)
        cr_skip_test(SKIPPED_PATTERN "/dev/shm is no tmpfs");
    expect(TUNE "/dev/shm" QUICK, 0, "What is measured is memory");
    expect(TUNE "/dev/shm" QUICK, 0, "buffered");
}

#define AS_NOBODY "setpriv --reuid=65534 --regid=65534 --clear-groups "

Test(tune, without_permission_it_says_whose_the_device_is)
{
    if (geteuid() != 0 || !can(AS_NOBODY "$AURAIO --help"))
        cr_skip_test(SKIPPED_PATTERN "it takes root, setpriv(1), and a build that nobody may run");
    /* The node is refused by its mode, whatever device there is. */
    if (can("mknod -m 600 disk b 7 200"))
        expect(AS_NOBODY TUNE "disk", 1, "'disk': Permission denied; it belongs to group 'root'");
    expect("chmod 600 data;" AS_NOBODY TUNE "data", 1, "'data': Permission denied; it belongs to group");
    expect("mkdir -m 755 place;" AS_NOBODY TUNE "place", 1,
           "can't make a scratch file in 'place': Permission denied");
    expect(AS_NOBODY TUNE "nothere/data", 1, "'nothere/data': No such file");
}

Test(tune, a_file_that_becomes_shorter_is_noticed)
{
    expect("{ sleep 0.3; truncate -s 4M data; } &" TUNE "data --runtime 2s --max-depth 4", 1,
           "became shorter");
}
