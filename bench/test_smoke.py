#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every row of auraio-bench once, as short as it goes: test_smoke.py AURAIO-BENCH DOCUMENT.PY PERFORMANCE.MD

None may fail; the JSON must be JSON and hold every row that --list names; the chart, where gnuplot is, must be
XML; an interrupted run must go on from its journal; and the documentation must take the figures, twice over
without a change.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

SECONDS = 240
LEFT = 3


def run(*command, status=0):
    """Standard output of a command that must end with this status."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != status:
        sys.exit(f"{command}: status {done.returncode}, not {status}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def check_rows(bench, document):
    """Every row of the list is there, and none failed."""
    listed = re.findall(r"^  (\S+/\S+)", run(bench, "--list").split("\nwho they are:")[0], re.MULTILINE)
    rows = {row["row"]: row for row in document["rows"]}
    assert listed and list(rows) == listed, set(listed) ^ set(rows)
    for name, row in rows.items():
        assert "failed" not in row, f"{name}: {row['failed']}"
        assert row["figures"] or row["left_out"], name
        for figure in row["figures"]:
            assert figure["ours"] is not None and figure["low"] <= figure["high"], (name, figure)
    assert len(document["goals"]) == len({row["goal"] for row in rows.values() if "goal" in row})


def check_documentation(script, page, data, folder):
    """The page takes the figures between its marks and nowhere else; a second time changes nothing."""
    copy = folder / "performance.md"
    shutil.copy(page, copy)
    run(sys.executable, script, data, copy)
    once = copy.read_text(encoding="utf-8")
    outside = r"<!-- bench:begin -->.*<!-- bench:end -->"
    blank = [re.sub(outside, "", text, flags=re.DOTALL) for text in (once, pathlib.Path(page).read_text("utf-8"))]
    assert blank[0] == blank[1]
    for row in json.loads(data.read_text(encoding="utf-8"))["rows"]:
        assert row["row"] in once, row["row"]
    run(sys.executable, script, data, copy)
    assert copy.read_text(encoding="utf-8") == once


def main(bench, script, page):
    """Everything; an assertion or a status says what is wrong."""
    with tempfile.TemporaryDirectory(dir=".") as name:
        folder = pathlib.Path(name)
        options = [bench, "--smoke", "--dir", name, "--journal", str(folder / "journal")]
        data = folder / "bench.json"
        data.write_text(run(*options, "--limit", "1", "--json", status=LEFT), encoding="utf-8")
        kept = (folder / "journal").read_bytes()
        assert kept.count(b"\n") > 1
        check_documentation(script, page, data, folder)
        draw = ["--svg", str(folder / "chart.svg")] if shutil.which("gnuplot") else []
        data.write_text(run(*options, "--json", *draw), encoding="utf-8")
        assert (folder / "journal").read_bytes().startswith(kept)
        check_rows(bench, json.loads(data.read_text(encoding="utf-8")))
        if draw:
            root = xml.etree.ElementTree.parse(folder / "chart.svg").getroot()
            assert root.tag.endswith("svg")
        else:
            print("the chart is not looked at: there is no gnuplot")
        check_documentation(script, page, data, folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
