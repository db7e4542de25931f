#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Put the figures of `auraio-bench --json` into documentation: document.py JSON PAGE...

In each page the text between <!-- bench:begin --> and <!-- bench:end --> becomes the run, its targets and every
row; between <!-- bench:goals:begin --> and <!-- bench:goals:end --> the targets alone. What stands there before
is replaced, so that no figure is written by hand.
"""

import json
import pathlib
import re
import sys


def short(value):
    """A number for people: three or four digits, thousands and millions as k and M."""
    if value is None:
        return ""
    for size, unit in ((1e6, " M"), (1e4, " k")):
        if value >= size:
            return f"{value / (1e6 if size == 1e6 else 1e3):.4g}{unit}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def exact(value):
    """A ratio or another figure that is compared: thousandths, where there are any."""
    return f"{value:.3f}" if 0 < abs(value) < 10 else f"{value:.4g}"


def table(headings, rows):
    """A table of Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def bound(item):
    """What is to be reached, as people write it."""
    return f"≥ {item['at_least']:.4g}" if "at_least" in item else f"≤ {item['at_most']:.4g}"


def verdict(item):
    """Missed targets stand out."""
    word = item.get("verdict", "")
    return f"**{word}**" if word.startswith("missed") else word


def span(item):
    """The interval, unless it is a point."""
    low, high = item.get("low"), item.get("high")
    return "" if low is None or low == high else f"{exact(low)} to {exact(high)}"


def goals_of(run):
    """Each target, and the figure that is furthest from it."""
    rows = []
    for goal in run["goals"]:
        reached = ["", "", "not measured", ""]
        if goal["measured"]:
            reached = [exact(goal["value"]), span(goal), verdict(goal), f"`{goal['worst']}`"]
        rows.append([goal["what"], bound(goal), *reached])
    return table(["what", "to reach", "worst figure", run["spread"], "", "row"], rows)


def others_of(row):
    """The figures beside the first, short."""
    texts = []
    for figure in row["figures"][1:]:
        if figure["unit"] == "op/s":
            texts.append(f"{figure['label']} {exact(figure['ratio'])}")
        elif "theirs" in figure:
            texts.append(f"{figure['label']} {short(figure['ours'])} : {short(figure['theirs'])} {figure['unit']}")
        else:
            texts.append(f"{figure['label']} {short(figure['ours'])} {figure['unit']}".strip())
    return ", ".join(texts)


def line_of(row):
    """A row of the table of its case."""
    name = [f"`{row['row']}`", row["ours"]]
    if not row.get("figures"):
        return [*name, "", "", "", row.get("left_out") or row.get("failed") or "not measured", "", ""]
    first = row["figures"][0]
    target = f"{bound(row)} {verdict(row)}" if "goal" in row else ""
    ratio = exact(first["ratio"]) if "theirs" in first else ""
    return [*name, f"{short(first['ours'])} {first['unit']}".strip(), short(first.get("theirs")), ratio, span(first),
            target, others_of(row)]


def cases_of(run):
    """Every case with its rows."""
    text = ""
    for case in run["cases"]:
        rows = [line_of(row) for row in run["rows"] if row["case"] == case["name"]]
        if rows:
            text += f"\n### {case['name']}\n\n{case['title'][0].upper()}{case['title'][1:]}.\n\n"
            text += table(["row", "ours is", "ours", "theirs", "ratio", run["spread"], "target", "also"], rows)
    return text


def heading_of(run):
    """How the figures came about."""
    counts = [row["runs"] for row in run["rows"] if row["runs"] > 0]
    runs = f"{min(counts)} to {max(counts)}" if len(set(counts)) > 1 else str(max(counts, default=0))
    return (f"`{run['command']}`: AuraIO {run['auraio']}, {run['cpus']} CPUs ({run['processor']}), "
            f"Linux {run['kernel']}, {runs} run{'' if runs == '1' else 's'} of each row.\n")


def put(text, mark, block):
    """The text with the block between its marks, if it has them."""
    pattern = re.compile(rf"(<!-- {mark}:begin -->\n).*?(<!-- {mark}:end -->)", re.DOTALL)
    return pattern.sub(lambda found: f"{found[1]}\n{block}\n{found[2]}", text)


def main(data, *pages):
    """Rewrite the pages; one without marks is a mistake."""
    run = json.loads(pathlib.Path(data).read_text(encoding="utf-8"))
    run["spread"] = "range of runs" if max(row["runs"] for row in run["rows"]) > 1 else "95 % sure"
    goals = f"{heading_of(run)}\n{goals_of(run)}"
    for name in pages:
        page = pathlib.Path(name)
        text = page.read_text(encoding="utf-8")
        if "<!-- bench:begin -->" not in text and "<!-- bench:goals:begin -->" not in text:
            sys.exit(f"{name}: has no place for the figures")
        text = put(text, "bench:goals", goals)
        page.write_text(put(text, "bench", f"{goals}{cases_of(run)}"), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit("usage: document.py JSON PAGE...")
    main(*sys.argv[1:])
