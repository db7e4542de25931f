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

/* A duplicate up there, or where there is room. Returns it, or -1 and errno. */
int fd_duplicate(int fd);

/*
 * Close a descriptor of ours. The lock orders it before whoever gets the number next: that is how
 * ThreadSanitizer, which does not know what fcntl() returns, tells the two descriptors apart.
 */
void fd_close(int fd);

/* Held across fork(). */
void fd_lock(void);
void fd_unlock(void);

#endif
