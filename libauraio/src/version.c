/* SPDX-License-Identifier: MIT */
#include <auraio.h>

const char *auraio_version(void)
{
    return AURAIO_VERSION_STRING;
}

int auraio_version_int(void)
{
    return AURAIO_VERSION;
}

const char *auraio_phase_name(int phase)
{
    static const char *const names[] = {"BASELINE", "PROBING", "STEADY", "BACKOFF", "SETTLING", "CONVERGED"};
    if (phase < 0 || phase >= (int)(sizeof(names) / sizeof(names[0])))
        return "UNKNOWN";
    return names[phase];
}
