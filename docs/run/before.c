/* SPDX-License-Identifier: MIT */
/* The rest of the README's first half of a migration: statements that read a record with pread. */
#include "../../examples/example.h"

static ssize_t processed;

static void handle_error(int error)
{
    example_fail_errno("pread", error);
}

static void process_data(const void *buf, ssize_t n)
{
    example_check(buf, (size_t)n, 4096);
    processed = n;
}

int main(void)
{
    unsigned char bytes[4096];
    void *buf = bytes;
    const size_t len = sizeof(bytes);
    const off_t offset = 4096;
    const int fd = example_file(16384);
#include BLOCK
    close(fd);
    return processed == (ssize_t)len ? 0 : 1;
}
