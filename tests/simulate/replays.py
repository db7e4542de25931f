#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A seed replays: its digest is the same alone, and among others that ran before it; others have others.

usage: replays.py SIMULATE
"""

import subprocess
import sys

FIRST, COUNT, ALONE = 1, 300, (7, 151, 299)


def digests(program, *arguments):
    """The digest of each seed that ran."""
    done = subprocess.run(
        [program, "--digest", *map(str, arguments)], stdout=subprocess.PIPE, text=True, check=True, timeout=100
    )
    return dict(line.split() for line in done.stdout.splitlines())


def main(program):
    among = digests(program, "--seed", FIRST, "--seeds", COUNT)
    if len(among) != COUNT or len(set(among.values())) < COUNT * 9 // 10:
        print(f"{len(among)} seeds, {len(set(among.values()))} digests")
        return 1
    for seed in ALONE:
        alone = digests(program, "--seed", seed)
        if alone != {str(seed): among[str(seed)]}:
            print(f"seed {seed}: {alone} alone, {among[str(seed)]} among others")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
