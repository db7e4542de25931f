#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the documentation to the code: check.py ROOT -IDIR... -- COMPILER... [-- C++ COMPILER...]

* every C program in it (a block that begins with #include) compiles, without a warning, and every C++ program;
* the README's first programs are examples/quick_start.c and examples/cpp/quick_start.cpp, to the byte;
* every relative link leads to a file that is there, and to a heading when it names one.
"""

import pathlib
import re
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
FLAGS = {
    "c": ["-std=c11", "-D_GNU_SOURCE", *WARNINGS, "-x", "c", "-"],
    "cpp": ["-std=c++20", *WARNINGS, "-x", "c++", "-"],
}
BLOCK = re.compile(r"^```(c|cpp)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
SECONDS = 60


def pages(root):
    """Every page of documentation, the folders' own included; not those of build directories."""
    found = [*root.glob("*.md"), *root.glob("*/*.md"), *root.glob("*/*/*.md")]
    return sorted(page for page in found if not page.relative_to(root).parts[0].startswith(("build", ".")))


def programs(text, language):
    """Blocks that are whole programs or functions, not fragments."""
    return [block for kind, block in BLOCK.findall(text) if kind == language and block.startswith("#include")]


def anchor(heading):
    """The fragment that names a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def check_programs(page, text, language, command):
    """Complaints of the compiler about the page's programs in a language."""
    for number, program in enumerate(programs(text, language), 1):
        # What quick programs drop, and a header says must not be dropped, is no concern of a syntax check.
        done = subprocess.run(
            [*command, *FLAGS[language], "-Wno-unused-result"],
            input=program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
        )
        if done.returncode != 0:
            yield f"{page}: {language} program {number} does not compile:\n{done.stdout}"


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


def check_quick_start(root, language, example):
    """The README's first program in a language and the example are one."""
    shown = programs((root / "README.md").read_text(encoding="utf-8"), language)
    if not shown or shown[0] != (root / example).read_text(encoding="utf-8"):
        yield f"README.md: the first program is not {example}"


def split(arguments):
    """The arguments between one -- and the next."""
    parts = [[]]
    for argument in arguments:
        if argument == "--":
            parts.append([])
        else:
            parts[-1].append(argument)
    return parts


def main(root, arguments):
    """Print every complaint; the exit status says whether there was one."""
    include, *compilers = split(arguments)
    commands = [(language, [*compiler, *include]) for language, compiler in zip(("c", "cpp"), compilers)]
    complaints = list(check_quick_start(root, "c", "examples/quick_start.c"))
    complaints += check_quick_start(root, "cpp", "examples/cpp/quick_start.cpp")
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        for language, command in commands:
            complaints += check_programs(page, text, language, command)
        complaints += check_links(page, text)
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2:]))
