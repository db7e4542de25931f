# SPDX-License-Identifier: MIT
"""libauraio.so exports exactly the functions that auraio.h and those in auraio/ declare, each with a version;
libauraio.a has all. A build that makes only one of them is held to that one.

usage: symbols.py MESON BUILD PREFIX
"""

import re
import sys

import staged


def declared(header):
    """Names of the functions a header declares for export."""
    text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.DOTALL)
    text = re.sub(r"//.*", "", text)
    text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*", "", text, flags=re.MULTILINE)
    return set(re.findall(r"\bAURAIO_API\b[^;{]*?\b(\w+)\s*\(", text))


def symbols(*command):
    """(name, type) of each symbol nm lists."""
    lines = (line.split() for line in staged.run(["nm", "--defined-only", *command]).splitlines())
    return {(fields[-1], fields[-2]) for fields in lines if len(fields) >= 2}


def check_shared(functions, library):
    exported = {name for name, kind in symbols("--dynamic", "--with-symbol-versions", library) if kind != "A"}
    unversioned = sorted(name for name in exported if not re.search(r"@@?AURAIO_\d", name))
    if unversioned:
        staged.fail(f"without a version of ours: {unversioned}")
    names = {name.split("@")[0] for name in exported}
    foreign = sorted(name for name in names if not name.startswith("auraio_"))
    if foreign or names != functions:
        staged.fail(
            f"{library}: declared, not exported: {sorted(functions - names)}; "
            f"exported, not declared: {sorted(names - functions)}"
        )


def check_static(functions, library):
    defined = {name for name, kind in symbols(library) if kind in "TW"}
    if not functions <= defined:
        staged.fail(f"{library} lacks {sorted(functions - defined)}")


def check_soname(library):
    found = re.search(r"SONAME.*\[(.*)\]", staged.run(["readelf", "--dynamic", library]))
    if found is None or not re.fullmatch(r"libauraio\.so\.\d+", found.group(1)):
        staged.fail(f"{library} has no versioned soname: {found and found.group(1)}")


def main():
    with staged.staged(*sys.argv[1:]) as stage:
        headers = [stage.headers / "auraio.h", *(stage.headers / "auraio" / name for name in ("metrics.h", "sim.h"))]
        functions = set().union(*(declared(header) for header in headers))
        if len(functions) < 40:
            staged.fail(f"only {len(functions)} declarations were found: {sorted(functions)}")
        for linking in stage.linkings():
            library = str(stage.libraries / f"libauraio.{'so' if linking == 'shared' else 'a'}")
            if linking == "shared":
                check_shared(functions, library)
                check_soname(library)
            else:
                check_static(functions, library)
            print(f"{library}: {len(functions)} functions declared and there")


main()
