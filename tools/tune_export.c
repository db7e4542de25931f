/* tune_export.c - everything that was measured, as JSON. Times are in nanoseconds, shares are fractions of 1.
 */
#include "tune.h"

#include <inttypes.h>

#include "output.h"

static const char *boolean(bool value)
{
    return value ? "true" : "false";
}

static void put_figures(FILE *file, const tune_result_t *result, const tune_figures_t *figures)
{
    fprintf(file,
            "{\"ops\": %" PRId64 ", \"time_ns\": %" PRId64 ", \"iops\": %.1f, \"bytes_per_second\": %.0f, "
            "\"p50_ns\": %" PRId64 ", \"p99_ns\": %" PRId64 ", \"p999_ns\": %" PRId64,
            figures->ops, figures->time_ns, tune_rate(figures),
            tune_rate(figures) * (double)result->options->block_bytes, tune_percentile(figures, 50),
            tune_percentile(figures, 99), tune_percentile(figures, 99.9));
    if (result->options->target_ns > 0)
        fprintf(file, ", \"over_target\": %.6f", tune_exceedance(figures, result->options->target_ns));
    fputc('}', file);
}

static void put_rates(FILE *file, const double *rates, int count)
{
    fputs("\"round_iops\": [", file);
    for (int i = 0; i < count; i++)
        fprintf(file, "%s%.1f", i > 0 ? ", " : "", rates[i]);
    fputc(']', file);
}

static void put_rows(FILE *file, const tune_result_t *result)
{
    fputs(",\n \"static\": [", file);
    for (int i = 0; i < result->swept; i++) {
        const tune_row_t *row = &result->rows[i];
        fprintf(file, "%s\n  {\"depth\": %d, \"sweep\": ", i > 0 ? "," : "", row->depth);
        put_figures(file, result, &row->sweep);
        if (row->rounds.ops > 0) {
            fputs(",\n   \"rounds\": ", file);
            put_figures(file, result, &row->rounds);
            fputs(", ", file);
            put_rates(file, row->rates, result->rounds);
        }
        fputc('}', file);
    }
    fputs("\n ]", file);
}

static void put_decision(FILE *file, const tune_step_t *step)
{
    const auraio_decision_t *decision = &step->decision;
    fprintf(file,
            "{\"at_ns\": %" PRId64 ", \"old_limit\": %d, \"new_limit\": %d, \"phase\": \"%s\", "
            "\"cause\": \"%s\", \"throughput_ops\": %.1f, \"p99_ms\": %.4f, \"exceedance\": %.6f, "
            "\"gain\": %.6f, \"gain_error\": %.6f, \"samples\": %d}",
            step->at_ns, decision->old_limit, decision->new_limit, auraio_phase_name(decision->aimd_phase),
            auraio_cause_name(decision->cause), decision->throughput_ops, decision->p99_latency_ms,
            decision->exceedance, decision->gain, decision->gain_error, decision->samples);
}

static void put_adaptive(FILE *file, const tune_result_t *result)
{
    const tune_journal_t *journal = tune_load_journal(result->adaptive);
    fputs(",\n \"adaptive\": {\"first\": ", file);
    put_figures(file, result, &result->first);
    fputs(",\n  \"rounds\": ", file);
    put_figures(file, result, &result->steady);
    fputs(", ", file);
    put_rates(file, result->rates, result->rounds);
    fprintf(file, ",\n  \"limit\": %d, \"decisions\": [", tune_load_limit(result->adaptive));
    for (int i = 0; i < journal->count; i++) {
        fputs(i > 0 ? ",\n   " : "\n   ", file);
        put_decision(file, &journal->steps[i]);
    }
    fputs("\n  ]}", file);
}

int tune_export_json(const tune_result_t *result, const char *path)
{
    const tune_options_t *options = result->options;
    const tune_subject_t *subject = result->subject;
    FILE *file = output_open(TUNE_COMMAND, path);
    if (!file)
        return -1;
    fputs("{\"path\": ", file);
    output_json_string(file, options->path);
    fprintf(file,
            ", \"size_bytes\": %" PRIu64 ", \"block_device\": %s, \"scratch\": %s, \"memory\": %s, "
            "\"direct\": %s,\n \"rw\": \"%s\", \"block_bytes\": %zu, \"target_p99_ns\": %" PRId64
            ", \"runtime_ns\": %" PRId64 ", \"backend\": \"%s\", \"interrupted\": %s, \"target_unmet\": %s",
            subject->size_bytes, boolean(subject->block_device), boolean(subject->scratch),
            boolean(subject->memory), boolean(subject->direct), tune_access_name(options->access),
            options->block_bytes, options->target_ns, options->runtime_ns,
            result->backend.backend == AURAIO_BACKEND_URING ? "io_uring" : "threads",
            boolean(tune_stop_signal() != 0), boolean(result->unmet));
    put_rows(file, result);
    if (result->adaptive && result->first.ops > 0)
        put_adaptive(file, result);
    if (result->best >= 0)
        fprintf(file, ",\n \"best_depth\": %d", result->rows[result->best].depth);
    if (result->rounds > 0)
        fprintf(file,
                ", \"rounds\": %d, \"throughput_share\": %.6f, \"p99_ratio\": %.6f, \"reached_ns\": %" PRId64
                ", \"reached_ops\": %" PRId64,
                result->rounds, result->share, result->p99_ratio, result->reached_ns, result->reached_ops);
    fputs("}\n", file);
    return output_close(TUNE_COMMAND, file, path);
}
