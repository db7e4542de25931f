#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the reference without a warning: check.py FOLDER [--test]

FOLDER has the Doxyfile; the pages come into its folder html. With --test also: every public function, C and C++
class is in it, and a comment that is wrong would have been a warning.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
WRONG = """
/** Does nothing. @param nothing is not there. */
void auraio_wrong(int something);
"""
EXPECTED = ("auraio_create", "auraio_submit_batch", "auraio_adapt_init", "auraio_sim_run", "when_all", "Engine", "Task")


def doxygen(doxyfile):
    """Run it: (whether it found nothing wrong, what it said)."""
    done = subprocess.run(
        ["doxygen", str(doxyfile)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100,
        check=False,
    )
    return done.returncode == 0 and not done.stdout.strip(), done.stdout


def missing(folder):
    """What the pages should name and do not."""
    text = "\n".join(page.read_text(encoding="utf-8", errors="replace") for page in folder.glob("html/*.html"))
    return [name for name in EXPECTED if not re.search(rf"\b{name}\b", text)]


def planted(doxyfile):
    """Whether a header with a wrong comment is found."""
    with tempfile.TemporaryDirectory() as folder:
        wrong = pathlib.Path(folder) / "wrong.h"
        wrong.write_text(WRONG, encoding="utf-8")
        text = doxyfile.read_text(encoding="utf-8")
        text = re.sub(r"(?m)^INPUT\b(?:.*\\\n)*.*$", lambda _: f"INPUT = {wrong}", text)
        text = re.sub(r"(?m)^OUTPUT_DIRECTORY.*$", lambda _: f"OUTPUT_DIRECTORY = {folder}", text)
        spoilt = pathlib.Path(folder) / "Doxyfile"
        spoilt.write_text(text, encoding="utf-8")
        fine, said = doxygen(spoilt)
        return not fine and "nothing" in said


def main(folder, testing):
    """Make it, and say what is wrong."""
    if not shutil.which("doxygen"):
        print("skipped: doxygen is not installed")
        return SKIPPED
    fine, said = doxygen(folder / "Doxyfile")
    print(said, end="")
    if not fine:
        return 1
    if testing and not planted(folder / "Doxyfile"):
        print("doxygen found nothing wrong with a comment that is")
        return 1
    absent = missing(folder) if testing else []
    if absent:
        print(f"not in the reference: {', '.join(absent)}")
        return 1
    print(f"the reference is in {folder / 'html' / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), "--test" in sys.argv[2:]))
