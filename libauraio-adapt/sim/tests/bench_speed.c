/* bench_speed.c - how many completions a second of processor time the simulator does. */
#include <auraio/adapt_sim.h>

#include <stdio.h>
#include <time.h>

static double processor_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(void)
{
    static const char *const names[] = {"nvme", "measured", "network", "cloud", "hdd"};
    static const char *const policies[] = {"fixed", "auraio"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        for (size_t p = 0; p < sizeof(policies) / sizeof(policies[0]); p++) {
            auraio_sim_model_t model;
            auraio_sim_result_t result;
            if (auraio_sim_model_find(names[i], &model))
                return 1;
            auraio_sim_scenario_t scenario = {
                .model = &model,
                .policy = auraio_sim_policy_find(policies[p]),
                .initial_limit = 32,
                .seed = 1,
            };
            double start = processor_s();
            if (auraio_sim_run(&scenario, &result))
                return 1;
            double ops = (double)result.completions / (processor_s() - start);
            printf("%-10s %-8s %6.2f M completions/s\n", names[i], policies[p], ops * 1e-6);
        }
    }
    return 0;
}
