# SPDX-License-Identifier: MIT
"""The check of the interface is checked: changes that it must refuse are made on a copy, one at a time.

usage: mutate.py CHECK VERSION MAP RECORD HEADERS BUILT-HEADERS COMPILER...
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

SECONDS = 60
DECLARED = "AURAIO_API int auraio_poll(auraio_engine_t *engine);"
# what is done | in the header or the map | regular expression | replacement | what must be said
MUTATIONS = [
    ("a function without a version node", "header", re.escape(DECLARED),
     DECLARED + "\n\n/** Polls a new way. */\nAURAIO_API int auraio_poll_more(auraio_engine_t *engine);",
     "auraio_poll_more() is in no version node"),
    ("a function without documentation", "header", re.escape(DECLARED),
     DECLARED + "\n\nAURAIO_API int auraio_poll_more(auraio_engine_t *engine);",
     "auraio_poll_more() has no documentation"),
    ("an inline function without documentation", "header", re.escape(DECLARED),
     DECLARED + "\n\nAURAIO_INLINE int auraio_one(void)\n{\n    return 1;\n}",
     "auraio_one() has no documentation"),
    ("a comment that is not right above its function", "header", re.escape(DECLARED), "\n" + DECLARED,
     "auraio_poll() has no documentation"),
    ("a prototype that changes", "header", re.escape(DECLARED), DECLARED.replace("int ", "long "),
     "+AURAIO_0.1: long auraio_poll("),
    ("a function that goes", "header", re.escape(DECLARED), "extern int auraio_unrelated;",
     "auraio_poll is exported and no public header declares it"),
    ("a member in the middle of a struct", "header", r"(    int queue_depth; +/\*\*< kernel)", r"    int more;\n\1",
     "+ 8 more: int"),
    ("a member that grows", "header", r"    int max_pending; ", "    int64_t max_pending; ", "max_pending: int64_t"),
    ("a struct that grows", "header", r"(auraio_stats_t;)", r"\1\ntypedef struct auraio_more { int a; } auraio_more_t;",
     "+struct auraio_more, 4 bytes"),
    ("a reserved tail taken without being recorded", "header", r"uint64_t reserved\[8\];(\n\} auraio_stats_t;)",
     r"uint64_t more;\n    uint64_t reserved[7];\1", "reserved: uint64_t[7]"),
    ("an enumerator with another value", "header", r"AURAIO_OP_FSYNC = 5", "AURAIO_OP_FSYNC = 12",
     "12 AURAIO_OP_FSYNC"),
    ("a constant with another value", "header", r"(#define AURAIO_DECISIONS_MAX) 32", r"\1 64",
     "+constant AURAIO_DECISIONS_MAX 64"),
    ("a symbol that moves to another node", "map", r"    auraio_poll;\n((?:.*\n)*)",
     r"\1AURAIO_0.0 {\nglobal:\n    auraio_poll;\n} AURAIO_0.1;\n", "+AURAIO_0.0: int auraio_poll("),
    ("a symbol that two nodes have", "map", r"((?:.*\n)*)",
     r"\1AURAIO_0.0 {\nglobal:\n    auraio_poll;\n} AURAIO_0.1;\n", "auraio_poll is exported twice"),
    ("a symbol that nothing declares", "map", r"    auraio_poll;", "    auraio_poll;\n    auraio_inside;",
     "auraio_inside is exported and no public header declares it"),
    ("a node that follows none", "map", r"((?:.*\n)*)", r"\1AURAIO_0.0 {\nglobal:\n    auraio_more;\n};\n",
     "node AURAIO_0.0 follows '', not 'AURAIO_0.1'"),
    ("a node newer than the library", "map", r"((?:.*\n)*)",
     r"\1AURAIO_99.0 {\nglobal:\n    auraio_more;\n} AURAIO_0.1;\n", "newer than the library"),
]


def refuse(message):
    """End the test with a reason."""
    print(message)
    sys.exit(1)


class Copy:
    """A copy of the interface, and the check of it."""

    def __init__(self, folder, arguments):
        check, self.version, version_map, self.record, headers, built, *self.compiler = arguments
        self.check = [sys.executable, check]
        self.built = built
        self.headers = pathlib.Path(shutil.copytree(headers, folder / "include"))
        self.files = {"header": self.headers / "auraio.h", "map": pathlib.Path(shutil.copy(version_map, folder))}

    def run(self):
        """(status, what it said)"""
        done = subprocess.run(
            [*self.check, "--version", self.version, "--map", self.files["map"], "--record", self.record,
             "--headers", self.headers, *self.compiler, f"-I{self.headers}", f"-I{self.built}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False,
        )
        return done.returncode, done.stdout

    def mutated(self, where, pattern, replacement):
        """The check's answer about a mutation, which is undone."""
        path = self.files[where]
        before = path.read_text(encoding="utf-8")
        after, count = re.subn(pattern, replacement, before, count=1)
        if count != 1:
            refuse(f"{pattern!r} is not in {path.name}: this test must follow it")
        path.write_text(after, encoding="utf-8")
        answer = self.run()
        path.write_text(before, encoding="utf-8")
        return answer


def main():
    """Every mutation must be refused for its own reason, and the interface as it is must pass."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(pathlib.Path(folder), sys.argv[1:])
        status, said = copy.run()
        if status != 0:
            refuse(f"the interface as it is:\n{said}")
        for name, where, pattern, replacement, expected in MUTATIONS:
            status, said = copy.mutated(where, pattern, replacement)
            if status == 0 or expected not in " ".join(said.split()):
                refuse(f"{name}: status {status}, and not '{expected}' but:\n{said}")
            print(f"refused: {name}")
        print(f"{len(MUTATIONS)} changes refused")


main()
