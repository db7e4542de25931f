# SPDX-License-Identifier: MIT
"""What public headers declare, and what a version script exports: read from their text."""

import dataclasses
import re

COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.MULTILINE)
EXPORTED = re.compile(r"^AURAIO_(?:\w+_)?API\b([^;{]*);", re.MULTILINE)
INLINE = re.compile(r"^(?:static inline|AURAIO_INLINE)\b([^;{]*)\{", re.MULTILINE)
ATTRIBUTE = re.compile(r"\bAURAIO_(?:MUST_USE)\b")
NAME = re.compile(r"(\w+)\s*\(")
NODE = re.compile(r"(\w+\.\d+)\s*\{(.*?)\}\s*([\w.]*)\s*;", re.DOTALL)
# Where a comment was: as long as it, and no word.
MARK = "\x01"


@dataclasses.dataclass
class Function:
    """One declaration: "kind" is function (exported) or inline."""

    kind: str
    name: str
    prototype: str
    place: str
    documented: bool


@dataclasses.dataclass
class Node:
    """One version node: "parent" is the one it follows, or nothing."""

    name: str
    symbols: list
    parent: str


def mark_comments(text):
    """The text with every comment that says something replaced by marks, line ends kept; others by blanks."""

    def marks(match):
        sign = MARK if len(re.findall(r"[a-z]{2,}", match.group())) >= 2 else " "
        return re.sub(r"[^\n]", sign, match.group())

    return COMMENT.sub(marks, text)


def is_documented(text, start, previous):
    """Whether a comment stands right above a declaration, or above the declarations that it stands right below.

    "previous" is where the declaration before ends and whether that is documented, or None.
    """
    above = text[:start]
    end, inherited = previous if previous else (0, False)
    gap = above[end:]
    if MARK in gap:
        after_comment = gap[gap.rindex(MARK) + 1 :]
        return after_comment.count("\n") == 1 and not after_comment.strip()
    return inherited and gap.count("\n") == 1 and not gap.strip()


def functions(path):
    """Every function that a header declares, in its order."""
    text = mark_comments(path.read_text(encoding="utf-8"))
    text = DIRECTIVE.sub(lambda match: re.sub(r"[^\n]", "#", match.group()), text)
    matches = [("function", match) for match in EXPORTED.finditer(text)]
    matches += [("inline", match) for match in INLINE.finditer(text)]
    previous = None
    for kind, match in sorted(matches, key=lambda pair: pair[1].start()):
        prototype = " ".join(ATTRIBUTE.sub("", match.group(1)).replace(MARK, " ").split())
        documented = is_documented(text, match.start(), previous)
        line = text.count("\n", 0, match.start()) + 1
        yield Function(kind, NAME.search(prototype).group(1), prototype, f"{path.name}:{line}", documented)
        # Below an inline function comes its body: what follows must have its own comment.
        previous = (match.end(), documented and kind == "function")


def constants(path):
    """(name, value) of each macro of a header that is a number; the version and include guards are none."""
    text = COMMENT.sub(" ", path.read_text(encoding="utf-8"))
    for name, value in re.findall(r"^#define[ \t]+(\w+)[ \t]+(\S[^\n]*)$", text, re.MULTILINE):
        if re.fullmatch(r"[\s\w()+\-*<|]+", value) and re.search(r"\d|AURAIO", value) and "_INLINE" not in name:
            yield name, " ".join(value.split())


def nodes(path):
    """Version nodes of a map, oldest first."""
    text = COMMENT.sub(" ", path.read_text(encoding="utf-8"))
    for name, body, parent in NODE.findall(text):
        exported = body.split("local:")[0]
        yield Node(name, re.findall(r"(\w+)\s*;", exported), parent)
