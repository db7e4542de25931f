# SPDX-License-Identifier: MIT
"""Sentences of comments as mdoc(7): names become links, constants and arguments get their macros.

A name() becomes .Fn on its own page and .Xr elsewhere, an errno .Er, a constant in capitals .Dv, `x` and @p x
.Fa, a type .Vt. Everything else is text, escaped so that no line of it is taken for a request.
"""

import re
import textwrap

WORD = {
    "function": re.compile(r"(auraio_\w+)\(\)$"),
    "other": re.compile(r"([a-z_]\w*)\(\)$"),
    "manual": re.compile(r"([a-z_]\w*)\(([1-9])\)$"),
    "errno": re.compile(r"(-?)(E[A-Z0-9]{3,})$"),
    "constant": re.compile(r"((?:AURAIO|RWF|IORING|FALLOC|SYNC_FILE_RANGE|AT|STATX|O)_[A-Z0-9_]+|NULL|CLOCK_[A-Z]+)$"),
    "argument": re.compile(r"`([^`]+)`$"),
    "parameter": re.compile(r"@p\0(\w+)$"),
    "type": re.compile(r"(auraio_\w+_t(?:\.\w+)?)$"),
}
OPENING = "(["
CLOSING = ".,;:)?!]"


def escape(text):
    """Text that troff prints as it is."""
    text = text.replace("\\", "\\e").replace("--", "\\-\\-")
    text = re.sub(r"(?<![\w)])-(?=\d)", "\\-", text)
    return "\\&" + text if text[:1] in (".", "'") else text


def quote(argument):
    """One argument of a macro."""
    argument = argument.replace("\\", "\\e").replace('"', '""')
    return f'"{argument}"' if re.search(r"\s|^$|^[A-Z][a-z]$", argument) else argument


class Writer:
    """Lines of a page. `page_of` tells which page a function is on, `page` is this one."""

    def __init__(self, page, page_of):
        self.page = page
        self.page_of = page_of
        self.lines = []

    def macro(self, *words):
        """A macro with its arguments."""
        self.lines.append("." + " ".join([words[0], *map(quote, words[1:])]))

    def section(self, title):
        """A section's heading."""
        self.lines.append(f".Sh {title}")

    def plain(self, words):
        """Text in lines that an editor shows whole."""
        for line in textwrap.wrap(" ".join(words), 78, break_long_words=False, break_on_hyphens=False):
            self.lines.append(escape(line))

    def word_macro(self, word):
        """The macro for a word that is a name, without its dot; None for any other."""
        for kind, pattern in WORD.items():
            match = pattern.match(word)
            if not match:
                continue
            name = match.group(1)
            if kind == "function":
                other = self.page_of.get(name)
                return f"Xr {name} 3" if other and other != self.page else f"Fn {name}"
            if kind == "errno":
                return f"No {match.group(1)} Ns Er {match.group(2)}" if match.group(1) else f"Er {match.group(2)}"
            return {
                "other": lambda: f"Fn {name}",
                "manual": lambda: f"Xr {name} {match.group(2)}",
                "constant": lambda: f"Dv {name}",
                "argument": lambda: f"Fa {quote(name)}",
                "parameter": lambda: f"Fa {name}",
                "type": lambda: f"Vt {name}",
            }[kind]()
        return None

    def sentence(self, text):
        """One sentence as lines of text and macros."""
        # A parameter's mark and name, and what stands between back quotes, are one word.
        text = re.sub(r"@p (\w+)", "@p\0\\1", text)
        text = re.sub(r"`[^`]*`", lambda quoted: quoted.group(0).replace(" ", "\1"), text)
        plain = []
        for word in text.split(" "):
            word = word.replace("\1", " ")
            before = re.match(f"[{re.escape(OPENING)}]*", word).group(0)
            core = word[len(before):]
            macro, after = self.word_macro(core), ""
            while macro is None and core[-1:] in CLOSING and core:
                after, core = core[-1] + after, core[:-1]
                macro = self.word_macro(core)
            # A parenthesis that closes right behind the name goes with it; any other stays text.
            if macro is None or len(before) > 1 or (before and after[:1] != ")"):
                plain.append(re.sub(r"@p\0", "", word).replace("`", ""))
                continue
            self.plain(plain)
            plain = []
            enclosed = before and after[:1] == ")"
            words = ["Pq", macro, *after[1:]] if enclosed else [macro, *after]
            self.lines.append("." + " ".join(words))
        self.plain(plain)

    def paragraph(self, text):
        """A paragraph, each sentence on lines of its own."""
        text = re.sub(r"\s+", " ", text).strip()
        for sentence in re.split(r"(?<=[A-Za-z0-9)%`][.?!]) (?=[A-Z`@])", text):
            self.sentence(sentence)

    def text(self, text, first=True):
        """Paragraphs; those that are indented are shown as they are."""
        for block in re.split(r"\n\s*\n", text.strip("\n")):
            lines = block.split("\n")
            if all(line.startswith("    ") for line in lines):
                self.literal("\n".join(line[4:] for line in lines))
                first = False
                continue
            if not first:
                self.lines.append(".Pp")
            first = False
            self.paragraph(block)

    def literal(self, text):
        """An example, as it is."""
        self.lines.append(".Bd -literal -offset indent")
        for line in text.split("\n"):
            line = line.replace("\\", "\\e")
            self.lines.append("\\&" + line if line[:1] in (".", "'") else line)
        self.lines.append(".Ed")

    def page_text(self):
        """The page. Empty lines are not allowed outside displays, and there are none."""
        return "\n".join(self.lines) + "\n"
