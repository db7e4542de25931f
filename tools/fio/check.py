#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The fio engine at work: check.py verify|compare FIO ENGINE [FOLDER]

verify   fio's own verification: random writes of one and of many sizes, buffered and O_DIRECT, with fsync and
         batches, are read back and compared by their checksums; a damaged byte is found.
compare  4K random reads at several depths beside fio's io_uring engine, in turns: medians, and their ratio.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

SECONDS = 120
ROUNDS = 5
DEPTHS = (1, 32)
COMMON = ["--output-format=json", "--randrepeat=1", "--thread=0"]
VERIFY = {
    "buffered": ["--rw=randwrite", "--bs=4k", "--iodepth=32"],
    "O_DIRECT": ["--rw=randwrite", "--bs=4k", "--iodepth=32", "--direct=1"],
    "batches": ["--rw=randwrite", "--bs=4k", "--iodepth=64", "--direct=1", "--iodepth_batch=16", "--iodepth_batch_complete_min=8"],
    "many sizes": ["--rw=randwrite", "--bssplit=512/20:4k/40:12k/20:64k/10:256k/10", "--iodepth=8"],
    "fsync": ["--rw=randwrite", "--bs=4k", "--iodepth=16", "--fsync=32", "--fdatasync=8", "--direct=1"],
    "read and write": ["--rw=randrw", "--bs=8k", "--iodepth=16"],
    "in order": ["--rw=write", "--bs=1m", "--iodepth=4", "--direct=1"],
    "one at a time": ["--rw=randwrite", "--bs=4k", "--iodepth=1", "--size=4m"],
    "fixed limit": ["--rw=randwrite", "--bs=4k", "--iodepth=128", "--direct=1", "--auraio_adaptive=0"],
    "latency target": ["--rw=randwrite", "--bs=4k", "--iodepth=128", "--direct=1", "--auraio_target_p99_us=2000"],
    "threads": ["--rw=randwrite", "--bs=4k", "--iodepth=8", "--thread=1", "--numjobs=2", "--size=8m"],
}


def start(fio, engine, folder, *options):
    """Run a job; what it ended with."""
    command = [fio, "--name=job", f"--ioengine={engine}", f"--directory={folder}", *COMMON, *options]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=SECONDS, check=False)


def report(done):
    """fio's document: what comes before is its warnings."""
    assert done.returncode == 0, f"{' '.join(done.args)}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout[done.stdout.index("{"):])


def verify(fio, engine, folder):
    """Every job verifies what it wrote, and what is damaged on purpose is found."""
    for name, options in VERIFY.items():
        document = report(start(fio, engine, folder, "--size=16m", "--verify=crc32c", "--do_verify=1", "--verify_fatal=1", *options))
        written, read = (sum(job[kind]["io_bytes"] for job in document["jobs"]) for kind in ("write", "read"))
        assert written > 0 and read >= written, f"{name}: {written} bytes written, {read} read"
        print(f"verified {name}: {written >> 20} MiB written, {read >> 20} MiB read")
    check_damage(fio, engine, folder)
    done = start(fio, engine, folder, "--rw=read", "--size=1m", "--iodepth=40000")
    said = done.stdout + done.stderr
    assert done.returncode != 0 and "queue_depth is 40000" in said, f"an iodepth beyond the library's: {said}"
    print("verified that a refusal is told in the library's words")


def check_damage(fio, engine, folder):
    """A verification that can fail: one byte on the disk is another."""
    written = ["--rw=write", "--bs=4k", "--iodepth=8", "--size=1m", "--verify=crc32c", "--filename=damaged"]
    report(start(fio, engine, folder, *written, "--do_verify=0"))
    with open(pathlib.Path(folder) / "damaged", "r+b") as damaged:
        damaged.seek(5000)
        byte = damaged.read(1)
        damaged.seek(5000)
        damaged.write(bytes([byte[0] ^ 1]))
    done = start(fio, engine, folder, *written, "--verify_only=1")
    assert done.returncode != 0 and "verify" in done.stderr + done.stdout, "a damaged byte was not found"
    print("verified that a damaged byte is found")


def reads_per_second(fio, engine, folder, depth, direct):
    """IOPS and 99th percentile in microseconds of one turn."""
    job = report(start(fio, engine, folder, "--filename=reads", "--rw=randread", "--bs=4k", "--size=256m", f"--iodepth={depth}", f"--direct={direct}", "--time_based", "--runtime=1"))["jobs"][0]["read"]
    return job["iops"], job["clat_ns"]["percentile"]["99.000000"] / 1e3


def compare(fio, engine, folder):
    """Turns A B A B, medians of each and of the rounds' ratios."""
    print(f"{'4K random reads':24} {'auraio':>10} {'p99':>8} {'io_uring':>10} {'p99':>8} {'ratio':>6}")
    for direct, name in ((1, "O_DIRECT"), (0, "cached")):
        for depth in DEPTHS:
            rounds = [(reads_per_second(fio, engine, folder, depth, direct), reads_per_second(fio, "io_uring", folder, depth, direct)) for _ in range(ROUNDS)]
            ours, theirs = ([turn[which] for turn in rounds] for which in (0, 1))
            figures = [statistics.median(turn[part] for turn in side) for side in (ours, theirs) for part in (0, 1)]
            ratio = statistics.median(mine[0] / other[0] for mine, other in rounds)
            print(f"{name + ', depth ' + str(depth):24} {figures[0]:10.0f} {figures[1]:5.0f} us {figures[2]:10.0f} {figures[3]:5.0f} us {ratio:6.3f}", flush=True)


def main(verb, fio, engine, parent="/var/tmp"):
    """O_DIRECT needs a file system on a disk: /var/tmp rather than /tmp."""
    with tempfile.TemporaryDirectory(dir=parent, prefix="auraio-fio-") as folder:
        {"verify": verify, "compare": compare}[verb](os.path.abspath(fio), f"external:{os.path.abspath(engine)}", folder)


main(*sys.argv[1:])
