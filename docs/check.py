#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Hold the documentation to the tree: check.py ROOT

* the README's first programs are examples/quick_start.c and examples/cpp/quick_start.cpp, to the byte;
* every relative link leads to a file that is there, and to a heading when it names one;
* docs/troubleshooting.md has a heading for every errno that a public header names;
* every picture is well-formed XML.

What is in blocks of code is compiled and run by blocks.py.
"""

import errno
import pathlib
import re
import sys
import xml.etree.ElementTree

PROGRAM = {
    language: re.compile(rf"^```{language}\n(.*?)^```$", re.MULTILINE | re.DOTALL) for language in ("c", "cpp")
}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
HEADERS = ("*/include/auraio*.h", "*/include/auraio/*.h", "*/*/include/auraio/*.h")
NAME = re.compile(r"\bE[A-Z0-9]{3,}\b")


def pages(root):
    """Every page of documentation, the folders' own included; not those of build directories."""
    found = [*root.glob("*.md"), *root.glob("*/*.md"), *root.glob("*/*/*.md")]
    return sorted(page for page in found if not page.relative_to(root).parts[0].startswith(("build", ".")))


def anchor(heading):
    """The fragment that names a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


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
    shown = PROGRAM[language].search((root / "README.md").read_text(encoding="utf-8"))
    if not shown or shown.group(1) != (root / example).read_text(encoding="utf-8"):
        yield f"README.md: the first program is not {example}"


def errors_in(text):
    """The names of errors in a text."""
    return {name for name in NAME.findall(text) if hasattr(errno, name)}


def check_errors(root):
    """Whether troubleshooting.md speaks of every error that a header names."""
    named = {}
    for pattern in HEADERS:
        for header in root.glob(pattern):
            if not header.relative_to(root).parts[0].startswith("build"):
                for name in errors_in(header.read_text(encoding="utf-8")):
                    named[name] = header.relative_to(root)
    page = (root / "docs/troubleshooting.md").read_text(encoding="utf-8")
    explained = errors_in("\n".join(HEADING.findall(page)))
    for name in sorted(set(named) - explained):
        yield f"docs/troubleshooting.md has no heading for {name}, which {named[name]} names: say what to do about it"


def check_pictures(root):
    """Pictures that a browser would refuse."""
    for picture in root.glob("docs/images/*.svg"):
        try:
            xml.etree.ElementTree.parse(picture)
        except xml.etree.ElementTree.ParseError as wrong:
            yield f"{picture}: {wrong}"


def main(root):
    """Print every complaint; the exit status says whether there was one."""
    complaints = [
        *check_quick_start(root, "c", "examples/quick_start.c"),
        *check_quick_start(root, "cpp", "examples/cpp/quick_start.cpp"),
        *check_errors(root),
        *check_pictures(root),
    ]
    for page in pages(root):
        complaints += check_links(page, page.read_text(encoding="utf-8"))
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
