# SPDX-License-Identifier: MIT
"""The programs of the documentation compile with what pkg-config says, shared and static, and do their work.

usage: programs.py MESON BUILD PREFIX COMPILER...
"""

import pathlib
import subprocess
import sys

import staged

SOURCES = pathlib.Path(__file__).parent
HOSTNAME = pathlib.Path("/etc/hostname")


def is_shared(program):
    """Whether a program loads libauraio.so."""
    said = subprocess.run(["readelf", "--dynamic", str(program)], stdout=subprocess.PIPE, text=True, check=True)
    return "libauraio.so" in said.stdout


def check_quick_start(output):
    content = HOSTNAME.read_text()
    expected = f"Read {len(content)} bytes\nContent: {content}"
    if output != expected:
        staged.fail(f"the quick start printed {output!r}, not {expected!r}")


def check_migrated(output):
    content = HOSTNAME.read_text()
    if output != content:
        staged.fail(f"the migrated program printed {output!r}, not {content!r}")


def main():
    stage_arguments, compiler = sys.argv[1:4], sys.argv[4:]
    if not HOSTNAME.exists():
        staged.skip(f"{HOSTNAME}, which the quick start reads, is not there")
    with staged.staged(*stage_arguments) as stage:
        for linking in stage.linkings():
            if linking == "static":
                # The linker takes a shared library when it finds both.
                for library in stage.libraries.glob("libauraio.so*"):
                    library.unlink()
            options = ["--static"] if linking == "static" else []
            for name, check in (("quickstart", check_quick_start), ("migrated", check_migrated)):
                program = stage.root / f"{name}-{linking}"
                stage.compile(compiler, SOURCES / f"{name}.c", program, *options)
                if is_shared(program) != (linking == "shared"):
                    staged.fail(f"{program.name} is not linked {linking}")
                check(stage.execute(program))


main()
