#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lengths of functions and files: lengths.py FILE...

A function has at most 70 lines from its opening brace to its closing one, so that it fits a screen. A file has
at most 600 lines; those that are longer are listed below with the length they had, and may only shrink.
Functions are found by the house's format: braces of a function stand alone in column 0.
"""

import sys

FUNCTION_LINES = 70
FILE_LINES = 600
LONGER = {
    "libauraio/include/auraio.h": 860,  # the reference manual: every function documented where it is declared
}


def long_functions(lines):
    """(first line, length) of every function over the limit."""
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            opened = number
        elif line == "}" and opened is not None:
            if number - opened + 1 > FUNCTION_LINES:
                yield opened, number - opened + 1
            opened = None


def main(paths):
    """Complain about everything that is too long; the exit status says whether there was anything."""
    complaints = []
    for path in paths:
        with open(path, encoding="utf-8") as source:
            lines = source.read().splitlines()
        allowed = LONGER.get(path, FILE_LINES)
        if len(lines) > allowed:
            complaints.append(f"{path}: {len(lines)} lines, at most {allowed}")
        if path in LONGER and len(lines) <= FILE_LINES:
            complaints.append(f"{path}: no longer long: take it off the list in scripts/lengths.py")
        for first, length in long_functions(lines):
            complaints.append(f"{path}:{first}: a function of {length} lines, at most {FUNCTION_LINES}")
    print("\n".join(complaints), end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
