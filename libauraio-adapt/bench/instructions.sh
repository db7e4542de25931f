#!/bin/sh
# Instructions a completion, counted by callgrind: exact, where the machine's clock is not.
# usage: instructions.sh BENCH_PROGRAM
set -eu
bench=$1
command -v valgrind >/dev/null || { echo "valgrind is not installed: no instruction counts"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

count() {
    valgrind --tool=callgrind --callgrind-out-file="$dir/out" "$bench" "$1" >"$dir/log" 2>&1
    completions=$(awk '/completions/ { print $1 }' "$dir/log")
    awk -v n="$completions" '/^summary:|^totals:/ { print $2 / n; exit }' "$dir/out"
}

empty=$(count empty)
for subject in none target; do
    count "$subject" | awk -v empty="$empty" -v what="$subject" \
        '{ printf "controller, target %-8s %6.1f instructions a completion\n", what, $1 - empty }'
done
