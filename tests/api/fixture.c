/* SPDX-License-Identifier: MIT */
/* What most tests of the interface start from: an engine with default options and a file of the pattern. */
#include "fixture.h"

#include <unistd.h>

#include "modes.h"

auraio_engine_t *engine;
int file_fd;
pipe_pair_t channel;

void set_up(void)
{
    file_fd = file_of_pattern(FIXTURE_FILE_BYTES);
    engine = engine_with(NULL);
}

void tear_down(void)
{
    auraio_destroy(engine);
    close(file_fd);
}

void set_up_pipe(void)
{
    set_up();
    channel = pipe_open(0);
}

void tear_down_pipe(void)
{
    tear_down();
    pipe_close(channel);
}
