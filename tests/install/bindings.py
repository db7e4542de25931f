# SPDX-License-Identifier: MIT
"""A program in C++ compiles with what pkg-config says about auraio-cpp, and does its work.

usage: bindings.py MESON BUILD PREFIX SOURCE COMPILER...
"""

import pathlib
import sys

import staged


def main():
    stage_arguments, source, compiler = sys.argv[1:4], pathlib.Path(sys.argv[4]), sys.argv[5:]
    with staged.staged(*stage_arguments) as stage:
        program = stage.root / "program"
        warnings = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion"]
        stage.compile([*compiler, *warnings], source, program, package="auraio-cpp")
        if "byte for byte" not in stage.execute(program):
            staged.fail(f"{source.name} did not say that its copies are the same")


main()
