/* SPDX-License-Identifier: MIT */
/*
 * Calls sum_blocks() on a file of known bytes, and adds them up itself: whatever a program uses to read, the
 * sum is the same. One block reaches beyond the end of the file.
 */
#include BLOCK

#include "../../examples/example.h"

#define SIZE (1 << 20)
#define COUNT 300

int main(void)
{
    static off_t offsets[COUNT];
    unsigned long expected = 0;
    const int fd = example_file(SIZE);
    for (int i = 0; i < COUNT; i++) {
        offsets[i] = i == 0 ? SIZE - 1000 : (off_t)(i * 7919 % (SIZE / 4096)) * 4096;
        for (off_t k = offsets[i]; k < offsets[i] + 4096 && k < SIZE; k++)
            expected += example_byte(k);
    }
    const unsigned long sum = sum_blocks(fd, offsets, COUNT);
    close(fd);
    if (sum == expected)
        return 0;
    fprintf(stderr, "the sum is %lu, not %lu\n", sum, expected);
    return 1;
}
