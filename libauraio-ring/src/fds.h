/* SPDX-License-Identifier: MIT */
/* Descriptors of the library's own. */
#ifndef AURAIO_RING_FDS_H
#define AURAIO_RING_FDS_H

/*
 * Move a descriptor of ours up, out of the low numbers that programs use: a program that goes on using a
 * number it has closed then gets EBADF, and not one of our rings. Returns the new number, or @fd where the
 * limit leaves no room; negative values are passed through.
 */
int fd_out_of_the_way(int fd);

#endif
