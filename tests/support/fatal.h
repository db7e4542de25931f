/* SPDX-License-Identifier: MIT */
/** The end of a program whose fixture cannot be set up. */
#ifndef TEST_SUPPORT_FATAL_H
#define TEST_SUPPORT_FATAL_H

/** Print @p what, the text of errno, and abort. */
_Noreturn void fatal(const char *what);

#endif
