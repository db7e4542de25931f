#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every promise of docs/reliability.md names tests, and they exist: promises.py PAGE BUILD_DIR"""

import json
import pathlib
import re
import sys


def promises(page):
    """Of each row of the page's table: the promise, and the tests it names."""
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 2 and not cells[0].startswith("-") and cells[0] != "promise":
            yield cells[0], re.findall(r"`([^`]+)`", cells[1])


def main(page, build):
    """Print every complaint; the exit status says whether there was one."""
    listed = json.loads((build / "meson-info" / "intro-tests.json").read_text(encoding="utf-8"))
    known = {test["name"] for test in listed}
    rows = list(promises(page.read_text(encoding="utf-8")))
    complaints = [f"{page}: no test holds it: {promise}" for promise, tests in rows if not tests]
    complaints += [
        f"{page}: there is no test '{test}'" for _, tests in rows for test in tests if test not in known
    ]
    if not rows:
        complaints.append(f"{page}: no table of promises")
    for complaint in complaints:
        print(complaint)
    print(f"{len(rows)} promises")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
