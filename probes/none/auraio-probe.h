/* SPDX-License-Identifier: MIT */
/* No probes: the compiler looks at their arguments, and nothing is done with them. */
#ifndef AURAIO_PROBE_H
#define AURAIO_PROBE_H

#define PROBE2(name, a, b)                                                                                   \
    do {                                                                                                     \
        (void)sizeof(a);                                                                                     \
        (void)sizeof(b);                                                                                     \
    } while (0)
#define PROBE4(name, a, b, c, d)                                                                             \
    do {                                                                                                     \
        PROBE2(name, a, b);                                                                                  \
        PROBE2(name, c, d);                                                                                  \
    } while (0)
#define PROBE6(name, a, b, c, d, e, f)                                                                       \
    do {                                                                                                     \
        PROBE4(name, a, b, c, d);                                                                            \
        PROBE2(name, e, f);                                                                                  \
    } while (0)

#endif
