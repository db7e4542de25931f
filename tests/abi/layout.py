# SPDX-License-Identifier: MIT
"""Layouts of the types that headers define: sizes, offsets, enumerators, as the compiler's debugging information has
them. So nothing is listed by hand: a type is looked at because a header defines it.
"""

import re
import subprocess
import tempfile

SECONDS = 60
DEBUG = ["-g", "-gdwarf-4", "-fno-eliminate-unused-debug-types", "-O0", "-D_GNU_SOURCE"]
ENTRY = re.compile(r"<(\d+)><([0-9a-f]+)>: Abbrev Number: \d+ \((DW_TAG_\w+)\)")
ATTRIBUTE = re.compile(r"<[0-9a-f]+>\s+(DW_AT_\w+)\s*:\s*(.*)")
# gcc and clang spell some types differently.
SPELLINGS = {
    "long int": "long",
    "long unsigned int": "unsigned long",
    "short int": "short",
    "short unsigned int": "unsigned short",
    "long long int": "long long",
    "long long unsigned int": "unsigned long long",
}


class Entry:
    """One entry of the debugging information: a type, a member, an enumerator, bounds of an array."""

    def __init__(self, tag):
        self.tag = tag
        self.attributes = {}
        self.children = []

    @property
    def name(self):
        """Its name, or nothing: the value that follows where it is stored."""
        value = self.attributes.get("DW_AT_name", "")
        return value.rsplit(": ", 1)[-1] if "offset" in value or "indexed" in value else re.sub(r"^\(\w+\) ", "", value)

    def number(self, attribute, default=0):
        """A numeric attribute."""
        value = re.sub(r"^\(\w+\)\s*", "", self.attributes.get(attribute, str(default)))
        return int(value.split()[0], 0)

    @property
    def refers(self):
        """What its type attribute refers to, or None."""
        found = re.search(r"<0x([0-9a-f]+)>", self.attributes.get("DW_AT_type", ""))
        return int(found.group(1), 16) if found else None


def run(command, text=None):
    """What a command prints."""
    done = subprocess.run(
        command, input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
    return done.stdout


def entries(compiler, includes):
    """All entries by their offset, of an object file that includes nothing but the headers."""
    source = "".join(f"#include <{name}>\n" for name in includes)
    with tempfile.NamedTemporaryFile(suffix=".o") as made:
        run([*compiler, *DEBUG, "-x", "c", "-", "-c", "-o", made.name], source)
        dump = run(["readelf", "--wide", "--debug-dump=info", made.name])
    found, open_entries, entry = {}, [], None
    for line in dump.splitlines():
        if begun := ENTRY.search(line):
            depth = int(begun.group(1))
            entry = found[int(begun.group(2), 16)] = Entry(begun.group(3))
            del open_entries[depth:]
            if open_entries:
                open_entries[-1].children.append(entry)
            open_entries.append(entry)
        elif entry and (attribute := ATTRIBUTE.search(line)):
            entry.attributes[attribute.group(1)] = attribute.group(2).strip()
    return found


class Layouts:
    """Types of an object file, described a line a member."""

    def __init__(self, compiler, includes):
        self.entries = entries(compiler, includes)

    def target(self, entry):
        """The type that an entry has."""
        return self.entries.get(entry.refers)

    def spell(self, entry):
        """A type's name, as C writes it."""
        if entry is None:
            return "void"
        prefix = {"DW_TAG_structure_type": "struct ", "DW_TAG_union_type": "union ", "DW_TAG_enumeration_type": "enum "}
        if entry.tag == "DW_TAG_pointer_type":
            return self.spell(self.target(entry)) + " *"
        if entry.tag == "DW_TAG_const_type":
            return "const " + self.spell(self.target(entry))
        if entry.tag == "DW_TAG_subroutine_type":
            arguments = [self.spell(self.target(child)) for child in entry.children if child.refers is not None]
            return f"{self.spell(self.target(entry))} ({', '.join(arguments)})"
        if entry.tag == "DW_TAG_array_type":
            bounds = [child for child in entry.children if child.tag == "DW_TAG_subrange_type"]
            return self.spell(self.target(entry)) + "".join(f"[{self.length(bound)}]" for bound in bounds)
        return prefix.get(entry.tag, "") + (SPELLINGS.get(entry.name, entry.name) or "(unnamed)")

    @staticmethod
    def length(bound):
        """Elements of one dimension of an array."""
        return bound.number("DW_AT_count") or bound.number("DW_AT_upper_bound", -1) + 1

    def members(self, entry, base=0, path=""):
        """A line for each member; those of unnamed structs and unions inside by their path."""
        for member in entry.children:
            if member.tag != "DW_TAG_member":
                continue
            offset = base + member.number("DW_AT_data_member_location")
            name = path + member.name
            inner = self.target(member)
            if inner.tag in ("DW_TAG_structure_type", "DW_TAG_union_type") and not inner.name:
                yield from self.members(inner, offset, name + "." if member.name else path)
            else:
                yield f"    {offset:5} {name}: {self.spell(inner)}"

    def describe(self, name, entry):
        """The lines that describe a struct, union or enum."""
        if entry.tag == "DW_TAG_enumeration_type":
            yield f"enum {name}, {entry.number('DW_AT_byte_size')} bytes"
            for value in entry.children:
                yield f"    {value.number('DW_AT_const_value'):5} {value.name}"
        else:
            kind = "union" if entry.tag == "DW_TAG_union_type" else "struct"
            yield f"{kind} {name}, {entry.number('DW_AT_byte_size')} bytes"
            yield from self.members(entry)

    def all(self):
        """(name, lines) of each type of ours: by its typedef where the tag has none, enums by their first value."""
        aggregates = ("DW_TAG_structure_type", "DW_TAG_union_type", "DW_TAG_enumeration_type")
        described = {}
        for entry in self.entries.values():
            target = self.target(entry)
            if entry.tag == "DW_TAG_typedef" and entry.name.startswith("auraio"):
                if target is None or target.tag not in aggregates:
                    described[entry.name] = [f"type {entry.name}: {self.spell(target)}"]
                elif not target.name:
                    described[entry.name] = list(self.describe(entry.name, target))
            elif entry.tag in aggregates and "DW_AT_declaration" not in entry.attributes:
                first = entry.children[0].name if entry.children else ""
                if entry.name.startswith("auraio"):
                    described[entry.name] = list(self.describe(entry.name, entry))
                elif not entry.name and entry.tag == "DW_TAG_enumeration_type" and first.startswith("AURAIO"):
                    described.setdefault(first, list(self.describe(f"of {first}", entry)))
        return sorted(described.items())
