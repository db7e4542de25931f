/* tune.c - `auraio tune`: what depth a device wants, and whether AuraIO finds it by itself. */
#include "command.h"
#include "tune.h"

#include <string.h>

#include "gnuplot.h"
#include "output.h"

static int print(const tune_result_t *result, bool piped)
{
    const tune_options_t *options = result->options;
    if (!piped) {
        tune_table(result);
        tune_chart(result);
        tune_verdict(result);
    }
    if (options->json && tune_export_json(result, options->json))
        return EXIT_FAILED;
    if (options->svg && result->swept > 0 && tune_export_svg(result, options->svg))
        return EXIT_FAILED;
    return EXIT_OK;
}

static int measure(const tune_options_t *options, const tune_subject_t *subject)
{
    static tune_result_t result; /* dozens of histograms: too large for a stack */
    bool piped = options->json && strcmp(options->json, "-") == 0;
    if (!piped)
        tune_head(options, subject);
    int status = tune_run(options, subject, &result);
    if (status == EXIT_OK)
        status = print(&result, piped);
    if (status == EXIT_OK && result.unmet)
        status = EXIT_FAILED;
    tune_result_destroy(&result);
    return status;
}

static int run(int argc, char **argv)
{
    tune_options_t options;
    if (tune_options_parse(argc, argv, &options))
        return EXIT_USAGE;
    if (options.help) {
        tune_options_help();
        return EXIT_OK;
    }
    if (output_check(TUNE_COMMAND, options.json, options.path) ||
        output_check(TUNE_COMMAND, options.svg, options.path) || (options.svg && gnuplot_check(TUNE_COMMAND)))
        return EXIT_FAILED;
    tune_stop_watch();
    tune_subject_t subject;
    int status = tune_subject_open(&options, &subject);
    if (status == EXIT_OK) {
        if (tune_stop_signal())
            fputs("auraio tune: interrupted before anything was measured\n", stderr);
        else
            status = measure(&options, &subject);
        tune_subject_close(&subject);
    }
    return tune_stop_signal() ? EXIT_SIGNAL + tune_stop_signal() : status;
}

const command_t command_tune = {
    .name = "tune",
    .summary = "what depth a device wants, and whether AuraIO finds it",
    .run = run,
};
