# SPDX-License-Identifier: MIT
"""The functional tests of a build directory in a virtual machine that holds nothing but programs and libraries.

    vm_suite.py commands BUILD LOG [NAME...]    what is still to run: a line for each, title, tab, command
    vm_suite.py report BUILD LOG [NAME...]      what LOG says of them; status 0: all ran, and none failed

Standard input is what `meson introspect --tests BUILD` says; a NAME chooses the tests whose names contain it. LOG
is what every machine so far has printed (tests/vm/init.c). A title is a test's name with a sum of the files that it
is made of, so a result counts for these files only, and a suite goes on where a machine was stopped.
"""

import functools
import hashlib
import json
import os
import pathlib
import re
import shlex
import sys

import testlog

SUITES = {"api", "contract", "options", "race", "pool", "ring", "facade", "cpp"}
VARIABLES = {"LD_LIBRARY_PATH"}  # the others are for sanitizers
TEST_DIRECTORY = "/tmp"
PATIENCE = "tests/vm/libvm-patience.so"  # what emulation takes longer
SANITIZER = b"libasan.so"  # which insists on being loaded first
# At the end of a line: what a program says last may lack its newline.
VERDICT = re.compile(r"(running|passed|FAILED|skipped) +(\S.* \[[0-9a-f]{8}\])(?: \((.*)\))?$")
NOT_RUN = ("not run", None, "")


def is_functional(test):
    suites = {suite.split(":")[-1] for suite in test["suite"]}
    return bool(suites & SUITES)


def is_program_of(build, test):
    """Compilers, interpreters and valgrind are not in the machine, and timing is of no use there."""
    program = os.path.abspath(test["cmd"][0])
    return program.startswith(build + os.sep) and "bench" not in program.split(os.sep)


def command_of(build, test):
    variables = {}
    if SANITIZER not in pathlib.Path(test["cmd"][0]).read_bytes():
        variables["LD_PRELOAD"] = os.path.join(build, PATIENCE)
    variables |= {name: value for name, value in test["env"].items() if name in VARIABLES}
    if "AURAIO_TEST_DIR" in test["env"]:
        variables["AURAIO_TEST_DIR"] = TEST_DIRECTORY
    words = [os.path.relpath(test["cmd"][0]), *test["cmd"][1:]]
    settings = [f"{name}={shlex.quote(value)}" for name, value in variables.items()]
    return " ".join(settings + [shlex.quote(word) for word in words])


@functools.cache
def sum_of_libraries(build):
    paths = sorted(pathlib.Path(build).rglob("libauraio*.so"))
    return b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)


def title_of(build, test):
    made_of = [
        sum_of_libraries(build),
        pathlib.Path(build, PATIENCE).read_bytes(),
        pathlib.Path(test["cmd"][0]).read_bytes(),
        command_of(build, test).encode(),
    ]
    return f"{test['name']} [{hashlib.sha256(b''.join(made_of)).hexdigest()[:8]}]"


def verdicts(log):
    """Title: (verdict, details, what the program said), the last of each. Running: the machine ended before."""
    found, said = {}, []
    for line in testlog.colourless(log).splitlines():
        match = VERDICT.search(line)
        if match:
            found[match[2]] = (match[1], match[3], "\n".join(said))
            said = []
        else:
            said.append(line)
    return found


def report(titles, found):
    """Programs that did not simply pass, tests that were skipped, and the counts of both."""
    programs = dict.fromkeys(["passed", "FAILED", "skipped", "not run"], 0)
    tests = 0
    for title in titles:
        verdict, details, said = found.get(title, NOT_RUN)
        if verdict == "running":
            verdict, details = "not run", "not to its end"
        passed = testlog.count({"result": "OK"}, said)[0] if verdict == "passed" else 0
        if verdict == "passed" and passed == 0:
            verdict = "skipped"  # each test in it was
        tests += passed
        name = title.rsplit(" ", 1)[0]
        programs[verdict] += 1
        reasons = dict.fromkeys(testlog.SKIP_LINE.findall(said))
        for reason in reasons:
            print(f"skipped  {name}: {reason}")
        if verdict == "skipped" and not reasons:
            print(f"skipped  {name}: no reason given")
        if verdict in ("FAILED", "not run"):
            print(f"{verdict:<8} {name}" + (f" ({details})" if details else ""))
    print(", ".join(f"{count} {verdict.lower()}" for verdict, count in programs.items()) + f"; {tests} tests passed")
    return programs["passed"] > 0 and programs["FAILED"] + programs["not run"] == 0


def main(what, build, log, *names):
    build = os.path.abspath(build)
    tests = [test for test in json.load(sys.stdin) if is_functional(test) and is_program_of(build, test)]
    chosen = [test for test in tests if not names or any(name in test["name"] for name in names)]
    if not chosen:
        sys.exit(f"./dev: there is no functional test with {' or '.join(names)} in its name")
    path = pathlib.Path(log)
    found = verdicts(path.read_text(encoding="utf-8", errors="replace") if path.exists() else "")
    titles = {title_of(build, test): test for test in chosen}
    if what == "report":
        sys.exit(0 if report(titles, found) else 1)
    # Last what a machine could not finish: it may take all the time there is again.
    for verdict in ("not run", "FAILED", "running"):
        for title, test in titles.items():
            if found.get(title, NOT_RUN)[0] == verdict:
                print(f"{title}\t{command_of(build, test)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
