# SPDX-License-Identifier: MIT
"""An installation of the build in a directory of its own, and programs compiled against it.

Every test of this folder installs first (meson install with a DESTDIR), so that what it looks at is what a
user gets: headers, libraries and pkg-config files. Nothing outside the directory is touched.
"""

import contextlib
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
SECONDS = 120


def fail(message):
    """End the test with a reason."""
    print(message, file=sys.stderr)
    sys.exit(1)


def skip(message):
    """End the test, which cannot be run here, with the reason printed."""
    print("skipped: " + message)
    sys.exit(SKIPPED)


def run(command, **options):
    """Run a command; what it printed when it succeeded, the end of the test when it did not."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, **options
    )
    if done.returncode != 0:
        fail(f"{shlex.join(map(str, command))}: status {done.returncode}\n{done.stdout}")
    return done.stdout


class Stage:
    """Where the build was installed to."""

    def __init__(self, root, prefix):
        self.root = root
        self.prefix = root / prefix.relative_to("/")
        self.headers = self.prefix / "include"
        found = sorted(self.prefix.rglob("libauraio.pc"))
        if len(found) != 1:
            fail(f"expected one libauraio.pc under {self.prefix}, found {found}")
        self.libraries = found[0].parent.parent

    def linkings(self):
        """The ways a program can be linked with what this build makes: "shared" comes first."""
        kinds = {"shared": "libauraio.so", "static": "libauraio.a"}
        found = [kind for kind, library in kinds.items() if (self.libraries / library).exists()]
        if not found:
            fail(f"neither of {list(kinds.values())} is in {self.libraries}")
        return found

    def flags(self, *options, package="libauraio"):
        """What pkg-config says about a package, with its prefix where it was staged."""
        environment = dict(os.environ)
        environment["PKG_CONFIG_PATH"] = str(self.libraries / "pkgconfig")
        command = ["pkg-config", f"--define-variable=prefix={self.prefix}", "--cflags", "--libs"]
        return shlex.split(run([*command, *options, package], env=environment))

    def compile(self, compiler, source, program, *options, package="libauraio"):
        """Compile a source as a user would. The compiler must have nothing to say about it."""
        said = run([*compiler, str(source), "-o", str(program), *self.flags(*options, package=package)])
        if said.strip():
            fail(f"compiling {source.name} is not silent:\n{said}")

    def execute(self, program):
        """What a program prints, with the staged shared libraries."""
        environment = dict(os.environ, LD_LIBRARY_PATH=str(self.libraries))
        return run([str(program)], env=environment)


@contextlib.contextmanager
def staged(meson, build, prefix):
    """Install a build directory to a temporary one."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="stage-", dir=build))
    try:
        run([*shlex.split(meson), "install", "--quiet", "--no-rebuild", "-C", build, "--destdir", str(root)])
        yield Stage(root, pathlib.Path(prefix))
    finally:
        shutil.rmtree(root, ignore_errors=True)
