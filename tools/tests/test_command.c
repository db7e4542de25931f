/* The command from outside: exit statuses, what it says when called wrongly, and that the same seed
 * gives the same bytes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shell.h"

#define QUICK " nvme --duration 100ms "

Test(command, help_and_list_succeed)
{
    expect("$AURAIO --help", 0, "sim");
    expect("$AURAIO sim --help", 0, "exit status");
    expect("$AURAIO sim --list", 0, "aimd-p99");
}

Test(command, a_wrong_call_exits_with_2_and_says_what_is_wrong_with_which_value)
{
    expect("$AURAIO", 2, "usage");
    expect("$AURAIO frobnicate", 2, "frobnicate");
    expect("$AURAIO sim", 2, "name a MODEL");
    expect("$AURAIO sim nosuch", 2, "nosuch");
    expect("$AURAIO sim nvme --all", 2, "exclude each other");
    expect("$AURAIO sim nvme --policy nosuch", 2, "nosuch");
    expect("$AURAIO sim nvme --seed x1", 2, "x1");
    expect("$AURAIO sim nvme --seeds 0", 2, "from 1");
    expect("$AURAIO sim nvme --target 200", 2, "with its unit");
    expect("$AURAIO sim nvme --target -5us", 2, "-5us");
    expect("$AURAIO sim nvme --duration 2h", 2, "2h");
    expect("$AURAIO sim nvme --rings 9999", 2, "9999");
    expect("$AURAIO sim nvme --separate", 2, "--rings");
    expect("$AURAIO sim nvme --arrivals 5 --workers 5", 2, "open loop");
    expect("$AURAIO sim nvme --color blue", 2, "blue");
    expect("$AURAIO sim --all --svg x.svg", 2, "--svg");
    expect("$AURAIO sim nvme --nosuch", 2, "nosuch");
}

Test(command, check_succeeds_when_the_bounds_are_kept_and_fails_when_not)
{
    expect("$AURAIO sim nvme --policy fixed --initial 32 --check", 0, "0 figures out of bounds");
    expect("$AURAIO sim nvme --policy fixed --initial 4 --check", 1, "FAIL nvme");
    expect("$AURAIO sim nvme --policy fixed --initial 4 --check", 1, "throughput is 0.1");
}

Test(command, an_open_load_passes_what_arrives)
{
    expect("$AURAIO sim nvme --policy fixed --initial 32 --arrivals 100000", 0, "100k  1.000");
}

Test(command, a_target_nothing_can_keep_is_said_to_be_one)
{
    expect("$AURAIO sim nvme --target 10us", 1, "no limit keeps a p99 of 10.0us on nvme");
}

Test(command, the_same_seed_prints_the_same_bytes_and_another_does_not)
{
    outcome_t outcome = run("$AURAIO sim" QUICK "-t each --json - --seed 5 -j 2");
    cr_assert_eq(outcome.status, 0);
    char *first = strdup(outcome.text);
    outcome = run("$AURAIO sim" QUICK "-t each --json - --seed 5 -j 1");
    cr_assert_str_eq(first, outcome.text);
    outcome = run("$AURAIO sim" QUICK "-t each --json - --seed 6");
    cr_assert_str_neq(first, outcome.text);
    free(first);
}

Test(command, csv_on_stdout_is_csv_alone)
{
    outcome_t outcome = run("$AURAIO sim" QUICK "--policy fixed --csv -");
    cr_assert_eq(outcome.status, 0);
    cr_assert_eq(strncmp(outcome.text, "device,rings,", 13), 0, "%s", outcome.text);
    int lines = 0;
    for (const char *at = outcome.text; *at; at++)
        lines += *at == '\n';
    cr_assert_eq(lines, 2);
}

Test(command, a_chart_shows_limit_throughput_and_p99)
{
    expect("$AURAIO sim" QUICK "--chart", 0, "ops/s");
}

Test(command, a_recorded_run_replays_and_describes_a_device)
{
    char line[512], path[] = "/tmp/auraio-test-trace-XXXXXX";
    int file = mkstemp(path);
    cr_assert_geq(file, 0);
    close(file);
    snprintf(line, sizeof(line), "$AURAIO sim" QUICK "--record %s", path);
    expect(line, 0, "nvme");
    snprintf(line, sizeof(line), "$AURAIO sim --replay %s", path);
    expect(line, 0, "auraio: ");
    snprintf(line, sizeof(line), "$AURAIO sim trace:%s --policy fixed --duration 100ms", path);
    expect(line, 0, "trace");
    unlink(path);
}

Test(command, files_that_are_missing_or_malformed_fail_with_their_line)
{
    expect("$AURAIO sim --replay /nonexistent/trace", 1, "/nonexistent/trace");
    expect("$AURAIO sim curve:/nonexistent/curve", 1, "/nonexistent/curve");
    char line[512], path[] = "/tmp/auraio-test-curve-XXXXXX";
    int file = mkstemp(path);
    static const char text[] = "1 20000 60\n2 oops 80\n";
    cr_assert_eq(write(file, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
    close(file);
    snprintf(line, sizeof(line), "$AURAIO sim curve:%s", path);
    expect(line, 1, ":2: the second word");
    snprintf(line, sizeof(line), "$AURAIO sim --replay %s", path);
    expect(line, 1, ":1: a trace begins with");
    expect("$AURAIO sim" QUICK "--csv /nonexistent/out.csv", 1, "/nonexistent/out.csv");
    unlink(path);
}

Test(command, without_gnuplot_svg_says_what_to_install)
{
    expect("PATH=/nonexistent $AURAIO sim" QUICK "--svg /tmp/auraio-never.svg", 1, "needs gnuplot");
}

Test(command, random_devices_are_drawn_by_the_seed_and_the_worst_named)
{
    expect("$AURAIO sim --random 3 --target none --duration 1s", 0, "the worst by throughput");
    outcome_t outcome = run("$AURAIO sim --random 3 --target none --duration 1s --csv -");
    char *first = strdup(outcome.text);
    outcome = run("$AURAIO sim --random 3 --target none --duration 1s --csv -");
    cr_assert_str_eq(first, outcome.text);
    free(first);
}
