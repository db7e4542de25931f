/* SPDX-License-Identifier: MIT */
/* The end of a program whose fixture cannot be set up. */
#include "fatal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fatal(const char *what)
{
    fprintf(stderr, "test support: %s: %s\n", what, strerror(errno));
    abort();
}
