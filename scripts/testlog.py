#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count what a meson test run came to: testlog.py NAME build/meson-logs/testlog.json

Prints one line for every test that failed or was skipped, with what it said, and as the last line
"PASSED FAILED", two numbers for ./dev to add up. A Criterion program counts as as many tests as it holds, any
other program as one. A run that left no log, or a log without a single test, is a failure: nothing that did
not run may look like success.
"""

import json
import re
import sys

SKIPPED_STATUS = "SKIP"
GOOD = {"OK", "EXPECTEDFAIL"}
FIRST_LINES, LAST_LINES = 40, 10  # sanitizers say the most in their first lines
LINE_WIDTH = 200
SYNTHESIS = re.compile(r"Tested: (\d+) \| Passing: (\d+) \| Failing: (\d+) \| Crashing: (\d+)")
SKIP_LINE = re.compile(r"^(?:\[SKIP\]|skipped:) ?(.*)$", re.MULTILINE)


def colourless(text):
    """Without the escape sequences of terminals."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def count(entry, said):
    """(passed, failed) of one program."""
    good = entry["result"] in GOOD
    found = SYNTHESIS.findall(said)
    if not found:
        return (1, 0) if good else (0, 1)
    passed = sum(int(passing) for _, passing, _, _ in found)
    failed = sum(int(failing) + int(crashing) for _, _, failing, crashing in found)
    return passed, failed if good else max(failed, 1)


def report(run, entry, said):
    """Say what a reader must know of one program; nothing when it simply passed."""
    name = f"{run}: {entry['name'].split(' / ')[-1]}"
    for reason in dict.fromkeys(SKIP_LINE.findall(said)):  # each once, in order
        print(f"skipped  {name}: {reason}")
    if entry["result"] == SKIPPED_STATUS and not SKIP_LINE.search(said):
        print(f"skipped  {name}: no reason given")
    if entry["result"] in GOOD or entry["result"] == SKIPPED_STATUS:
        return
    print(f"FAILED   {name} ({entry['result'].lower()} after {entry['duration']:.0f} s)")
    lines = said.strip().splitlines()
    left_out = len(lines) - FIRST_LINES - LAST_LINES
    if left_out > 0:
        lines[FIRST_LINES:-LAST_LINES] = [f"... ({left_out} more lines in the log)"]
    for line in lines:
        print("    " + line[:LINE_WIDTH])


def main(run, path):
    """Count a whole log."""
    passed = failed = programs = 0
    try:
        with open(path, encoding="utf-8", errors="replace") as log:
            for line in log:
                entry = json.loads(line)
                said = colourless((entry.get("stdout") or "") + (entry.get("stderr") or ""))
                programs += 1
                report(run, entry, said)
                if entry["result"] == SKIPPED_STATUS:
                    continue
                more_passed, more_failed = count(entry, said)
                passed += more_passed
                failed += more_failed
    except (OSError, ValueError, KeyError) as error:
        print(f"FAILED   {run}: the log of the tests can't be read: {error}")
        failed += 1
    else:
        if programs == 0:
            print(f"FAILED   {run}: not one test ran")
            failed += 1
    print(passed, failed)


if __name__ == "__main__":
    main(*sys.argv[1:])
