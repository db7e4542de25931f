#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a user's compiler says about the headers: user.py INCLUDE PROGRAM -- COMPILER... -IDIR...

* every header compiles alone, as C++23 (as C++20 those that are installed do), without a warning;
* so does a program that uses them, as C++20 and as C++23;
* they define no macro but their include guards.
"""

import pathlib
import re
import subprocess
import sys

FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror", "-fsyntax-only"]
# What C++23 is called before it is finished, and after.
STANDARDS = ["-std=c++20", "-std=c++2b"]
GUARD = re.compile(r"AURAIO_[A-Z_]*HPP")
SECONDS = 100


def run(command, source):
    """The status of the compiler, and what it said."""
    done = subprocess.run(
        [*command, "-x", "c++", "-"], input=source, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=SECONDS, check=False,
    )
    return done.returncode, done.stdout


def complaints_about(name, command, source, standards):
    """What the compiler says about a source, in each standard."""
    for standard in standards:
        status, said = run([*command, standard, *FLAGS], source)
        if status != 0 or said:
            yield f"{name} {standard}:\n{said}"


def macros(command, source):
    """The macros that are defined after a source."""
    status, said = run([*command, STANDARDS[0], "-dM", "-E"], source)
    if status != 0:
        sys.exit(said)
    return {line.split()[1].partition("(")[0] for line in said.splitlines() if line.startswith("#define ")}


def leaked(command, headers, root):
    """Macros that our headers define, beyond those of what they include."""
    included = set()
    for header in headers:
        included |= set(re.findall(r"^#include <([^>]+)>$", header.read_text(encoding="utf-8"), re.MULTILINE))
    ours = {str(header.relative_to(root)) for header in headers}
    theirs = "".join(f"#if __has_include(<{name}>)\n#include <{name}>\n#endif\n" for name in sorted(included - ours))
    found = macros(command, "#include <auraio.hpp>\n") - macros(command, theirs)
    return sorted(name for name in found if not GUARD.fullmatch(name))


def main(root, program, command):
    """Print every complaint; the exit status says whether there was one."""
    headers = sorted(root.rglob("*.hpp"))
    complaints = []
    for header in headers:
        source = f"#include <{header.relative_to(root)}>\n"
        complaints += complaints_about(header.name, command, source, STANDARDS[1:])
    complaints += complaints_about(program.name, command, program.read_text(encoding="utf-8"), STANDARDS)
    complaints += [f"a macro gets out: {name}" for name in leaked(command, headers, root)]
    print("\n".join(complaints))
    print(f"{len(headers)} headers, {len(complaints)} complaints")
    return 1 if complaints or not headers else 0


if __name__ == "__main__":
    split = sys.argv.index("--")
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[split + 1 :]))
