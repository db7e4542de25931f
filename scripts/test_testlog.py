#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""testlog.py counts what ran, and nothing that did not run looks like success."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

TESTLOG = pathlib.Path(__file__).with_name("testlog.py")
SECONDS = 60


def entry(result, stdout="", stderr=""):
    """One line of Meson's log."""
    return json.dumps(
        {"name": "auraio:suite / a test", "result": result, "stdout": stdout, "stderr": stderr, "duration": 1.5}
    )


def synthesis(passing, failing, crashing):
    """What a Criterion program says last, in colours."""
    counts = f"Tested: {passing + failing + crashing} | Passing: {passing} | Failing: {failing} | Crashing: {crashing}"
    return f"\x1b[0;34m[====] \x1b[0mSynthesis: {counts}\n"


def count(*lines):
    """(passed, failed, what was printed before) for a log of these lines."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as log:
        log.write("".join(line + "\n" for line in lines))
        log.flush()
        said = subprocess.check_output([sys.executable, TESTLOG, "run", log.name], text=True, timeout=SECONDS)
    *before, last = said.splitlines()
    passed, failed = map(int, last.split())
    return passed, failed, "\n".join(before)


class Counting(unittest.TestCase):
    """Each way a program may end."""

    def test_a_plain_program_counts_as_one(self):
        self.assertEqual(count(entry("OK")), (1, 0, ""))

    def test_a_criterion_program_counts_as_the_tests_it_holds(self):
        self.assertEqual(count(entry("OK", stderr=synthesis(7, 0, 0))), (7, 0, ""))

    def test_failing_and_crashing_tests_count_one_by_one(self):
        passed, failed, said = count(entry("FAIL", stderr=synthesis(4, 1, 2)))
        self.assertEqual((passed, failed), (4, 3))
        self.assertIn("FAILED   run: a test (fail", said)

    def test_a_program_that_fails_after_its_tests_passed_is_a_failure(self):
        self.assertEqual(count(entry("FAIL", stderr=synthesis(7, 0, 0)))[:2], (7, 1))

    def test_a_timeout_is_a_failure(self):
        self.assertEqual(count(entry("TIMEOUT"))[:2], (0, 1))

    def test_a_skipped_program_counts_as_neither_and_says_why(self):
        passed, failed, said = count(entry("OK"), entry("SKIP", stdout="skipped: no compiler for C++\n" * 3))
        self.assertEqual((passed, failed), (1, 0))
        self.assertEqual(said.count("no compiler for C++"), 1)

    def test_what_a_failed_program_said_is_shown_with_its_first_and_last_lines(self):
        said = count(entry("FAIL", stdout="\n".join(f"line {i}" for i in range(1000))))[2]
        self.assertIn("line 0\n", said)
        self.assertIn("line 999", said)
        self.assertNotIn("line 500", said)

    def test_a_log_without_a_test_is_a_failure(self):
        self.assertEqual(count()[:2], (0, 1))

    def test_a_log_that_breaks_off_is_a_failure(self):
        self.assertEqual(count(entry("OK"), '{"name": "auraio:suite /')[:2], (1, 1))

    def test_no_log_is_a_failure(self):
        said = subprocess.check_output([sys.executable, TESTLOG, "run", "/nonexistent"], text=True, timeout=SECONDS)
        self.assertEqual(said.splitlines()[-1], "0 1")


if __name__ == "__main__":
    unittest.main()
