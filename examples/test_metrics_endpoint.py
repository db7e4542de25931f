#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The example's endpoint, as a scraper sees it: test_metrics_endpoint.py PROGRAM

What it serves is parsed by the rules of the exposition format 0.0.4, and more strictly than by Prometheus itself:
HELP and TYPE once and before the samples of their family, which follow each other; no sample twice; base units;
buckets that ascend, cumulate and end with the count. Where promtool is there, its opinion is asked too.
"""

import http.client
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.request

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
COMMENT = re.compile(rf"# (HELP|TYPE) ({NAME}) (.+)")
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? ([0-9]+(?:\.[0-9]{{1,9}})?)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="([^"\\\n]*)"(,|$)')
SECONDS = 30


class Family:
    """What belongs to one name."""

    def __init__(self, text):
        self.help, self.type, self.samples = text, None, {}


def labels_of(text):
    """The labels between the braces."""
    labels, place = {}, 0
    while place < len(text):
        found = LABEL.match(text, place)
        assert found, f"labels {text!r}"
        assert found[1] not in labels, f"label {found[1]} twice in {text!r}"
        labels[found[1]] = found[2]
        place = found.end()
    return labels


def parse(text):
    """Families by name, of a text that keeps every rule."""
    assert text.endswith("\n"), "the last line has no end"
    families, name = {}, None
    for line in text[:-1].split("\n"):
        comment = COMMENT.fullmatch(line)
        if comment and comment[1] == "HELP":
            name = comment[2]
            assert name not in families, f"{name} begins twice"
            families[name] = Family(comment[3])
            continue
        family = families[name]
        if comment:
            assert comment[2] == name and family.type is None and not family.samples, line
            assert comment[3] in ("counter", "gauge", "histogram"), line
            family.type = comment[3]
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, f"line {line!r}"
        suffix = sample[1].removeprefix(name) if family.type == "histogram" else ""
        assert sample[1] == name + suffix and family.type, line
        assert family.type != "histogram" or suffix in ("_bucket", "_sum", "_count"), line
        key = suffix, tuple(sorted(labels_of(sample[2] or "").items()))
        assert key not in family.samples, f"{line!r} comes twice"
        family.samples[key] = float(sample[3])
    return families


def check_histogram(name, family):
    """Buckets ascend and cumulate, the last one is the count, and the sum lies where they say."""
    series = {labels for suffix, labels in family.samples if suffix == "_count"}
    assert series, f"{name} has no count"
    for labels in series:
        bounds = []
        for (suffix, all_labels), value in family.samples.items():
            rest = tuple(label for label in all_labels if label[0] != "le")
            if suffix == "_bucket" and rest == labels:
                bounds.append((float(dict(all_labels)["le"]), value))
        assert bounds == sorted(bounds) and len(bounds) == len(dict(bounds)), f"{name}: {bounds}"
        values = [value for _, value in bounds]
        assert values == sorted(values), f"{name} does not cumulate: {values}"
        count, total = family.samples["_count", labels], family.samples["_sum", labels]
        assert bounds[-1] == (float("inf"), count), f"{name} ends with {bounds[-1]}, not with {count}"
        lower = [0.0] + [bound for bound, _ in bounds[:-1]]
        inside = [later - earlier for earlier, later in zip([0] + values, values)]
        least = sum(low * number for low, number in zip(lower, inside))
        assert least * 0.98 <= total, f"{name}: the sum {total} is below {least}, the least that the buckets allow"


def check_families(families):
    """Each has a type and keeps the conventions of its kind."""
    for name, family in families.items():
        assert family.type and family.samples and family.help.endswith("."), name
        assert (family.type == "counter") == name.endswith("_total"), name
        if family.type == "histogram":
            check_histogram(name, family)


def fetch(url):
    """The text of a page that is served as Prometheus asks."""
    with urllib.request.urlopen(url, timeout=SECONDS) as answer:
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4", answer.headers["Content-Type"]
        return answer.read().decode("ascii")


def check_counters(before, after):
    """None falls, and the load in between shows."""
    for name, family in before.items():
        if family.type == "gauge":
            continue
        for key, value in family.samples.items():
            assert after[name].samples[key] >= value, f"{name} {key} fell from {value}"
    operations, moved = (sum(after[name].samples.values()) for name in ("auraio_ring_operations_total", "auraio_ring_io_bytes_total"))
    assert operations > sum(before["auraio_ring_operations_total"].samples.values()), "nothing was read in between"
    assert moved == operations * 4096, f"{moved} bytes in {operations} reads of 4096"
    measured = sum(value for (suffix, _), value in after["auraio_ring_latency_seconds"].samples.items() if suffix == "_count")
    assert measured == operations, f"{measured} latencies of {operations} reads"


def ask_promtool(text):
    """Prometheus' own parser and its opinion of the names."""
    if not shutil.which("promtool"):
        print("promtool is not here (Debian: prometheus): only the strict parser has judged")
        return
    done = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0 and not done.stdout, f"promtool: {done.stdout}"
    print("promtool has nothing to say")


def check_other_requests(url):
    """What is not a request for /metrics is answered, whatever it is."""
    try:
        fetch(url.replace("/metrics", "/secrets"))
        raise AssertionError("/secrets is there")
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
    connection = http.client.HTTPConnection(url.split("/")[2], timeout=SECONDS)
    connection.request("GET", "/metrics", headers={"Long": "x" * 4000})
    assert connection.getresponse().status == 200
    connection.close()


def main(program):
    """Start it, ask twice, end it."""
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:
        url = served.stdout.readline().strip()
        first = fetch(url)
        second = fetch(url)
        check_other_requests(url)
        served.stdin.close()
        assert served.wait(SECONDS) == 0, "it ends with its standard input"
    before, after = parse(first), parse(second)
    check_families(before)
    check_families(after)
    check_counters(before, after)
    ask_promtool(second)
    print(f"{len(after)} families, {sum(len(family.samples) for family in after.values())} samples")


main(sys.argv[1])
