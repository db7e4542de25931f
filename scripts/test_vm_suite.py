#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vm_suite.py counts what the virtual machine ran, of these very files, and goes on where it was stopped."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SUITE = pathlib.Path(__file__).with_name("vm_suite.py")
SECONDS = 60


class Suite(unittest.TestCase):
    """A build directory of three programs: two of them functional tests."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = pathlib.Path(folder.name)
        self.log = self.build / "log.txt"
        (self.build / "tests/vm").mkdir(parents=True)
        for name in ("one", "two", "slow", "libauraio.so", "tests/vm/libvm-patience.so"):
            (self.build / name).write_text(name, encoding="utf-8")
        self.tests = [self.entry("one", "api"), self.entry("two", "race"), self.entry("slow", "bench")]

    def entry(self, name, suite):
        return {"name": name, "suite": [f"auraio:{suite}"], "cmd": [str(self.build / name)], "env": {}}

    def ask(self, what, *names):
        """(status, output)"""
        asked = subprocess.run(
            [sys.executable, SUITE, what, self.build, self.log, *names],
            input=json.dumps(self.tests), capture_output=True, text=True, timeout=SECONDS, check=False,
        )
        return asked.returncode, asked.stdout

    def titles(self, *names):
        return [line.split("\t")[0] for line in self.ask("commands", *names)[1].splitlines()]

    def say(self, *lines):
        with open(self.log, "a", encoding="utf-8") as log:
            log.writelines(line + "\n" for line in lines)

    def test_every_functional_test_is_run(self):
        self.assertEqual([title.split()[0] for title in self.titles()], ["one", "two"])
        counts = "0 passed, 0 failed, 0 skipped, 2 not run; 0 tests passed\n"
        self.assertEqual(self.ask("report"), (1, "not run  one\nnot run  two\n" + counts))

    def test_a_name_chooses(self):
        self.assertEqual([title.split()[0] for title in self.titles("tw")], ["two"])
        self.assertNotEqual(self.ask("commands", "three")[0], 0)

    def test_what_passed_is_not_run_again_and_what_failed_is(self):
        one, two = self.titles()
        self.say(f"passed   {one} (3 s)", f"FAILED   {two} (status 1 after 4 s)")
        self.assertEqual(self.titles(), [two])
        status, said = self.ask("report")
        self.assertNotEqual(status, 0)
        self.assertIn("FAILED   two (status 1 after 4 s)", said)
        self.say(f"passed   {two} (5 s)")
        self.assertEqual(self.ask("report"), (0, "2 passed, 0 failed, 0 skipped, 0 not run; 2 tests passed\n"))

    def test_a_result_counts_for_the_files_that_ran(self):
        one, two = self.titles()
        self.say(f"passed   {one} (3 s)", f"passed   {two} (3 s)")
        (self.build / "two").write_text("changed", encoding="utf-8")
        self.assertEqual([title.split()[0] for title in self.titles()], ["two"])
        (self.build / "libauraio.so").write_text("changed", encoding="utf-8")
        self.assertEqual(len(self.titles()), 2)

    def test_skips_have_their_reasons_and_belong_to_the_program_that_said_them(self):
        one, two = self.titles()
        self.say("skipped: before", f"running  {one}", "skipped: no such device", f"passed   {one} (3 s)",
                 f"skipped  {two}")
        self.assertEqual(
            self.ask("report"),
            (0, "skipped  one: no such device\nskipped  two: no reason given\n"
             "1 passed, 0 failed, 1 skipped, 0 not run; 1 tests passed\n"),
        )

    def test_what_a_machine_did_not_finish_comes_last(self):
        one, two = self.titles()
        self.say(f"running  {one}", "a part")
        self.assertEqual(self.titles(), [two, one])
        self.assertIn("not run  one (not to its end)\n", self.ask("report")[1])

    def test_tests_of_a_program_are_counted(self):
        one, two = self.titles()
        self.say("Synthesis: Tested: 7 | Passing: 7 | Failing: 0 | Crashing: 0", f"passed   {one} (3 s)",
                 f"said without a newline: passed   {two} (1 s)")
        self.assertIn("; 8 tests passed", self.ask("report")[1])
        self.say("Tested: 0 | Passing: 0 | Failing: 0 | Crashing: 0", f"passed   {two} (1 s)")
        self.assertIn("1 passed, 0 failed, 1 skipped, 0 not run; 7 tests passed", self.ask("report")[1])


if __name__ == "__main__":
    unittest.main()
