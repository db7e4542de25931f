/* SPDX-License-Identifier: MIT */
/*
 * The file everything is measured on: pages of 4 KiB, each of which says which page it is and is filled from
 * that number, so that any buffer can be checked without knowing where it was read from.
 */
#ifndef BENCH_DATA_H
#define BENCH_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DATA_PAGE = 4096 };

/* Called now and then with the share done, 0 to 1. */
typedef void (*data_progress_t)(double done, void *user_data);

void data_fill_page(void *page, uint64_t number);

/* Whether the page holds exactly what page `number` must hold. */
bool data_page_is(const void *page, uint64_t number);

/* Whether the page is one of the first `pages` pages, whole. */
bool data_page_is_valid(const void *page, uint64_t pages);

/*
 * Make sure that dir/name is a data file of `bytes` (a multiple of the page size): keep a good one from an
 * earlier run, else write it. *ret_path is allocated. Returns 0 or a negative errno; -EOPNOTSUPP when dir is
 * on a file system without a disk behind it (tmpfs), where nothing measured would mean anything.
 */
int data_file_prepare(const char *dir, const char *name, uint64_t bytes, data_progress_t progress,
                      void *user_data, char **ret_path);

/* Read the whole file once, so that it is in the page cache. Returns 0 or a negative errno. */
int data_file_heat(const char *path);

/* Write the file back and drop it from the page cache. Returns 0 or a negative errno. */
int data_file_cool(const char *path);

#endif
