/* tune_buffers.c - the memory that every load reads into and writes from. Where the operations of a load are
 * many and large they share buffers: what is read is not looked at, and one random block is as good to write
 * as another. */
#include "tune.h"

#include <errno.h>
#include <stdlib.h>

#define ALIGNMENT 4096 /* what O_DIRECT may ask for */
#define MOST_BYTES ((size_t)256 << 20)

int tune_buffers_make(const tune_options_t *options, tune_buffers_t *ret_buffers)
{
    size_t wanted = (size_t)TUNE_OFFERED * (size_t)options->max_depth,
           most = MOST_BYTES / options->block_bytes;
    size_t count = wanted < most ? wanted : most;
    void *memory;
    int error = posix_memalign(&memory, ALIGNMENT, count * options->block_bytes);
    if (error) {
        fputs("auraio tune: out of memory for the buffers; give a smaller --bs or --max-depth\n", stderr);
        return -error;
    }
    /* Random for writes; for reads because a page is there only once it was written to. */
    tune_scratch_fill(memory, count * options->block_bytes, 0);
    *ret_buffers = (tune_buffers_t){.memory = memory, .count = count};
    return 0;
}

void tune_buffers_destroy(tune_buffers_t *buffers)
{
    free(buffers->memory);
    *buffers = (tune_buffers_t){0};
}
