/* SPDX-License-Identifier: MIT */
/* The second face of auraio-bench: one peer's load, once, for tools that watch a process from outside. */
#ifndef BENCH_RUN_H
#define BENCH_RUN_H

/* The command line after `auraio-bench run`; argv[0] is "run". Returns the exit status. */
int run_main(int argc, char **argv);

/* What --help says about it. */
extern const char run_usage[];

#endif
