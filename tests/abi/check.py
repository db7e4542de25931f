# SPDX-License-Identifier: MIT
"""Hold a library's interface to its rules (docs/abi.md).

* every function that its public headers declare is documented, and in exactly one version node of its map;
* the map exports nothing else, its nodes follow one another, and none is newer than the library;
* the shared library exports what the map says, each function with its node;
* prototypes, nodes, constants and layouts are what the record says. The record is a file of the tree, written by
  --write, so that every change of the interface is seen in review.

usage: check.py [--write] [--library LIBRARY] --version VERSION --map MAP --record RECORD --headers FOLDER COMPILER...
"""

import argparse
import difflib
import pathlib
import re
import sys

import header
import layout


def parse():
    """The command line. The headers are all those of a folder."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--library")
    parser.add_argument("--version", required=True)
    for name in ("map", "record", "headers"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    parser.add_argument("compiler", nargs=argparse.REMAINDER)
    return parser.parse_args()


def check_documented(functions):
    """Complaints about functions without a comment right above them."""
    for function in functions:
        if not function.documented:
            yield f"{function.place}: {function.name}() has no documentation: a comment right above it"


def check_nodes(functions, nodes, path):
    """Complaints about what is declared and not exported, exported and not declared, or exported twice."""
    declared = {function.name: function for function in functions if function.kind == "function"}
    exported = [symbol for node in nodes for symbol in node.symbols]
    for name in sorted(declared.keys() - set(exported)):
        yield (
            f"{declared[name].place}: {name}() is in no version node: add the line\n"
            f"    {name};\nto the newest node of {path}, {nodes[-1].name}, or to one for the next release"
        )
    for name in sorted(set(exported) - declared.keys()):
        yield f"{path}: {name} is exported and no public header declares it"
    for name in sorted({name for name in exported if exported.count(name) > 1}):
        yield f"{path}: {name} is exported twice"


def check_chain(nodes, version, path):
    """Complaints about the order of version nodes."""
    for node, parent in zip(nodes, [None, *nodes]):
        wanted = parent.name if parent else ""
        if node.parent != wanted:
            yield f"{path}: node {node.name} follows '{node.parent}', not '{wanted}'"
    number = tuple(map(int, nodes[-1].name.rsplit("_", 1)[1].split(".")))
    if number > tuple(map(int, version.split(".")[:2])):
        yield f"{path}: node {nodes[-1].name} is newer than the library, which is {version}: raise VERSION"


def check_library(nodes, library):
    """Complaints about what a shared library exports. A library instrumented for tests exports more."""
    said = layout.run(["nm", "--dynamic", "--defined-only", "--with-symbol-versions", library])
    symbols = [line.split() for line in said.splitlines()]
    there = {fields[2].replace("@@", "@") for fields in symbols if len(fields) == 3 and fields[1] != "A"}
    wanted = {f"{symbol}@{node.name}" for node in nodes for symbol in node.symbols}
    for symbol in sorted(wanted - there):
        yield f"{library} does not export {symbol}"
    for symbol in sorted(there - wanted):
        yield f"{library} exports {symbol}, which the map does not name"


def describe(options, headers, functions, nodes):
    """The interface, line by line: what the record holds."""
    node_of = {symbol: node.name for node in nodes for symbol in node.symbols}
    yield "# The interface, as written by `./dev abi record`. Offsets and sizes in bytes, with pointers of eight."
    for function in sorted(functions, key=lambda function: function.name):
        where = node_of.get(function.name, "inline" if function.kind == "inline" else "in no node")
        yield f"{where}: {function.prototype}"
    for path in headers:
        for name, value in header.constants(path):
            yield f"constant {name} {value}"
    includes = [str(path.relative_to(options.headers)) for path in headers]
    for _, lines in layout.Layouts(options.compiler, includes).all():
        yield from lines


def check_record(lines, path):
    """A complaint when the interface is not what the record says."""
    recorded = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    changes = [
        line
        for line in difflib.unified_diff(recorded, lines, n=0, lineterm="")
        if re.match(r"[-+](?![-+]{2} )", line)
    ]
    if changes:
        yield (
            f"the interface is not what {path} says:\n"
            + "\n".join(changes)
            + "\nWhat programs were built with must stay (docs/abi.md). If this change is allowed, write it down with\n"
            "    ./dev abi record\nand commit the record with the change."
        )


def main():
    """Print every complaint; the exit status says whether there was one."""
    options = parse()
    headers = sorted(options.headers.rglob("*.h"))
    functions = [function for path in headers for function in header.functions(path)]
    nodes = list(header.nodes(options.map))
    if not functions or not nodes:
        sys.exit(f"no function in {options.headers}, or no version node in {options.map}")
    lines = list(describe(options, headers, functions, nodes))
    complaints = [
        *check_documented(functions),
        *check_nodes(functions, nodes, options.map),
        *check_chain(nodes, options.version, options.map),
        *(check_library(nodes, options.library) if options.library else []),
    ]
    if options.write:
        options.record.write_text("\n".join(lines) + "\n", encoding="utf-8")
    complaints += check_record(lines, options.record)
    print("\n\n".join(complaints) or f"{len(functions)} functions, {len(nodes)} version nodes, {len(lines)} lines recorded")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
