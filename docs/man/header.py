# SPDX-License-Identifier: MIT
"""What a public C header of this project declares, with the comment on each thing: parse(text).

Not a C parser: it knows the house's format and no other. A comment belongs to the declaration right below it;
functions that follow one another without an empty line share the comment on the first. A comment that begins
with a '<' belongs to what stands before it. Preprocessor lines are skipped, but for constants.
"""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"/\*.*?\*/|\"(?:[^\"\\]|\\.)*\"|[{}();]|\n[ \t]*\n|\n", re.DOTALL)
DECORATION = re.compile(r"\b(?:AURAIO_\w*API|AURAIO_MUST_USE|AURAIO_INLINE|static inline)\b\s*")
CONSTANT = re.compile(
    r"(?m)^(?:(/\*\*(?:(?!\*/)[\s\S])*\*/)\n)?"
    r"#define[ \t]+(AURAIO_[A-Z0-9_]+)[ \t]+((?:(?!/\*)\S|[ \t])+?)[ \t]*(/\*\*<(?:(?!\*/)[\s\S])*\*/)?$"
)


@dataclass
class Member:
    """A field of a struct, or a constant of an enum."""

    text: str
    comment: str


@dataclass
class Function:
    """A function, exported or inline."""

    name: str
    result: str
    parameters: list
    comment: str


@dataclass
class Type:
    """A struct, an enum (without a name: called like its first constant), or a pointer to a function."""

    name: str
    kind: str
    declaration: str
    comment: str
    members: list = field(default_factory=list)


@dataclass
class Header:
    """Everything in a header, in its order."""

    about: str = ""
    functions: dict = field(default_factory=dict)
    types: dict = field(default_factory=dict)
    constants: dict = field(default_factory=dict)


def comment_text(comment):
    """The words of a comment, without its stars."""
    body = re.sub(r"^/\*+<?|\*+/$", "", comment)
    lines = [re.sub(r"^\s*\* ?", "", line).rstrip() for line in body.split("\n")]
    return re.sub(r"^@file\s*", "", "\n".join(lines).strip())


def squeeze(text):
    """A declaration on one line."""
    return re.sub(r"\s*([()])\s*", r"\1", re.sub(r"\s+", " ", text.strip())).replace(" (*", "(*")


def split_parameters(text):
    """Parameters between the commas that are not inside a parameter."""
    found, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            found.append(text[start:place])
            start = place + 1
    found.append(text[start:])
    return [re.sub(r"\s+", " ", one.strip()) for one in found if one.strip() not in ("", "void")]


def parameter_name(parameter):
    """What a parameter is called."""
    pointer = re.search(r"\(\*(\w+)\)", parameter)
    return pointer.group(1) if pointer else re.findall(r"\w+", parameter)[-1]


def statements(text):
    """(comment, code, whether the comment was taken over) of every declaration outside of any other."""
    comment, code, depth, start, owned, said = "", "", 0, 0, False, False
    for token in TOKEN.finditer(text):
        piece = text[start:token.start()]
        start = token.end()
        code += piece
        if token.group(0).startswith("/*") and depth == 0 and not code.strip():
            comment, owned, code = token.group(0), True, ""
            continue
        code += token.group(0)
        depth += (token.group(0) in "({") - (token.group(0) in ")}")
        if token.group(0).startswith("\n") and depth == 0 and not code.strip():
            # An empty line ends what a comment may belong to, once it has been used or stands alone.
            if token.group(0) != "\n":
                comment, owned, said = "", False, False
            code = ""
        inline = re.match(r"\s*(?:AURAIO_INLINE|static inline)\b", code)
        if depth == 0 and (token.group(0) == ";" or (inline and token.group(0) == "}")):
            yield comment, code.strip(), said and not owned
            said, owned, code = True, False, ""


def member_list(body, separator):
    """The members between a type's braces."""
    found, comment = [], ""
    flat = re.sub(r"\{[^{}]*\}", lambda inner: inner.group(0).replace(";", ","), body)
    flat = re.sub(r"\{[^{}]*\{[^{}]*\}[^{}]*\}", lambda inner: inner.group(0).replace(";", ","), flat)
    for token in re.finditer(r"/\*.*?\*/|(?:\([^()]*\)|[^/;,{}()]|/(?!\*)|\{(?:[^{}]|\{[^{}]*\})*\}"
                             + ("|,)+" if separator == ";" else ")+"), flat, re.DOTALL):
        text = token.group(0)
        if text.startswith("/*"):
            if "<" in text[:5] and found:
                found[-1].comment = comment_text(text)
            else:
                comment = comment_text(text)
        elif text.strip():
            found.append(Member(re.sub(r"\s+", " ", text.strip()), comment))
            comment = ""
    return found


def add_type(header, comment, code):
    """A typedef, struct or enum with a body, or one that is opaque."""
    braces = re.match(r"(?:typedef )?(struct|enum)\s*(\w*)\s*\{(.*)\}\s*(\w*)\s*;$", code, re.DOTALL)
    if braces:
        kind, tag, body, alias = braces.groups()
        members = member_list(body, "," if kind == "enum" else ";")
        name = alias or tag or re.match(r"\w+", members[0].text).group(0)
        header.types[name] = Type(name, kind, f"{kind} {tag}".strip(), comment, members)
        return
    pointer = re.match(r"typedef .*\(\*(\w+)\)\(", squeeze(code))
    opaque = re.match(r"typedef struct \w+ (\w+);$", code)
    if pointer:
        header.types[pointer.group(1)] = Type(pointer.group(1), "function", re.sub(r"\s+", " ", code), comment)
    elif opaque:
        header.types[opaque.group(1)] = Type(opaque.group(1), "opaque", code, comment)


def add_function(header, comment, code):
    """A function; what is behind its closing parenthesis is its body."""
    plain = DECORATION.sub("", code.split("{")[0]).rstrip("; \n")
    match = re.match(r"(.*?)(\w+)\s*\((.*)\)$", plain, re.DOTALL)
    if match:
        result, name, parameters = match.groups()
        header.functions[name] = Function(name, squeeze(result), split_parameters(parameters), comment)


def read_constants(text):
    """Constants that have a number or an expression, with the comment above or behind."""
    found = {}
    for above, name, value, behind in CONSTANT.findall(text):
        words = comment_text(behind) if behind else comment_text(above)
        if not value.startswith(("__attribute__", "static", "inline")):
            found[name] = Member(value, words)
    return found


def parse(text):
    """Everything that a header declares."""
    header = Header()
    bare = re.sub(r"(?m)^extern \"C\" \{$|^#ifdef __cplusplus\n\}\n#endif", "", text)
    first = re.search(r"/\*\*.*?\*/", bare, re.DOTALL)
    header.about = comment_text(first.group(0)) if first else ""
    bare = bare[first.end():] if first else bare
    header.constants = read_constants(bare)
    # A comment on a constant is not about the declaration that follows.
    bare = CONSTANT.sub("\n", bare)
    shared = ""
    for comment, code, again in statements(re.sub(r"(?m)^#.*$", "", bare)):
        shared = shared if again else comment_text(comment)
        if re.match(r"typedef|struct|enum", code):
            add_type(header, shared, code)
        else:
            add_function(header, shared, code)
    return header
