/* SPDX-License-Identifier: MIT */
/*
 * Bytes become calls of the whole public interface, right ones and wrong ones, also in callbacks, on one or
 * two engines of a simulated world whose faults and crashes are in the bytes as well.
 *
 * What must hold: an accepted operation calls back once, never inside a submission, with a result that is
 * documented and has a reason; what is read was written there; a refusal has a documented errno and a
 * sentence; a drain, a shutdown, a destroy leave nothing pending; no descriptor is left, nor memory
 * (LeakSanitizer). Threads are the simulation's and the soak's: here is one.
 *
 * Built two ways: with -fsanitize=fuzzer by clang (target fuzz-calls), and as a program that runs the corpus,
 * which is a test.
 */
#include "actions.h"
#include "input.h"
#include "world.h"

struct input input;

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    input = (struct input){.at = bytes, .left = length};
    world_begin(take(2));
    life_begin(&run.lives[0]);
    while (input.left > 0)
        act();
    world_end();
    return 0;
}
