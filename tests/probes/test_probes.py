#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The static probes of a library: test_probes.py LIBRARY PROGRAM SCRIPT...

readelf finds each with its arguments; gdb stops PROGRAM (the endpoint example, which reads until its standard input
ends) at some of them, and sees what they pass; the bpftrace SCRIPTs attach to it, and see its operations. What is not
there, or not allowed, is left out, and said.
"""

import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile

PROBES = {"submit": 6, "dispatch": 4, "complete": 6, "wait_begin": 2, "wait_end": 2, "ring_create": 4, "file": 4, "limit_change": 6}
GATED = {"limit_change"}
SECONDS = 60
SCRIPT_SECONDS = 20


def run(*command):
    """What a command prints."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False)
    return done.stdout


def check_notes(library):
    """Every probe has its note, its arguments, and a semaphore where it needs one."""
    notes = run("readelf", "--notes", "--wide", library)
    found = re.findall(r"Provider: auraio\s+Name: (\w+)\s+Location: \S+, Base: \S+, Semaphore: (\S+)\s+Arguments: (.*)", notes)
    assert {name for name, _, _ in found} == set(PROBES), f"{sorted({name for name, _, _ in found})}"
    for name, semaphore, arguments in found:
        count = len(re.findall(r"-?[1248]@", arguments))
        assert count == PROBES[name], f"{name} passes {arguments}"
        assert (int(semaphore, 16) != 0) == (name in GATED), f"{name} has the semaphore {semaphore}"
    print(f"readelf: {len(found)} places of {len(PROBES)} probes")


def check_gdb(program):
    """A debugger stops at a submission and at its completion, and reads what they pass."""
    if not shutil.which("gdb"):
        print("gdb is not here: no probe was stopped at")
        return
    said = run("gdb", "-batch", "-nx", "-ex", "set breakpoint pending on", "-ex", "set startup-with-shell off",
               "-ex", "break main", "-ex", "run", "-ex", "break -probe-stap auraio:submit", "-ex", "continue",
               "-ex", "printf \"opcode %d, %d bytes\\n\", $_probe_arg3, $_probe_arg4", "-ex", "delete",
               "-ex", "break -probe-stap auraio:complete", "-ex", "continue",
               "-ex", "printf \"result %d\\n\", $_probe_arg4", "-ex", "kill", program)
    if "ptrace: Operation not permitted" in said:
        print("gdb may not trace here: no probe was stopped at")
        return
    assert "opcode 1, 4096 bytes" in said and "result 4096" in said, said
    print("gdb: stopped at a submission of 4096 bytes and at a completion of 4096")


def watch(script, library, process):
    """What a script says about a running program; None when the kernel doesn't let it attach."""
    with tempfile.NamedTemporaryFile("w", suffix=".bt") as here:
        here.write(re.sub(r"usdt:[^:]*:", f"usdt:{library}:", pathlib.Path(script).read_text(encoding="utf-8")))
        here.write("\ninterval:s:1 { exit(); }\n")
        here.flush()
        command = ["bpftrace", "-p", str(process.pid), here.name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as tracer:
            try:
                said = tracer.communicate(timeout=SCRIPT_SECONDS)[0]
            except subprocess.TimeoutExpired:
                tracer.send_signal(signal.SIGINT)
                said = tracer.communicate(timeout=SECONDS)[0]
    assert "syntax error" not in said and "Error finding location" not in said, said
    return said if tracer.returncode == 0 and "Attaching" in said else None


def check_scripts(library, program, scripts):
    """The scripts attach to a running program, and the one for latencies sees its reads."""
    if not shutil.which("bpftrace"):
        print("bpftrace is not here: its scripts were not tried")
        return
    said = run("bpftrace", "-e", 'BEGIN { printf("works\\n"); exit(); }')
    if "works" not in said:
        print("bpftrace may not run here: its scripts were not tried")
        return
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert select.select([process.stdout], [], [], SECONDS)[0], f"{program} does not start"
        for script in scripts:
            name = pathlib.Path(script).name
            said = watch(script, library, process)
            if said is None:
                print(f"bpftrace may not attach here: {name} was not tried")
            elif "latency" in name:
                assert "@read_us[" in said and "@failed" not in said, said
                print(f"{name} saw reads")
            else:
                assert "CAUSE" in said, said
                print(f"{name} attached")
        process.stdin.close()
        assert process.wait(SECONDS) == 0


def main(library, program, *scripts):
    """All of it."""
    check_notes(library)
    check_gdb(program)
    check_scripts(str(pathlib.Path(library).resolve()), program, scripts)


main(*sys.argv[1:])
