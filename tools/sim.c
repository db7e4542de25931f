/* sim.c - `auraio sim`: limit policies against simulated storage devices. */
#include "command.h"
#include "sim.h"

#include <stdio.h>

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

static int simulate(const sim_options_t *options)
{
    sim_plan_t plan;
    int status = EXIT_USAGE;
    if (sim_plan_init(&plan, options) == 0) {
        status = sim_plan_run(&plan) ? EXIT_FAILED : EXIT_OK;
        if (status == EXIT_OK)
            sim_table(&plan);
        if (status == EXIT_OK && options->check) {
            int findings = sim_table_findings(&plan);
            printf("check: %d figure%s out of bounds\n", findings, findings == 1 ? "" : "s");
            status = findings > 0 ? EXIT_FAILED : EXIT_OK;
        }
    }
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
    return simulate(&options);
}

const command_t command_sim = {
    .name = "sim",
    .summary = "limit policies against simulated storage devices",
    .run = run,
};
