#!/bin/sh
# SPDX-License-Identifier: MIT
# Wrong calls of auraio-bench and auraio-demo: each gets its own message and exit status 2, and prints nothing else.
# usage: test_cli.sh AURAIO-BENCH AURAIO-DEMO
bench=$1 demo=$2 failed=0

# fails STATUS MESSAGE PROGRAM ARGUMENT...
fails() {
    expected=$1 message=$2
    shift 2
    said=$("$@" 2>&1 >/dev/null)
    status=$?
    case $said in
    *"$message"*) ;;
    *) echo "$*: said '$said', not '$message'"; failed=1 ;;
    esac
    [ $status -eq "$expected" ] || { echo "$*: exit status $status, not $expected"; failed=1; }
}

# refused MESSAGE PROGRAM ARGUMENT...
refused() {
    fails 2 "$@"
}

# prints TEXT PROGRAM ARGUMENT...
prints() {
    text=$1
    shift
    said=$("$@" 2>&1)
    status=$?
    case $said in
    *"$text"*) ;;
    *) echo "$*: does not print '$text'"; failed=1 ;;
    esac
    [ $status -eq 0 ] || { echo "$*: exit status $status, not 0"; failed=1; }
}

refused "no row is named by 'nosuch'" "$bench" nosuch
refused "no row is named by 'peers/3'" "$bench" --rows peers/3
refused "--runs must be a number from 1 to 25, not '26'" "$bench" --runs 26
refused "--limit must be a number" "$bench" --limit 0
refused "--nosuch" "$bench" --nosuch
refused "takes the name of one peer" "$bench" run
refused "there is no peer 'nosuch'" "$bench" run nosuch
refused "--depth must be a number from 1 to 4096, not '0'" "$bench" run raw --depth 0
refused "--ops must be a number" "$bench" run raw --ops -1
refused "--lanes must be a number from 1 to 16, not 'two'" "$bench" run raw --lanes two
refused "--ops 5 is less than --depth 32" "$bench" run raw --ops 5
refused "takes no arguments" "$demo" here
prints "usage: auraio-bench" "$bench" --help
prints "usage: auraio-demo" "$demo" --help
prints "posix-aio" "$bench" --list
prints "." "$bench" --version

# What the machine lacks, and files that are something else, are told before anything is measured.
diary=$(mktemp) || exit 1
echo "my diary" >"$diary"
fails 1 "needs gnuplot" env PATH=/nonexistent "$bench" --svg chart.svg idle
fails 1 "is no journal of auraio-bench" "$bench" --smoke --dir . --journal "$diary" idle
fails 1 "can't make the data file" "$bench" --smoke --dir /nonexistent idle
[ "$(cat "$diary")" = "my diary" ] || { echo "the diary was written to"; failed=1; }
rm -f "$diary" auraio-bench-16M.data
exit $failed
