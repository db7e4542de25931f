#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the documentation: blocks.py ROOT BUILD MESON PREFIX -- COMPILER... [-- C++ COMPILER...]

Every block of code in every page is compiled and run, as the word behind its fence says:

    c, cpp              a whole program: no warning, status 0
    c with FILE -lX     a part of one; docs/run/FILE is the rest, and includes it as BLOCK; not run without X
    sh                  commands, run by bash in a copy of the tree made of links, `build` being this build
    sh root             the same, where this runs as root
    sh static           the same, where the build has made static libraries
    text output         what the block above it prints, to the byte
    text, ini, json     nothing to run; ini and json must be that
    ... not-run: WHY    cannot run here, for that reason; these are counted apart

What they compile against is an installation of the build, as a user has it (tests/install/staged.py).
A page's blocks run one after the other in one folder, so that one may use what another made. Programs of the
manual pages (literal displays that begin with #include) are run like blocks of c.
"""

import concurrent.futures
import configparser
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass

FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
DISPLAY = re.compile(r"^\.Bd -literal[^\n]*\n(#include.*?)^\.Ed$", re.MULTILINE | re.DOTALL)
KINDS = ("c", "cpp", "sh", "text", "ini", "json", "yaml", "meson", "dockerfile")
DATA = ("text", "ini", "json")
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-result"]
STANDARD = {"c": ["-std=c11", "-D_GNU_SOURCE"], "cpp": ["-std=c++20"]}
SECONDS = 120


@dataclass
class Block:
    """A block: where it stands, how its fence describes it, what is in it."""

    page: str
    line: int
    kind: str
    how: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


class Wrong(Exception):
    """What is wrong with a block."""


def blocks_of(page, text):
    """The blocks of a page, in its order."""
    for match in FENCE.finditer(text):
        kind, _, how = match.group(1).partition(" ")
        yield Block(page, text.count("\n", 0, match.start()) + 1, kind, how.strip(), match.group(2))


def displays_of(page, text):
    """The programs of a manual page."""
    for match in DISPLAY.finditer(text):
        program = match.group(1).replace("\\&", "").replace("\\e", "\\")
        yield Block(page, text.count("\n", 0, match.start()) + 1, "c", "", program)


def pages(root):
    """Every page with its blocks; build directories have none of ours."""
    found = [*root.glob("*.md"), *root.glob("*/*.md"), *root.glob("*/*/*.md"), *root.glob("docs/man/*.[137]")]
    for path in sorted(found):
        inside = path.relative_to(root)
        if not inside.parts[0].startswith(("build", ".")):
            find = blocks_of if path.suffix == ".md" else displays_of
            yield list(find(str(inside), path.read_text(encoding="utf-8")))


def reason(block):
    """Why a block is not run; None when it is."""
    match = re.match(r"not-run: *(.*)$", block.how)
    if match and not match.group(1):
        raise Wrong("not-run needs a reason: say `not-run: WHY`")
    return match.group(1) if match else None


class Bench:
    """Where and with what blocks run."""

    def __init__(self, root, build, compilers):
        self.root = root
        self.build = build
        self.compilers = dict(zip(("c", "cpp"), compilers))
        self.static = False
        self.packages = {"c": ["libauraio", "auraio-adapt-sim"], "cpp": ["auraio-cpp"]}
        self.environment = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1")

    def use(self, stage):
        """Compile and run against an installation that was moved: its packages are told where they are now."""
        self.static = (stage.libraries / "libauraio.a").exists()
        folder = stage.libraries / "pkgconfig"
        for package in folder.glob("*.pc"):
            text = re.sub(r"(?m)^prefix=.*$", f"prefix={stage.prefix}", package.read_text(encoding="utf-8"))
            package.write_text(text, encoding="utf-8")
        self.environment |= {"PKG_CONFIG_PATH": str(folder), "LD_LIBRARY_PATH": str(stage.libraries)}

    def run(self, command, folder):
        """Run a command: what it printed. Wrong: it failed. Nothing it started outlives it."""
        with subprocess.Popen(
            command, cwd=folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
        ) as process:
            try:
                out, err = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                raise Wrong(f"not done after {SECONDS} seconds") from None
        if process.returncode != 0:
            name = command[0] if command[0] != "bash" else "it"
            raise Wrong(f"{name} ended with status {process.returncode}:\n{out}{err}")
        return out

    def compile(self, block, folder):
        """Compile a program, with its other part where it has one."""
        if block.kind not in self.compilers:
            return None
        source = folder / f"block-{block.line}.{block.kind}"
        source.write_text(block.text, encoding="utf-8")
        rest = re.match(r"with (\S+)((?: -l\w+)*)$", block.how)
        extra, libraries = [], rest.group(2).split() if rest else []
        if rest:
            extra = [f'-DBLOCK="{source}"']
            source = self.root / "docs" / "run" / rest.group(1)
            if not source.exists():
                raise Wrong(f"docs/run/{rest.group(1)} is not there: it must include BLOCK, and have a main()")
        elif block.how:
            raise Wrong(f"'{block.kind} {block.how}' is no way to run it: see docs/blocks.py")
        elif not re.search(r"\bmain\(", block.text):
            raise Wrong(f"no program: write the rest of it as docs/run/NAME, and say `{block.kind} with NAME`")
        if libraries and not self.links(block.kind, libraries, folder):
            return None
        flags = self.run(["pkg-config", "--cflags", "--libs", *self.packages[block.kind]], folder).split()
        program = folder / f"program-{block.line}"
        self.run(
            [*self.compilers[block.kind], *STANDARD[block.kind], *WARNINGS, "-g", *extra, str(source),
             "-o", str(program), *flags, *libraries], folder,
        )
        return program

    def links(self, kind, libraries, folder):
        """Whether libraries of others are installed."""
        empty = folder / f"empty.{kind}"
        empty.write_text("int main(void) { return 0; }\n", encoding="utf-8")
        try:
            self.run([*self.compilers[kind], str(empty), "-o", str(folder / "empty"), *libraries], folder)
        except Wrong:
            return False
        return True

    def shell(self, block, folder):
        """Run commands."""
        if block.how not in ("", "root", "static"):
            raise Wrong(f"'sh {block.how}' is no way to run it: see docs/blocks.py")
        if re.search(r"^\s*(?:sudo )?\./dev\b", block.text, re.MULTILINE):
            raise Wrong("./dev would configure and build under this test: say `sh not-run: WHY`")
        return self.run(["bash", "-euo", "pipefail", "-c", block.text], folder)

    def folder(self):
        """A folder for a page: the tree by links, and `build`."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="page-", dir=self.build))
        for entry in self.root.iterdir():
            if not entry.name.startswith(("build", ".")):
                (folder / entry.name).symlink_to(entry)
        (folder / "build").symlink_to(self.build)
        return folder


def check_data(block):
    """A block that is only shown."""
    if block.kind == "json":
        json.loads(block.text)
    elif block.kind == "ini":
        configparser.ConfigParser(interpolation=None, strict=False).read_string(block.text)


def run_block(bench, block, folder, before):
    """Run one block: (what became of it, what it printed)."""
    if block.kind not in KINDS:
        raise Wrong(f"the fence says '{block.kind}'; it may say {', '.join(KINDS)}")
    why = reason(block)
    if why:
        return f"not run: {why}", None
    if block.kind in DATA:
        check_data(block)
        if block.how == "output" and before is None:
            raise Wrong("'text output' stands right below the block that prints it")
        if block.how == "output" and before != block.text:
            raise Wrong(f"the block above printed:\n{before}")
        return "output" if block.how == "output" else "shown", None
    if block.kind == "sh":
        if block.how == "root" and os.geteuid() != 0:
            return "not run: needs root", None
        if block.how == "static" and not bench.static:
            return "not run: the build has no static libraries", None
        return "sh", bench.shell(block, folder)
    if block.kind not in STANDARD:
        raise Wrong(f"{block.kind} is not run: say `{block.kind} not-run: WHY`")
    program = bench.compile(block, folder)
    if program is None:
        return "not run: its compiler or a library of others is not installed", None
    return block.kind, bench.run([str(program)], folder)


def run_page(bench, page):
    """Run a page's blocks: (block, what became of it, complaint) of each."""
    results, before = [], None
    folder = bench.folder()
    try:
        for block in page:
            try:
                became, before = run_block(bench, block, folder, before)
                results.append((block, became, None))
            except (Wrong, ValueError, configparser.Error) as wrong:
                results.append((block, "failed", f"{block}: {wrong}"))
    finally:
        shutil.rmtree(folder)
    return results


def split(arguments):
    """The arguments between one -- and the next."""
    parts = [[]]
    for argument in arguments:
        if argument == "--":
            parts.append([])
        else:
            parts[-1].append(argument)
    return parts


def count(results):
    """A sentence for each thing that became of blocks."""
    sums = {}
    for _, became, _ in results:
        sums[became] = sums.get(became, 0) + 1
    programs = sums.get("c", 0) + sums.get("cpp", 0)
    yield (f"{programs + sums.get('sh', 0)} blocks run: {sums.get('c', 0)} C and {sums.get('cpp', 0)} C++ programs "
           f"compiled and run, {sums.get('sh', 0)} of commands; {sums.get('output', 0)} outputs compared")
    yield f"{sums.get('shown', 0)} blocks that are no code"
    apart = [(block, became) for block, became, _ in results if became.startswith("not run")]
    yield f"{len(apart)} blocks not run:"
    for block, became in apart:
        yield f"  {block}: {block.kind}, {became}"


def main(arguments):
    """Run everything; the exit status says whether all was well."""
    (root, build, meson, prefix), *compilers = split(arguments)
    bench = Bench(pathlib.Path(root), pathlib.Path(build), compilers)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(bench.root / "tests" / "install"))
    import staged  # pylint: disable=import-error,import-outside-toplevel

    with staged.staged(meson, build, prefix) as stage:
        bench.use(stage)
        with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            done = list(pool.map(lambda page: run_page(bench, page), pages(bench.root)))
    results = [result for page in done for result in page]
    complaints = [complaint for _, _, complaint in results if complaint]
    print("\n\n".join(complaints), end="\n\n" if complaints else "")
    print("\n".join(count(results)))
    return 1 if complaints or not results else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
