# SPDX-License-Identifier: MIT
"""Every installed header compiles alone, as C11 and as C++20, with no warning.

usage: headers.py MESON BUILD PREFIX
"""

import shutil
import sys

import staged

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def compilers(language, candidates):
    """Those that are there, with how they compile one header alone."""
    standard = {"c": "-std=c11", "c++": "-std=c++20"}[language]
    found = [compiler for compiler in candidates if shutil.which(compiler)]
    if not found:
        print(f"no {language} compiler of {candidates}: headers not tried as {language}")
    return [[compiler, "-x", language, standard, *WARNINGS, "-fsyntax-only"] for compiler in found]


def main():
    as_c = compilers("c", ["gcc", "clang"])
    as_cpp = compilers("c++", ["g++", "clang++"])
    if not as_c and not as_cpp:
        staged.skip("no compiler")
    with staged.staged(*sys.argv[1:]) as stage:
        headers = sorted(path for path in stage.headers.rglob("*") if path.suffix in (".h", ".hpp"))
        if stage.headers / "auraio.h" not in headers:
            staged.fail(f"auraio.h is not among {headers}")
        for header in headers:
            # A source that does nothing but include it, so that "pragma once in main file" is no issue.
            include = f"#include <{header.relative_to(stage.headers)}>\n"
            for command in as_cpp + (as_c if header.suffix == ".h" else []):
                source = stage.root / ("alone.cpp" if "c++" in command else "alone.c")
                source.write_text(include + "typedef int translation_units_are_not_empty;\n")
                staged.run([*command, f"-I{stage.headers}", str(source)])
        print(f"{len(headers)} headers, {len(as_c)} C and {len(as_cpp)} C++ compilers")


main()
