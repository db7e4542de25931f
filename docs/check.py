#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the documentation to the code: check.py ROOT -IDIR... -- COMPILER...

* every C program in it (a block that begins with #include) compiles, without a warning;
* the README's first program is examples/quick_start.c, to the byte;
* every relative link leads to a file that is there, and to a heading when it names one.
"""

import pathlib
import re
import subprocess
import sys

FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c", "-"]
BLOCK = re.compile(r"^```c\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
SECONDS = 60


def pages(root):
    """Every page of documentation, the folders' own included; not those of build directories."""
    found = [*root.glob("*.md"), *root.glob("*/*.md"), *root.glob("*/*/*.md")]
    return sorted(page for page in found if not page.relative_to(root).parts[0].startswith(("build", ".")))


def programs(text):
    """Blocks that are whole programs or functions, not fragments."""
    return [block for block in BLOCK.findall(text) if block.startswith("#include")]


def anchor(heading):
    """The fragment that names a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def check_programs(page, text, command):
    """Complaints of the compiler about the page's programs."""
    for number, program in enumerate(programs(text), 1):
        # What quick programs drop, and a header says must not be dropped, is no concern of a syntax check.
        done = subprocess.run(
            [*command, *FLAGS, "-Wno-unused-result"],
            input=program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
        )
        if done.returncode != 0:
            yield f"{page}: program {number} does not compile:\n{done.stdout}"


def check_links(page, text):
    """Links that lead nowhere."""
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        there = page.parent / path if path else page
        if not there.exists():
            yield f"{page}: the link to {target} leads nowhere"
        elif fragment and fragment not in map(anchor, HEADING.findall(there.read_text(encoding="utf-8"))):
            yield f"{page}: no heading for the link to {target}"


def check_quick_start(root):
    """The README's first program and the example are one."""
    shown = programs((root / "README.md").read_text(encoding="utf-8"))
    if not shown or shown[0] != (root / "examples" / "quick_start.c").read_text(encoding="utf-8"):
        yield "README.md: the first program is not examples/quick_start.c"


def main(root, arguments):
    """Print every complaint; the exit status says whether there was one."""
    split = arguments.index("--")
    command = [*arguments[split + 1 :], *arguments[:split]]
    complaints = list(check_quick_start(root))
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        complaints += [*check_programs(page, text, command), *check_links(page, text)]
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
