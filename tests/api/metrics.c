/* SPDX-License-Identifier: MIT */
/* Metrics: the list, and the text that is made of it. That the text keeps its format's rules is the endpoint
 * example's test. */
#include <auraio/metrics.h>
#include <locale.h>

#include "check.h"
#include "files.h"
#include "fixture.h"
#include "outcome.h"
#include "process.h"

enum { BYTES = 4096, RINGS = 3, READS = 30 };

static char text[1 << 17], other[1 << 17];

static void set_up_rings(void)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ROUND_ROBIN);
    options.ring_count = RINGS + 1;
    file_fd = file_of_pattern(FIXTURE_FILE_BYTES);
    engine = engine_with(&options);
}

TestSuite(metrics, .init = set_up_rings, .fini = tear_down, .timeout = 60);

static void read_pages(int count)
{
    static char buf[BYTES];
    tally_t tally = {0};
    for (int i = 0; i < count; i++)
        check_accepted(auraio_read(engine, file_fd, auraio_buf(buf), BYTES, 0, tally_record, &tally));
    check_that(drive_until(engine, &tally.calls, count));
    check_is(tally.bytes, count * BYTES);
}

/* The sum over all metrics of a name, and how many there are. */
struct search {
    const char *name, *key, *value; /* of a label; NULL: any */
    double sum;
    int found;
    auraio_metric_histogram_t histogram; /* of the last; without its arrays */
    uint64_t in_buckets;
};

static bool search_one(const auraio_metric_t *metric, void *user_data)
{
    struct search *search = user_data;
    bool fits = strcmp(metric->name, search->name) == 0;
    bool labelled = !search->key;
    for (int i = 0; i < metric->label_count; i++)
        labelled = labelled || (strcmp(metric->labels[i].key, search->key) == 0 &&
                                strcmp(metric->labels[i].value, search->value) == 0);
    if (!fits || !labelled)
        return true;
    search->found++;
    search->sum += metric->value;
    check_is(metric->histogram != NULL, metric->kind == AURAIO_METRIC_HISTOGRAM);
    if (!metric->histogram)
        return true;
    search->histogram = *metric->histogram;
    for (int i = 0; i <= metric->histogram->bound_count; i++) {
        search->in_buckets += metric->histogram->counts[i];
        if (i > 0 && i < metric->histogram->bound_count)
            check_that(metric->histogram->bounds[i] > metric->histogram->bounds[i - 1]);
    }
    return true;
}

static struct search search_for(const char *name, const char *key, const char *value)
{
    struct search search = {.name = name, .key = key, .value = value};
    check_at_least(auraio_visit_metrics(engine, search_one, &search), 1);
    return search;
}

Test(metrics, are_what_the_statistics_say)
{
    auraio_stats_t stats;
    auraio_target_stats_t target;
    read_pages(READS);
    auraio_get_stats(engine, &stats);
    check_is(search_for("auraio.ring.operations", NULL, NULL).sum, READS);
    check_is(search_for("auraio.ring.io", NULL, NULL).sum, READS * BYTES);
    check_is(search_for("auraio.ring.pending", NULL, NULL).sum, 0);
    check_is(stats.ops_completed, READS);
    check_is(auraio_get_target_count(engine), 2);
    check_is(auraio_get_target_stats(engine, 1, &target), 0);
    check_is(search_for("auraio.target.limit", NULL, NULL).found, 2);
    check_is(search_for("auraio.target.limit", "device", "other").found, 1);
    check_is(search_for("auraio.target.phase", NULL, NULL).sum, 2);
    check_is(search_for("auraio.target.phase", "phase", auraio_phase_name(target.aimd_phase)).sum, 2);
}

Test(metrics, tell_of_the_rings_that_were_used)
{
    check_is(search_for("auraio.ring.operations", NULL, NULL).found, 0);
    read_pages(RINGS);
    check_is(search_for("auraio.ring.operations", NULL, NULL).found, RINGS);
    check_is(search_for("auraio.ring.operations", "ring", "2").sum, 1);
    check_is(search_for("auraio.rings", NULL, NULL).sum, RINGS);
}

Test(metrics, latencies_agree_with_the_percentiles)
{
    read_pages(READS);
    struct search search = search_for("auraio.ring.latency", "ring", "1");
    check_is(search.histogram.count, search.in_buckets);
    check_at_least(search.histogram.count, 1);
    double mean_ns = search.histogram.sum / (double)search.histogram.count * 1e9;
    double least_ns = (double)auraio_get_latency_percentile(engine, 1, 0);
    double most_ns = (double)auraio_get_latency_percentile(engine, 1, 100);
    check_that(mean_ns >= least_ns * 0.98 && mean_ns <= most_ns * 1.02);
}

static void write_pages(int count)
{
    static const char buf[BYTES];
    tally_t tally = {0};
    for (int i = 0; i < count; i++)
        check_accepted(
            auraio_write(engine, file_fd, auraio_buf((void *)buf), BYTES, 0, tally_record, &tally));
    check_accepted(auraio_fsync(engine, file_fd, tally_record, &tally));
    check_that(drive_until(engine, &tally.calls, count + 1));
}

Test(metrics, tell_reads_from_writes_on_each_device)
{
    read_pages(READS);
    check_is(search_for("auraio.target.operations", NULL, NULL).found, 1);
    write_pages(2);
    check_is(search_for("auraio.target.operations", "operation", "read").sum, READS);
    check_is(search_for("auraio.target.operations", "operation", "write").sum, 2);
    check_is(search_for("auraio.target.operations", "operation", "other").sum, 1);
    check_is(search_for("auraio.target.io", "operation", "read").sum, READS * BYTES);
    check_is(search_for("auraio.target.io", "operation", "write").sum, 2 * BYTES);
    check_is(search_for("auraio.target.io", "device", "other").found, 0);
    struct search writes = search_for("auraio.target.latency", "operation", "write");
    check_is(writes.found, 1);
    check_is(writes.histogram.count, 2);
    check_is(writes.in_buckets, 2);
    double mean_ns = writes.histogram.sum / 2 * 1e9;
    check_that(mean_ns >= (double)auraio_get_target_percentile(engine, 1, AURAIO_KIND_WRITE, 0) * 0.98);
    check_that(mean_ns <= (double)auraio_get_target_percentile(engine, 1, AURAIO_KIND_WRITE, 100) * 1.02);
}

Test(metrics, show_a_latency_goal_and_buffers)
{
    void *buf = auraio_buffer_alloc(engine, 12345);
    cr_assert_not_null(buf);
    check_is(auraio_set_target_p99(engine, 2.5), 0);
    check_that(search_for("auraio.target.latency.goal", "device", "other").sum == 0.0025);
    check_is(search_for("auraio.buffers", NULL, NULL).sum, 1);
    check_at_least(search_for("auraio.buffer.memory", "state", "used").sum, 12345);
    auraio_buffer_free(engine, buf, 12345);
    check_is(search_for("auraio.buffers", NULL, NULL).sum, 0);
}

static bool stop_at_third(const auraio_metric_t *metric, void *user_data)
{
    (void)metric;
    return ++*(int *)user_data < 3;
}

Test(metrics, a_visit_ends_where_the_visitor_says)
{
    int calls = 0;
    check_is(auraio_visit_metrics(engine, stop_at_third, &calls), 3);
    check_is(calls, 3);
}

static bool visit_inside(const auraio_metric_t *metric, void *user_data)
{
    (void)metric;
    *(int *)user_data = auraio_format_metrics(engine, NULL, 0);
    return false;
}

Test(metrics, a_visitor_may_call_the_library)
{
    int length = 0;
    check_is(auraio_visit_metrics(engine, visit_inside, &length), 1);
    check_at_least(length, 100);
}

Test(metrics, of_an_engine_with_a_fixed_limit_have_no_targets)
{
    auraio_options_t options = mode_options(AURAIO_SELECT_ADAPTIVE);
    options.disable_adaptive = true;
    auraio_destroy(engine);
    engine = engine_with(&options);
    read_pages(1);
    check_is(search_for("auraio.target.limit", NULL, NULL).found, 0);
    check_is(search_for("auraio.ring.limit", NULL, NULL).sum, 256);
}

Test(metrics, text_of_any_size_is_the_beginning_of_the_whole)
{
    read_pages(READS);
    const int length = auraio_format_metrics(engine, text, sizeof(text));
    check_is(strlen(text), length);
    check_is(auraio_format_metrics(engine, NULL, 0), length);
    for (int size = 1; size <= length + 1; size += size < 300 || size > length - 300 ? 1 : 37) {
        memset(other, 0x5a, sizeof(other));
        check_is(auraio_format_metrics(engine, other, (size_t)size), length);
        check_is(memcmp(other, text, (size_t)size - 1), 0);
        check_is(other[size - 1], 0);
        check_is(other[size], 0x5a);
    }
}

/* Whatever the application's locale puts between whole and fraction. */
Test(metrics, text_does_not_depend_on_the_locale)
{
    read_pages(1);
    check_is(auraio_set_target_p99(engine, 1.5), 0);
    auraio_format_metrics(engine, text, sizeof(text));
    check_that(strstr(text, "auraio_target_latency_goal_seconds{device=\"other\"} 0.0015\n") != NULL);
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        cr_skip_test("no locale with a decimal comma is installed here");
    auraio_format_metrics(engine, other, sizeof(other));
    check_is(strcmp(text, other), 0);
}

Test(metrics, refuse_what_is_missing)
{
    int calls = 0;
    check_fails(auraio_visit_metrics(NULL, stop_at_third, &calls), EINVAL);
    check_fails(auraio_visit_metrics(engine, NULL, &calls), EINVAL);
    check_is(calls, 0);
    check_fails(auraio_format_metrics(NULL, text, sizeof(text)), EINVAL);
    check_fails(auraio_format_metrics(engine, NULL, 1), EINVAL);
}
