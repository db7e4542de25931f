# SPDX-License-Identifier: MIT
"""Commands of the functional tests of a build directory (the argument), one to a line, for a machine that holds
nothing but programs and libraries: from what `meson introspect --tests` says (standard input)."""

import json
import os
import shlex
import sys

SUITES = {"api", "contract", "options", "race", "pool", "ring", "facade", "cpp"}
VARIABLES = {"LD_LIBRARY_PATH"}  # the others are for sanitizers
TEST_DIRECTORY = "/tmp"
PATIENCE = "tests/vm/libvm-patience.so"  # what emulation takes longer


def is_functional(test):
    suites = {suite.split(":")[-1] for suite in test["suite"]}
    return bool(suites & SUITES)


def is_program_of(build, test):
    """Compilers, interpreters and valgrind are not in the machine, and timing is of no use there."""
    program = os.path.abspath(test["cmd"][0])
    return program.startswith(build + os.sep) and "bench" not in program.split(os.sep)


def command_of(build, test):
    variables = {"LD_PRELOAD": os.path.join(build, PATIENCE)}
    variables |= {name: value for name, value in test["env"].items() if name in VARIABLES}
    if "AURAIO_TEST_DIR" in test["env"]:
        variables["AURAIO_TEST_DIR"] = TEST_DIRECTORY
    words = [os.path.relpath(test["cmd"][0]), *test["cmd"][1:]]
    settings = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    return " ".join(settings + [shlex.quote(word) for word in words])


def main():
    build = os.path.abspath(sys.argv[1])
    for test in json.load(sys.stdin):
        if is_functional(test) and is_program_of(build, test):
            print(command_of(build, test))


main()
