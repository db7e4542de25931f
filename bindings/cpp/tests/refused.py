#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What must not compile does not, and for the reason it should: refused.py CASES -- COMPILER... -IDIR...

All cases are compiled at once, each in a function that the compiler takes for a file of its own, and each must have
its complaint. The frame of these functions must compile alone: else every case would be refused for nothing.
"""

import pathlib
import re
import subprocess
import sys

FRAME = """#line 1 "%s"
void refused_%d(Engine &engine, const Engine &readonly, Buffer &buffer, const Buffer &readonly_buffer,
             Task<int> &task, Options &options, const Options &set, Request &req, char *bytes)
{
    auto none = [](Request &, ssize_t) {};
    static_cast<void>(none), static_cast<void>(engine), static_cast<void>(readonly), static_cast<void>(buffer);
    static_cast<void>(readonly_buffer), static_cast<void>(task), static_cast<void>(options), static_cast<void>(set);
    static_cast<void>(req), static_cast<void>(bytes);
    %s
}
"""
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Werror=unused-result", "-Werror=unused-value", "-fsyntax-only"]
UNLIMITED = {True: "-ferror-limit=0", False: "-fmax-errors=0"}
SECONDS = 100
# How gcc and clang say that a value marked [[nodiscard]] is dropped.
PATTERNS = {"nodiscard": "nodiscard|unused-result|unused-value"}


def cases(path):
    """(name, code, pattern) of every case."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            name, code, pattern = line.split(" | ", 2)
            yield name.strip(), code.strip(), PATTERNS.get(pattern.strip(), pattern.strip())


def compile_cases(command, every):
    """The status of the compiler, and what it said."""
    bodies = [FRAME % (name, number, code) for number, (name, code, _) in enumerate(every)]
    source = "#include <auraio.hpp>\nusing namespace auraio;\n" + "".join(bodies)
    unlimited = UNLIMITED["clang" in command[0]]
    done = subprocess.run(
        [*command, *FLAGS, unlimited, "-x", "c++", "-"], input=source, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
    )
    return done.returncode, done.stdout


def judge(said, case):
    """A complaint about one case, or None."""
    name, code, pattern = case
    errors = [line for line in said.splitlines() if line.startswith(name + ":") and "error:" in line]
    if not errors:
        return f"{name}: compiles: {code}"
    if not any(re.search(pattern, line) for line in errors):
        return f"{name}: refused for another reason: {code}\n" + "\n".join(errors)
    return None


def main(path, command):
    """Print every complaint; the exit status says whether there was one."""
    status, said = compile_cases(command, [("frame", "", "")])
    if status != 0:
        sys.exit(f"the frame does not compile:\n{said}")
    every = list(cases(path))
    if not every or len({name for name, _, _ in every}) != len(every):
        sys.exit(f"{path}: no cases, or two of one name")
    _, said = compile_cases(command, every)
    complaints = [complaint for complaint in (judge(said, case) for case in every) if complaint]
    print("\n".join(complaints))
    print(f"{len(every)} cases, {len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    split = sys.argv.index("--")
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[split + 1 :]))
