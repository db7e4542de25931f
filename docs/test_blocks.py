#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The runner of the documentation's blocks finds what is wrong with one, and says so."""

import pathlib
import shutil
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

import blocks  # noqa: E402  pylint: disable=wrong-import-position


class Pages(unittest.TestCase):
    """A page goes through the runner."""

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "build").mkdir()
        (self.root / "docs" / "run").mkdir(parents=True)
        compiler = shutil.which("cc") or shutil.which("gcc") or "clang"
        self.bench = blocks.Bench(self.root, self.root / "build", [[compiler]])
        self.bench.packages = {"c": []}
        fake = self.root / "pkg-config"
        fake.write_text("#!/bin/sh\n", encoding="utf-8")
        fake.chmod(0o755)
        self.bench.environment["PATH"] = f"{self.root}:{self.bench.environment['PATH']}"

    def became(self, text):
        """What became of the blocks of a page, and the complaints."""
        results = blocks.run_page(self.bench, list(blocks.blocks_of("page.md", text)))
        return [became for _, became, _ in results], [complaint for _, _, complaint in results if complaint]

    def complaint(self, text):
        """The one complaint about a page."""
        _, complaints = self.became(text)
        self.assertEqual(len(complaints), 1, complaints)
        return complaints[0]

    def test_a_program_runs_and_its_output_is_compared(self):
        page = '```c\n#include <stdio.h>\nint main(void) { puts("yes"); }\n```\n\n```text output\nyes\n```\n'
        self.assertEqual(self.became(page), (["c", "output"], []))
        self.assertIn("the block above printed:\nyes", self.complaint(page.replace("\nyes", "\nno")))

    def test_a_program_that_fails_or_warns_is_named_with_its_line(self):
        said = self.complaint("text\n\n```c\nint main(void) { return 3; }\n```\n")
        self.assertTrue(said.startswith("page.md:3: "), said)
        self.assertIn("status 3", said)
        self.assertIn("unused", self.complaint("```c\nint main(void) { int x; return 0; }\n```\n"))

    def test_a_part_of_a_program_needs_the_rest(self):
        part = "```c{}\nint answer(void) {{ return 42; }}\n```\n"
        self.assertIn("write the rest of it as docs/run/NAME", self.complaint(part.format("")))
        self.assertIn("docs/run/rest.c is not there", self.complaint(part.format(" with rest.c")))
        rest = self.root / "docs/run/rest.c"
        rest.write_text("#include BLOCK\nint main(void) { return answer() != 42; }\n", encoding="utf-8")
        self.assertEqual(self.became(part.format(" with rest.c")), (["c"], []))
        found, complaints = self.became(part.format(" with rest.c -lnosuchlibrary"))
        self.assertEqual(complaints, [])
        self.assertIn("not installed", found[0])

    def test_commands_run_in_one_folder_and_stop_at_the_first_failure(self):
        self.assertEqual(self.became("```sh\necho 1 >file\n```\n\n```sh\ntest -e file\n```\n"), (["sh", "sh"], []))
        self.assertIn("status 1", self.complaint("```sh\nfalse\ntrue\n```\n"))
        self.assertEqual(list((self.root / "build").iterdir()), [])

    def test_what_links_statically_runs_where_static_libraries_were_made(self):
        self.assertEqual(self.became("```sh static\nfalse\n```\n"), (["not run: the build has no static libraries"], []))
        self.bench.static = True
        self.assertEqual(self.became("```sh static\ntrue\n```\n"), (["sh"], []))
        self.assertIn("status 1", self.complaint("```sh static\nfalse\n```\n"))

    def test_a_block_does_not_build_the_tree_that_tests_it(self):
        self.assertIn("./dev would configure", self.complaint("```sh\ntrue\n./dev test\n```\n"))

    def test_what_a_block_started_does_not_outlive_its_time(self):
        blocks.SECONDS, seconds = 1, blocks.SECONDS
        try:
            self.assertIn("not done after 1 seconds", self.complaint("```sh\nmkfifo f; (read -r x <f) & wait\n```\n"))
        finally:
            blocks.SECONDS = seconds

    def test_what_is_not_run_needs_a_reason(self):
        self.assertEqual(self.became("```sh not-run: no daemon\nfalse\n```\n"), (["not run: no daemon"], []))
        self.assertIn("needs a reason", self.complaint("```sh not-run:\nfalse\n```\n"))
        self.assertIn("yaml is not run: say", self.complaint("```yaml\na: 1\n```\n"))

    def test_a_fence_without_a_word_or_with_an_unknown_one_is_refused(self):
        self.assertIn("the fence says ''", self.complaint("```\ntext\n```\n"))
        self.assertIn("the fence says 'perl'", self.complaint("```perl\nprint\n```\n"))
        self.assertIn("'sh quickly' is no way", self.complaint("```sh quickly\ntrue\n```\n"))

    def test_data_must_be_what_it_says(self):
        self.assertEqual(self.became('```json\n{"a": 1}\n```\n\n```ini\n[a]\nb=1\n```\n')[1], [])
        self.assertIn("page.md:1", self.complaint("```json\n{\n```\n"))

    def test_programs_of_manual_pages_are_found(self):
        page = ".Bd -literal -offset indent\n#include <stdio.h>\nint main(void) { puts(\"a\\en\"); }\n.Ed\n"
        found = list(blocks.displays_of("page.3", page))
        self.assertEqual(len(found), 1)
        self.assertIn('"a\\n"', found[0].text)


if __name__ == "__main__":
    unittest.main()
