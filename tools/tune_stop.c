/* tune_stop.c - a signal ends the measuring, so that what was measured is still printed. One that comes a
 * second later kills as it would without us: a device that hangs must not hold the terminal. One that comes
 * at once is the first again: timeout(1) sends each twice, to the process and to its group. */
#include "tune.h"

#include <signal.h>
#include <time.h>

#define AGAIN_S 1

static volatile sig_atomic_t stopped_by;
static volatile time_t stopped_s;

static time_t now_s(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec;
}

static void on_signal(int number)
{
    if (stopped_by && now_s() - stopped_s > AGAIN_S) {
        signal(number, SIG_DFL);
        raise(number); /* is delivered when this handler returns */
    } else if (!stopped_by) {
        stopped_s = now_s();
        stopped_by = number;
    }
}

void tune_stop_watch(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction old;
        /* What the parent had us ignore (nohup) stays ignored. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

int tune_stop_signal(void)
{
    return stopped_by;
}
