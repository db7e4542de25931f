#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Completion of the auraio command, driven as a shell drives it: test_completion.py FOLDER AURAIO

Everything that --help and --list of the program name is completed, and every option that takes a word gets
words. zsh is skipped where it is not installed, with the reason printed.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

FOLDER = AURAIO = None
# Arguments that are numbers: there is nothing to complete.
NUMBERS = ("N", "SIZE", "TIME")
OPTION = re.compile(r"^ +(?:-\w, +)?(--[a-z0-9-]+)(?: ([A-Z]+))?", re.MULTILINE)


def output(*command, **options):
    """What a program prints."""
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60, check=True, **options).stdout


class Shell:
    """What the two shells have in common: the questions asked. `ask` says how."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "auraio").symlink_to(AURAIO)
        (self.folder / "some-file.trace").touch()
        self.environment = dict(os.environ, PATH=f"{self.folder}:{os.environ['PATH']}", TERM="dumb")
        self.commands = re.findall(r"^  (\w+) ", output(AURAIO, "--help"), re.MULTILINE)
        self.listed = output(AURAIO, "sim", "--list").split("policies:")

    def names(self, part):
        return set(re.findall(r"^  ([\w-]+) ", self.listed[part], re.MULTILINE))

    def test_commands(self):
        self.assertIn("sim", self.commands)
        self.assertLessEqual(set(self.commands), self.ask("auraio", ""))
        self.assertEqual({"sim"}, self.ask("auraio", "si"))

    def test_every_option_of_every_command(self):
        for command in self.commands:
            options = {option for option, _ in OPTION.findall(output(AURAIO, command, "--help"))}
            self.assertIn("--help", options)
            self.assertEqual(options, self.ask("auraio", command, "--"), command)

    def test_options_that_begin_alike(self):
        self.assertEqual({"--seed", "--seeds", "--separate"}, self.ask("auraio", "sim", "--se"))

    def test_what_every_option_takes(self):
        """An option whose argument --help has a new word for must get words of its own here."""
        for command in self.commands:
            for option, kind in OPTION.findall(output(AURAIO, command, "--help")):
                if kind == "FILE":
                    self.assertIn("some-file.trace", self.ask("auraio", command, option, "some-"), option)
                elif kind and kind not in NUMBERS:
                    self.assertNotEqual(
                        set(), self.ask("auraio", command, option, ""),
                        f"nothing completes {option} {kind}: add its words to both files of docs/completion",
                    )

    def test_models_and_policies(self):
        self.assertLessEqual(self.names(0) | {"curve:", "trace:"}, self.ask("auraio", "sim", ""))
        self.assertEqual({"neighbour", "network"}, self.ask("auraio", "sim", "nvme", "ne"))
        self.assertEqual(self.names(1), self.ask("auraio", "sim", "nvme", "--policy", ""))
        self.assertEqual({"vegas"}, self.ask("auraio", "sim", "nvme", "-p", "v"))

    def test_words_of_options(self):
        self.assertEqual({"auto", "always"}, self.ask("auraio", "sim", "--color", "a"))
        self.assertEqual({"each", "none"}, self.ask("auraio", "sim", "--target", ""))


class Bash(Shell, unittest.TestCase):
    """The function that `complete -p` names, called with the variables that bash sets."""

    def ask(self, *words):
        script = """
            source "$1"
            shift
            [[ $(complete -p auraio) == "complete -F _auraio auraio" ]] || exit 9
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*"
            _auraio
            printf '%s\\n' "${COMPREPLY[@]}"
        """
        said = output("bash", "-c", script, "bash", str(FOLDER / "auraio.bash"), *words,
                      cwd=self.folder, env=self.environment)
        return set(said.split())

    def test_an_option_with_an_equals_sign(self):
        self.assertEqual({"never"}, self.ask("auraio", "sim", "--color", "=", "n"))
        self.assertEqual({"each", "none"}, self.ask("auraio", "sim", "--target", "="))


class Zsh(Shell, unittest.TestCase):
    """The function, called with the variables that zsh sets, and helpers that print what they would add."""

    SCRIPT = r"""
        show() { local one; for one in "$@"; do if [[ $one == "$words[CURRENT]"* ]]; then print -r -- $one; fi; done }
        compadd() {
            if [[ $1 == -S ]]; then shift 2; fi
            if [[ $1 == -- ]]; then shift; fi
            show "$@"
        }
        _describe() {
            if [[ $1 == -o ]]; then shift; fi
            local -a entries=("${(@P)2}")
            show "${(@)entries%%:*}"
        }
        _files() { show *(N) }
        _message() { true }
        typeset -a words=("$@")
        integer CURRENT=$#
        source $FUNCTION
    """

    def setUp(self):
        if not shutil.which("zsh"):
            self.skipTest("zsh is not installed")
        super().setUp()

    def ask(self, *words):
        environment = dict(self.environment, FUNCTION=str(FOLDER / "_auraio"))
        return set(output("zsh", "-f", "-c", self.SCRIPT, "zsh", *words, cwd=self.folder, env=environment).split())

    def test_zsh_takes_it_for_the_completion_of_auraio(self):
        script = 'fpath=("$1" $fpath); autoload -Uz compinit; compinit -u -D; print -r -- $_comps[auraio]'
        self.assertEqual("_auraio", output("zsh", "-f", "-c", script, "zsh", str(FOLDER)).strip())


if __name__ == "__main__":
    FOLDER, AURAIO = pathlib.Path(sys.argv[1]).resolve(), str(pathlib.Path(sys.argv[2]).resolve())
    unittest.main(argv=[sys.argv[0], "-v"])
