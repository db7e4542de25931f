#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual's section 3, made from the comments in the public headers: pages.py ROOT COMMAND

    list            the files that `write` makes, one a line: a page for each family, a link for each function
    write FOLDER    make them
    check           every function is documented, and on a page; every name in families.ini is in a header

families.ini says which functions share a page; what the pages say comes from the headers alone.
"""

import configparser
import pathlib
import re
import sys

sys.dont_write_bytecode = True  # the tree stays as it is

# pylint: disable=wrong-import-position
import comment  # noqa: E402
import header  # noqa: E402
from mdoc import Writer  # noqa: E402

TABLE = "docs/man/families.ini"
PUBLIC = ("*/include/auraio*.h", "*/include/auraio/*.h", "*/*/include/auraio/*.h")


class Manual:
    """The table of families, and the headers."""

    def __init__(self, root):
        self.root = root
        self.table = configparser.ConfigParser(interpolation=None)
        self.table.read_string((root / TABLE).read_text(encoding="utf-8"))
        self.families = {name: self.table[name] for name in self.table.sections()}
        self.overviews = {family["header"]: name for name, family in self.families.items() if "header" in family}
        self.headers = {
            path: header.parse((root / path).read_text(encoding="utf-8")) for path in self.overviews
        }
        self.page_of = {
            function: name for name, family in self.families.items() for function in functions_of(family)
        }

    def header_of(self, name):
        """The path of the header that a family's functions are in."""
        family = self.families[name]
        first = functions_of(family)
        found = [path for path, content in self.headers.items() if first and first[0] in content.functions]
        return family.get("header") or (found[0] if found else None)

    def find(self, kind, name):
        """A function, type or constant of any header."""
        for content in self.headers.values():
            found = getattr(content, kind).get(name)
            if found:
                return found
        return None


def functions_of(family):
    """The functions that share a page."""
    return family.get("functions", "").split()


def write_start(page, manual, name, version):
    """Everything down to the synopsis."""
    family = manual.families[name]
    path = manual.header_of(name)
    overview = manual.families[manual.overviews[path]]
    functions = functions_of(family)
    page.lines.append(f'.\\" Made from {path} by docs/man/pages.py: correct it there.')
    page.lines += [f".Dd {family['date']}", f".Dt {name.upper()} 3", f".Os AuraIO {version}"]
    page.section("NAME")
    names = functions or [name]
    for function in names[:-1]:
        page.lines.append(f".Nm {function} ,")
    page.lines += [f".Nm {names[-1]}", f".Nd {family['what']}"]
    page.section("LIBRARY")
    page.lines.append(f"{overview['package']}: compile and link with what")
    page.lines.append(f".Ql pkg-config --cflags --libs {overview['package']}")
    page.lines.append("says.")
    page.section("SYNOPSIS")
    page.macro("In", overview["include"])


def write_prototypes(page, manual, functions):
    """The synopsis of functions."""
    for name in functions:
        function = manual.find("functions", name)
        page.macro("Ft", function.result)
        page.macro("Fo", name)
        for parameter in function.parameters or ["void"]:
            page.macro("Fa", parameter)
        page.macro("Fc")


def write_parameters(page, parameters):
    """What a comment says of each parameter."""
    if not parameters:
        return
    page.lines.append(".Bl -tag -width Ds")
    for name, said in parameters.items():
        page.macro("It", "Fa", name)
        page.paragraph(said[:1].upper() + said[1:])
    page.lines.append(".El")


def write_members(page, kind):
    """Fields or constants. Reserved ones concern nobody who reads a manual."""
    members = [member for member in kind.members if "reserved" not in member.text]
    if not members:
        return
    page.lines.append(".Bl -tag -width Ds")
    for member in members:
        if kind.kind == "enum":
            page.macro("It", "Dv", member.text.split()[0])
        else:
            page.macro("It", "Vt", member.text)
        if member.comment:
            page.text(member.comment)
    page.lines.append(".El")


def write_types(page, manual, family):
    """Types and constants that the functions of a page use."""
    for name in family.get("types", "").split():
        kind = manual.find("types", name)
        page.lines.append(f".Ss {'Constants ' + name if name.isupper() else name}")
        if kind.kind == "function":
            page.literal(kind.declaration)
        said = comment.parse(kind.comment)
        page.text(said.text)
        write_parameters(page, said.parameters)
        write_members(page, kind)
    constants = family.get("constants", "").split()
    if constants:
        page.lines += [".Ss Constants", ".Bl -tag -width Ds"]
        for name in constants:
            constant = manual.find("constants", name)
            page.lines.append(f".It Dv {name} Pq {constant.text}")
            if constant.comment:
                page.text(constant.comment)
        page.lines.append(".El")


def write_description(page, manual, family, said):
    """What each function does. Functions with one comment between them stand together."""
    page.section("DESCRIPTION")
    before = None
    for number, name in enumerate(functions_of(family)):
        text = manual.find("functions", name).comment
        following = functions_of(family)[number + 1:number + 2]
        if following and manual.find("functions", following[0]).comment == text:
            before = f"{before}, {name}()" if before else f"{name}()"
            continue
        if len(functions_of(family)) > 1:
            page.lines.append(f".Ss {before + ', ' if before else ''}{name}()")
        before = None
        page.text(said[name].text)
        write_parameters(page, said[name].parameters)
    write_types(page, manual, family)


def write_returns(page, family, said):
    """Return values and errors."""
    same = family.get("as")
    returned = {name: words for name, words in said.items() if words.returned}
    if returned or same:
        page.section("RETURN VALUES")
    if same:
        page.paragraph(f"A handle, or NULL with errno set, as {same}().")
    elif returned:
        page.lines.append(".Bl -tag -width Ds")
        for name, words in returned.items():
            page.macro("It", "Fn", name)
            page.paragraph(words.returned[:1].upper() + words.returned[1:])
        page.lines.append(".El")
    failing = {name: words for name, words in said.items() if words.errors or words.other_errors}
    if not failing and not same:
        return
    page.section("ERRORS")
    if same:
        page.paragraph(f"The errors of {same}() when it is submitted; in the callback a negative errno, as from "
                       "the system call of that name.")
    first = not same
    for name, words in failing.items():
        if not first:
            page.lines.append(".Pp")
        first = False
        page.paragraph(f"{name}() fails with:")
        page.lines.append(".Bl -tag -width Er")
        for error, meaning in words.errors.items():
            page.lines.append(f".It Bq Er {error}")
            page.paragraph(meaning[:1].upper() + meaning[1:] + ".")
        page.lines.append(".El")
        if words.other_errors:
            page.paragraph(f"Or with {words.other_errors}.")


def write_overview(page, manual, name):
    """What a header says about itself, and an index of its pages."""
    path = manual.families[name]["header"]
    page.section("DESCRIPTION")
    page.text(manual.headers[path].about)
    page.lines += [".Ss Index", ".Bl -tag -width auraio_get_backend_info"]
    for other in manual.families:
        if functions_of(manual.families[other]) and manual.header_of(other) == path:
            page.lines += [f".It Xr {other} 3", manual.families[other]["what"]]
    page.lines.append(".El")


def render(manual, name, version):
    """One page."""
    family = manual.families[name]
    page = Writer(name, manual.page_of)
    write_start(page, manual, name, version)
    if "overview" in family:
        write_overview(page, manual, name)
    else:
        said = {one: comment.parse(manual.find("functions", one).comment) for one in functions_of(family)}
        write_prototypes(page, manual, said)
        write_description(page, manual, family, said)
        write_returns(page, family, said)
    page.section("SEE ALSO")
    see = sorted((section, title) for title, section in re.findall(r"([\w-]+)\((\d)\)", family["see"]))
    for number, (section, title) in enumerate(see):
        page.lines.append(f".Xr {title} {section}{' ,' if number + 1 < len(see) else ''}")
    return page.page_text()


def links(manual):
    """Functions that are on the page of another."""
    return {function: page for function, page in manual.page_of.items() if function not in manual.families}


def write(manual, folder):
    """Every page, and a link for each function that is on another's."""
    version = (manual.root / "VERSION").read_text(encoding="utf-8").strip()
    folder.mkdir(parents=True, exist_ok=True)
    for name in manual.families:
        (folder / f"{name}.3").write_text(render(manual, name, version), encoding="utf-8")
    for function, page in links(manual).items():
        (folder / f"{function}.3").write_text(f".so man3/{page}.3\n", encoding="utf-8")


def undocumented(manual):
    """Functions without a comment, with one that can't be read, or without a page."""
    for path, content in manual.headers.items():
        for name, function in content.functions.items():
            if not function.comment:
                yield (f"{path}: {name}() has no comment: say above it what it does, its parameters with their "
                       "units, who owns what, what it returns and each error")
                continue
            try:
                said = comment.parse(function.comment)
            except ValueError as wrong:
                yield f"{path}: the comment on {name}(): {wrong}"
                continue
            named = {header.parameter_name(parameter) for parameter in function.parameters}
            for parameter in set(said.parameters) - named:
                yield f"{path}: the comment on {name}() has a parameter '{parameter}', the function has none"
            if name not in manual.page_of:
                yield (f"{path}: {name}() is on no page of the manual: add it to `functions` of its family in "
                       f"{TABLE}, or begin a new family there")


def unknown(manual):
    """Names in the table that no header has."""
    for page, family in manual.families.items():
        for kind in ("functions", "types", "constants"):
            for name in family.get(kind, "").split():
                if not manual.find(kind, name):
                    yield f"{TABLE}: [{page}] names {name}, which no public header declares: take it out"
        for title, section in re.findall(r"([\w-]+)\((\d)\)", family.get("see", "")):
            if title.startswith("auraio") and section == "3":
                if title not in manual.families and title not in manual.page_of:
                    yield f"{TABLE}: [{page}] refers to {title}({section}), which is not there"


def uncovered(manual):
    """Public headers and types that no page shows."""
    for pattern in PUBLIC:
        for path in manual.root.glob(pattern):
            inside = str(path.relative_to(manual.root))
            built = (manual.root / inside.split("/")[0] / "meson-info").exists()
            if inside not in manual.headers and not built:
                yield (f"{inside} is a public header that {TABLE} doesn't know: begin a "
                       "section there with `header`, `include`, `package` and `overview = yes`")
    shown = {name for family in manual.families.values() for name in family.get("types", "").split()}
    for path, content in manual.headers.items():
        for name in content.types:
            if name not in shown:
                yield f"{path}: no page shows {name}: add it to `types` of a family in {TABLE}"


def check(manual):
    """Everything that is wrong."""
    return [*undocumented(manual), *unknown(manual), *uncovered(manual)]


def main(arguments):
    """Do what is asked for."""
    manual = Manual(pathlib.Path(arguments[0]))
    if arguments[1] == "check":
        complaints = check(manual)
        print("\n".join(complaints) or f"{len(manual.page_of)} functions, {len(manual.families)} pages")
        return 1 if complaints else 0
    if arguments[1] == "list":
        print("\n".join(f"{name}.3" for name in [*manual.families, *links(manual)]))
    else:
        write(manual, pathlib.Path(arguments[2]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
