/* sim.c - `auraio sim`: limit policies against simulated storage devices. */
#include "command.h"
#include "sim.h"

#include <stdio.h>
#include <string.h>

static void list(void)
{
    auraio_sim_model_t model;
    puts("models:");
    for (int i = 0; auraio_sim_model_at(i, &model) == 0; i++)
        printf("  %-10s %s\n", model.name, model.summary);
    puts("\npolicies:");
    const auraio_sim_policy_t *policy;
    for (int i = 0; (policy = auraio_sim_policy_at(i)); i++)
        printf("  %-10s %s\n", policy->name, policy->summary);
}

/* The files that were asked for. 0, or -1 after saying what failed. */
static int export(const sim_plan_t *plan)
{
    const sim_options_t *options = plan->options;
    if (options->csv && sim_export_csv(plan, options->csv))
        return -1;
    if (options->json && sim_export_json(plan, options->json))
        return -1;
    if (options->svg && sim_export_svg(plan, options->svg))
        return -1;
    return options->record ? sim_trace_record(plan, options->record) : 0;
}

/* What goes to stdout for a program to read: the table then stays away. */
static bool is_piped(const sim_options_t *options)
{
    const char *const paths[] = {options->csv, options->json, options->record};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        if (paths[i] && strcmp(paths[i], "-") == 0)
            return true;
    }
    return false;
}

static void show(const sim_plan_t *plan)
{
    const sim_options_t *options = plan->options;
    sim_table(plan);
    if (options->random > 0)
        sim_worst(plan);
    for (int i = 0; options->chart && i < plan->row_count; i++)
        sim_chart(plan, &plan->rows[i]);
}

static int simulate(const sim_options_t *options)
{
    sim_plan_t plan;
    bool piped = is_piped(options);
    int status = sim_plan_init(&plan, options);
    if (status == EXIT_OK)
        status = sim_plan_run(&plan);
    if (status == EXIT_OK && !piped)
        show(&plan);
    if (status == EXIT_OK && export(&plan))
        status = EXIT_FAILED;
    if (status == EXIT_OK && options->check)
        status = sim_check(&plan, piped ? stderr : stdout) > 0 ? EXIT_FAILED : EXIT_OK;
    sim_plan_destroy(&plan);
    return status;
}

static int run(int argc, char **argv)
{
    sim_options_t options;
    if (sim_options_parse(argc, argv, &options))
        return EXIT_USAGE;
    if (options.help) {
        sim_options_help();
        return EXIT_OK;
    }
    if (options.list) {
        list();
        return EXIT_OK;
    }
    if (options.replay)
        return sim_trace_replay(&options) ? EXIT_FAILED : EXIT_OK;
    return simulate(&options);
}

const command_t command_sim = {
    .name = "sim",
    .summary = "limit policies against simulated storage devices",
    .run = run,
};
