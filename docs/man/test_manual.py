#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The manual is whole, and renders: test_manual.py ROOT PAGES [AURAIO]

PAGES is the folder of the generated pages, AURAIO the command (none: its pages are not held against it). What
needs man(1) is skipped where that is not installed, with the reason printed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

# pylint: disable=wrong-import-position
import comment  # noqa: E402
import header  # noqa: E402
import pages  # noqa: E402

ROOT = PAGES = AURAIO = None
OPTION = re.compile(r"^ +(?:(-\w), )?\s*--([a-z0-9-]+)", re.MULTILINE)


READER = dict(os.environ, LC_ALL="C.UTF-8", MANWIDTH="80")


def said(*command):
    """What a command prints, both streams."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False
    )
    return done.stdout


def rendered(page):
    """A page as man(1) shows it, and what it warned about."""
    done = subprocess.run(
        ["man", "--warnings", "-l", str(page)], env=READER, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout, done.stderr


class Tree:
    """A copy of what the generator reads, to be spoilt."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder)
        for path in [*pages.Manual(ROOT).headers, pages.TABLE, "VERSION"]:
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, self.root / path)

    def replace(self, path, old, new):
        """Spoil a file."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text, old
        (self.root / path).write_text(text.replace(old, new, 1), encoding="utf-8")

    def complaints(self):
        """What the generator says."""
        return "\n".join(pages.check(pages.Manual(self.root)))


class Complete(unittest.TestCase):
    """Every public function is documented and has a page; nothing else has."""

    def test_nothing_is_missing_and_nothing_too_much(self):
        self.assertEqual(pages.check(pages.Manual(ROOT)), [])

    def test_exported_functions_are_those_of_the_manual(self):
        """The symbol map and the headers are read by different code: what one misses the other has."""
        symbols = set(re.findall(r"\b(auraio_\w+);", (ROOT / "libauraio/src/auraio.map").read_text()))
        manual = pages.Manual(ROOT)
        headers = [parsed for path, parsed in manual.headers.items() if path.startswith("libauraio/")]
        in_header = set().union(*(parsed.functions for parsed in headers))
        self.assertEqual(symbols - in_header, set())
        self.assertGreater(len(symbols), 40)

    def test_the_table_lists_every_file_that_is_written(self):
        manual = pages.Manual(ROOT)
        listed = {f"{name}.3" for name in [*manual.families, *pages.links(manual)]}
        self.assertEqual({path.name for path in PAGES.glob("*.3")}, listed)


class Refused(unittest.TestCase):
    """What is wrong is named, with what to do."""

    HEADER = "libauraio/include/auraio.h"
    BEFORE = "/** Make every thread that is in auraio_wait_wake() return. */"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = Tree(folder.name)

    def test_a_function_without_a_comment(self):
        self.tree.replace(self.HEADER, self.BEFORE, "AURAIO_API int auraio_new(int x);\n\n" + self.BEFORE)
        said_of_it = self.tree.complaints()
        self.assertIn("auraio_new() has no comment: say above it what it does", said_of_it)

    def test_a_function_without_a_page(self):
        self.tree.replace(
            self.HEADER, self.BEFORE, "/** New. */\nAURAIO_API int auraio_new(int x);\n\n" + self.BEFORE
        )
        said_of_it = self.tree.complaints()
        self.assertIn("auraio_new() is on no page of the manual: add it to `functions` of its family", said_of_it)
        self.assertIn("docs/man/families.ini", said_of_it)

    def test_an_error_without_a_meaning(self):
        self.tree.replace(self.HEADER, "EALREADY (", "EALREADY, (")
        self.assertIn("EALREADY has no meaning", self.tree.complaints())

    def test_a_parameter_that_is_not_there(self):
        self.tree.replace(self.HEADER, "@param target_ms ", "@param target_us ")
        self.assertIn("has a parameter 'target_us', the function has none", self.tree.complaints())

    def test_a_name_that_went(self):
        self.tree.replace(pages.TABLE, "auraio_wake_count auraio_wake", "auraio_wake_count auraio_woken")
        said_of_it = self.tree.complaints()
        self.assertIn("names auraio_woken, which no public header declares", said_of_it)
        self.assertIn("auraio_wake() is on no page", said_of_it)

    def test_a_type_that_no_page_shows(self):
        self.tree.replace(pages.TABLE, "types = auraio_stats_t auraio_ring", "types = auraio_ring")
        self.assertIn("no page shows auraio_stats_t", self.tree.complaints())

    def test_a_header_that_the_table_does_not_know(self):
        new = self.tree.root / "libauraio/include/auraio/extra.h"
        new.parent.mkdir(exist_ok=True)
        new.write_text("/** @file Extra. */\n", encoding="utf-8")
        self.assertIn("extra.h is a public header that", self.tree.complaints())


class Read(unittest.TestCase):
    """What the generator reads out of headers and comments."""

    def test_inline_functions_shared_comments_and_pointers_to_functions(self):
        read = header.parse(
            "/** @file Head. */\n#define AURAIO_LIMIT 7 /**< most */\n\n/** Both. */\nAURAIO_API int auraio_a(void);\n"
            "AURAIO_API int auraio_b(int (*f)(int, int), char **x);\n\nAURAIO_API int auraio_c(void);\n\n"
            "/** In. */\nAURAIO_INLINE int auraio_d(int x)\n{\n    if (x) {\n        return auraio_a();\n    }\n"
            "    return 1;\n}\n"
        )
        self.assertEqual(read.about, "Head.")
        self.assertEqual([function.comment for function in read.functions.values()], ["Both.", "Both.", "", "In."])
        parameters = read.functions["auraio_b"].parameters
        self.assertEqual([header.parameter_name(one) for one in parameters], ["f", "x"])
        self.assertEqual(read.constants["AURAIO_LIMIT"], header.Member("7", "most"))

    def test_structs_with_unions_and_enums_without_names(self):
        read = header.parse(
            "/** Head. */\n\n/** S. */\ntypedef struct s {\n    int a, b; /**< two */\n    union {\n        int c;\n"
            "        struct {\n            int d;\n        } e;\n    } u;\n} auraio_s_t;\n\n"
            "/** E. */\nenum {\n    AURAIO_E = 1u << 0, /**< one */\n    AURAIO_F\n};\n"
        )
        members = read.types["auraio_s_t"].members
        self.assertEqual([member.comment for member in members], ["two", ""])
        self.assertTrue(members[1].text.endswith("} u"))
        self.assertEqual([member.comment for member in read.types["AURAIO_E"].members], ["one", ""])

    def test_errors_with_and_without_meanings_and_sentences_between(self):
        read = comment.parse("Do. @return 0, or -1: EINVAL, EBUSY (in use, or about to be), and those of x().")
        self.assertEqual(read.returned, "0, or -1 on failure.")
        self.assertEqual(list(read.errors), ["EINVAL", "EBUSY"])
        self.assertEqual(read.errors["EBUSY"], "in use, or about to be")
        self.assertEqual(read.other_errors, "those of x()")

    def test_what_the_other_house_form_returns(self):
        read = comment.parse("Do it. Returns 0, or -EINVAL.")
        self.assertEqual((read.text, read.returned), ("Do it.", "0, or -EINVAL."))


class Rendered(unittest.TestCase):
    """Pages as readers see them."""

    def every(self):
        """Every page that is no link."""
        found = [*sorted((ROOT / "docs/man").glob("*.[17]")), *sorted(PAGES.glob("*.3"))]
        return [path for path in found if not path.read_text(encoding="utf-8").startswith(".so ")]

    def needs(self, tool):
        if not shutil.which(tool):
            self.skipTest(f"{tool} is not installed")

    def test_every_page_renders_without_a_warning(self):
        self.needs("man")
        self.assertGreater(len(self.every()), 30)
        for page in self.every():
            with self.subTest(page=page.name):
                shown, warnings = rendered(page)
                self.assertEqual(warnings, "")
                self.assertRegex(shown, r"(?s)NAME.*DESCRIPTION.*SEE ALSO")

    def test_a_macro_that_is_wrong_would_be_seen(self):
        self.needs("man")
        with tempfile.NamedTemporaryFile("w", suffix=".1") as bad:
            bad.write(".Dd x\n.Dt A 1\n.Os\n.Sh NAME\n.Nm a\n.Nd b\n.Nosuch c\n")
            bad.flush()
            self.assertRegex(rendered(bad.name)[1], "warning.*Nosuch")

    def test_whatis_finds_every_name(self):
        self.needs("lexgrog")
        for page in self.every():
            with self.subTest(page=page.name):
                whatis = said("lexgrog", str(page))
                self.assertRegex(whatis, r': "\S+ - \S.*"')
                for name in re.findall(r"(?m)^\.Nm (auraio[\w-]*)", page.read_text(encoding="utf-8").split(".Sh")[1]):
                    self.assertIn(f'"{name} - ', whatis)

    def test_mandoc_has_nothing_to_warn_about(self):
        self.needs("mandoc")
        for page in self.every():
            with self.subTest(page=page.name):
                lint = said("mandoc", "-T", "lint", "-W", "warning", str(page))
                self.assertEqual(lint, "")

    def test_references_to_our_own_pages_lead_somewhere(self):
        there = {path.name for path in [*PAGES.glob("*.3"), *(ROOT / "docs/man").glob("*.[17]")]}
        for page in self.every():
            for title, section in re.findall(r"\.Xr (auraio[\w-]*) (\d)", page.read_text(encoding="utf-8")):
                self.assertIn(f"{title}.{section}", there, page.name)


class Commands(unittest.TestCase):
    """The pages of the auraio command, against what it says of itself."""

    def setUp(self):
        if not AURAIO:
            self.skipTest("the auraio command is not built")
        self.commands = re.findall(r"^  (\w+) ", said(AURAIO, "--help"), re.MULTILINE)

    def test_every_command_has_a_page(self):
        self.assertIn("sim", self.commands)
        for command in self.commands:
            page = ROOT / f"docs/man/auraio-{command}.1"
            self.assertTrue(
                page.exists(),
                f"`auraio {command}` has no manual page: write docs/man/auraio-{command}.1 (auraio-sim.1 shows how), "
                "add it to docs/man/meson.build, and to the list in docs/man/auraio.1",
            )
            self.assertIn(f".It Xr auraio-{command} 1", (ROOT / "docs/man/auraio.1").read_text(encoding="utf-8"))

    def test_every_option_is_on_its_page(self):
        for command in self.commands:
            page = ROOT / f"docs/man/auraio-{command}.1"
            if not page.exists():
                continue
            text = page.read_text(encoding="utf-8")
            described = set(re.findall(r"^\.It (?:Fl \w , )?Fl -([a-z0-9-]+)", text, re.MULTILINE))
            options = {long for _, long in OPTION.findall(said(AURAIO, command, "--help"))}
            self.assertEqual(
                options, described,
                f"docs/man/auraio-{command}.1 must have an .It for each option of `auraio {command} --help`, no other",
            )
            for short, long in OPTION.findall(said(AURAIO, command, "--help")):
                if short:
                    self.assertIn(f".It Fl {short[1:]} , Fl -{long}", text)


if __name__ == "__main__":
    ROOT, PAGES = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    AURAIO = sys.argv[3] if len(sys.argv) > 3 else None
    unittest.main(argv=[sys.argv[0], "-v"])
