# SPDX-License-Identifier: MIT
"""What the comment on a function says: description, parameters, what is returned, errors.

The grammar of returned errors, which every header keeps: "-1:" or "NULL:", then errors with commas between
them, each with its meaning in parentheses where the name alone does not tell: "0, or -1: EINVAL (no such ring),
ENOMEM." What is no error in that list ("and the errors of auraio_create()") stays a sentence.
"""

import re
from dataclasses import dataclass, field

ERROR = re.compile(r"(?:(?:and|or) )?(E[A-Z0-9]{2,})(?: \((.*)\))?\.?$", re.DOTALL)
REFUSED = re.compile(r"(?:^|[\s,;])(-1|NULL):\s+(?=E[A-Z0-9]{2})")

# What an error means where its comment doesn't say: always the same thing, as the head of auraio.h promises.
USUAL = {
    "EINVAL": "an argument is NULL or out of its range",
    "ENOMEM": "there is not enough memory",
    "EPERM": "the engine was inherited by fork",
    "EMFILE": "the process has too many descriptors open",
    "ESHUTDOWN": "the engine is being destroyed",
}


@dataclass
class Comment:
    """A comment, taken apart."""

    text: str = ""
    parameters: dict = field(default_factory=dict)
    returned: str = ""
    errors: dict = field(default_factory=dict)
    other_errors: str = ""


def top_level(text):
    """Pieces between the commas that are not inside parentheses."""
    pieces, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            pieces.append(text[start:place])
            start = place + 1
    return [piece.strip() for piece in [*pieces, text[start:]]]


def read_errors(text, comment):
    """Take the list of errors apart; the names before one with a meaning share nothing with it."""
    others = []
    for piece in top_level(text):
        match = ERROR.match(piece)
        if match:
            name, meaning = match.groups()
            if meaning is None and name not in USUAL:
                raise ValueError(f"{name} has no meaning: write \"{name} (when it comes)\"")
            comment.errors[name] = meaning or USUAL[name]
        else:
            others.append(piece)
    comment.other_errors = re.sub(r"^(and|or|with) ", "", ", ".join(others))


def read_returned(text, comment):
    """What is returned, and the errors behind it."""
    match = REFUSED.search(text)
    comment.returned = text
    if not match:
        return
    before = text[:match.start()].rstrip(" ,;")
    joined = " " if not before or before.endswith((".", " or")) else "; "
    comment.returned = f"{before}{joined}{match.group(1)} on failure.".lstrip()
    errors = text[match.end():]
    # A sentence behind the list.
    end = re.search(r"(?<=[A-Z)])\. (?=[A-Z])", errors)
    if end:
        comment.returned += " " + errors[end.end():]
        errors = errors[:end.start()]
    read_errors(errors.rstrip("."), comment)


def one_line(text):
    """A paragraph without the line ends of the source."""
    return re.sub(r"\s+", " ", text).strip()


def parse(text):
    """A comment as in header.py, taken apart. ValueError: what is wrong with it."""
    comment = Comment()
    marks = list(re.finditer(r"@(param|return)\b\s*", text))
    comment.text = (text[:marks[0].start()] if marks else text).strip()
    for number, mark in enumerate(marks):
        end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        said = one_line(text[mark.end():end])
        if mark.group(1) == "param":
            name, _, rest = said.partition(" ")
            comment.parameters[name] = rest.strip()
        else:
            read_returned(said, comment)
    if not marks:
        # The other house form: a last paragraph or sentence that begins with "Returns".
        returns = re.search(r"(?:^|\n|(?<=\. ))Returns\s+(.*)$", comment.text, re.DOTALL)
        if returns:
            comment.text = comment.text[:returns.start()].strip()
            said = one_line(returns.group(1))
            comment.returned = said
    # "-1: EINVAL (NULL or stale)." at the end of the text is a list of errors, too.
    if not comment.returned:
        match = re.search(r"\s+((-1|NULL): E[A-Z]+ \(.*\))\.$", comment.text, re.DOTALL)
        if match:
            read_returned(one_line(match.group(1)), comment)
            comment.text = comment.text[:match.start()].strip()
    return comment
