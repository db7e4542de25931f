/* SPDX-License-Identifier: MIT */
/* Crashes from a hundred seeds: what no sync covered is there after some of them and not after others. */
#include "../../examples/example.h"

#include BLOCK

int main(void)
{
    int whole = 0, less = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        ssize_t bytes = bytes_after_crash(seed);
        if (bytes < 0 || bytes != bytes_after_crash(seed))
            return 1;
        whole += bytes == 4096;
        less += bytes < 4096;
    }
    return whole > 0 && less > 0 ? 0 : 1;
}
