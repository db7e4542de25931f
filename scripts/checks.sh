# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Checks. The step_ functions run one thing and count it; the test_ functions are made of steps; summarise()
# runs some of those, whatever becomes of each, and prints what they came to, alone on the last line, also when
# a signal ends it: what did not run must never look like success.
#
# shellcheck disable=SC2154 # jobs is build.sh's

passed=0
failed=0

summarise_at_exit() {
    trap 'finish $?' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
}

finish() {
    trap - EXIT INT TERM
    if (($1 != 0)); then
        echo "FAILED   stopped before the end (status $1)"
        failed=$((failed + 1))
    fi
    echo "$passed passed, $failed failed"
    exit $((failed > 0))
}

summarise() {
    local check
    summarise_at_exit
    for check in "$@"; do
        "$check" || true # counted already
    done
    exit 0
}

# count NAME STARTED STATUS: what has run from then to now
count() {
    if (($3 == 0)); then
        passed=$((passed + 1))
        echo "passed   $1 ($((SECONDS - $2)) s)"
    elif (($3 == 77)); then
        echo "skipped  $1"
        return 0
    else
        failed=$((failed + 1))
        echo "FAILED   $1 (status $3 after $((SECONDS - $2)) s)"
    fi
    return "$3"
}

# step NAME COMMAND...: one command that must succeed
step() {
    local started=$SECONDS status=0
    quietly "${@:2}" || status=$?
    count "$1" "$started" "$status"
}

# step_shown NAME COMMAND...: the same, and what it says is shown
step_shown() {
    local started=$SECONDS status=0
    "${@:2}" || status=$?
    count "$1" "$started" "$status"
}

# step_tests NAME DIR [TEST...]: tests of a configured directory
step_tests() {
    local started=$SECONDS name=$1 log=$2/meson-logs/testlog.json said=$2/meson-logs/said.txt status=0
    local counts more_passed more_failed
    rm -f "${log%.json}"*.json
    if on_terminal; then
        meson test -C "$2" --num-processes "$jobs" "${@:3}" || status=$?
    else
        meson test -C "$2" --num-processes "$jobs" "${@:3}" >"$said" 2>&1 || status=$?
    fi
    [[ -s $log ]] || log=$(compgen -G "${log%.json}-*.json" || echo "$log") # a wrapper's name is part of it
    [[ -s $log ]] || on_terminal || tail -n 60 "$said"
    counts=$(python3 scripts/testlog.py "$name" "$log")
    read -r more_passed more_failed <<<"${counts##*$'\n'}"
    sed '$d' <<<"$counts"
    if ((status != 0 && more_failed == 0)); then
        echo "FAILED   $name: meson test ended with status $status"
        more_failed=1
    fi
    passed=$((passed + more_passed))
    failed=$((failed + more_failed))
    echo "tested   $name: $more_passed passed, $more_failed failed ($((SECONDS - started)) s)"
    ((more_failed == 0))
}

test_build_gcc() {
    step "release build, gcc" compile build-gcc gcc -Dwerror=true
}

test_build_clang() {
    step "release build, clang" compile build-clang clang -Dwerror=true
}

with_asserts=(-Dbuildtype=debugoptimized -Db_ndebug=false)

test_suite() {
    step "build with asserts" compile build-debug gcc "${with_asserts[@]}" -Dwerror=true &&
        step_tests "with asserts" build-debug
}

# What runs on rings; the other suites have nothing to do with the backend.
ring_suites=(--suite api --suite contract --suite options --suite ring --suite facade --suite examples
    --suite cpp)

# step_refused ERRNO DIR SUITE...: tests where a seccomp filter refuses io_uring with that error
step_refused() {
    step_tests "io_uring refused with $1" "$2" --wrapper "$PWD/$2/tests/support/refuse-uring $1" "${@:3}"
}

test_threads() {
    AURAIO_BACKEND=threads step_tests "on threads" build-debug "${ring_suites[@]}" || true
    step_refused EPERM build-asan --suite api --suite contract
}

# Everything but what measures or shows io_uring itself.
without_uring=(--no-suite bench --no-suite docs)

test_refused() {
    local error
    step "build with asserts" compile build-debug gcc "${with_asserts[@]}" -Dwerror=true || return
    for error in EPERM ENOSYS ENOMEM; do
        step_refused "$error" build-debug "${without_uring[@]}" || true
    done
    test_sysctl || true
    AURAIO_BACKEND=threads step_tests "on threads" build-debug "${without_uring[@]}"
}

# Every point of every loop, of some of which the tests try a sample; prints how many there were.
test_failures() {
    local backend mode program=build-debug/tests/failures/failures
    export AURAIO_TEST_DIR=$PWD/build-debug/tests/failures
    step "build with asserts" compile build-debug gcc "${with_asserts[@]}" -Dwerror=true || return
    for backend in uring threads; do
        for mode in ADAPTIVE CPU_LOCAL ROUND_ROBIN THREAD_LOCAL; do
            step_shown "failures on $backend" env AURAIO_BACKEND=$backend "$program" $mode || true
        done
    done
}

# Changes the machine for as long as the tests run, whatever ends them.
test_sysctl() {
    local file=/proc/sys/kernel/io_uring_disabled before status=0
    if [[ ! -w $file ]]; then
        echo "skipped  sysctl kernel.io_uring_disabled: needs root and Linux 6.6"
        return
    fi
    before=$(<"$file")
    # shellcheck disable=SC2064 # the value of now
    trap "echo $before >$file; finish \$?" EXIT
    echo 2 >"$file"
    step_tests "kernel.io_uring_disabled=2" build-debug "${without_uring[@]}" || status=1
    echo "$before" >"$file"
    trap 'finish $?' EXIT
    return "$status"
}

test_asan() {
    export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
    # clang, because gcc's null check of a thread-local variable's address cries wolf: it looks at the flags of
    # the addition that makes the address, which the linker replaces by an instruction that sets none.
    step "build with ASan and UBSan" compile build-asan clang "${with_asserts[@]}" \
        -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fno-sanitize-recover=all \
        -Dcpp_args=-fno-sanitize-recover=all &&
        step_tests "ASan and UBSan" build-asan
}

# Race programs are those named race-... or "... race"; Criterion can't run under ThreadSanitizer.
race_programs() {
    meson test -C "$1" --list 2>/dev/null | sed -n 's/.* \/ //p' | grep -E '(^|[ -])race(-|$)'
}

test_tsan() {
    local programs=()
    export TSAN_OPTIONS=halt_on_error=1
    step "set-up with TSan" configure build-tsan clang "${with_asserts[@]}" \
        -Db_sanitize=thread -Db_lundef=false || return
    mapfile -t programs < <(race_programs build-tsan)
    step_tests "TSan" build-tsan "${programs[@]}" || true
    AURAIO_BACKEND=threads step_tests "TSan, on threads" build-tsan "${programs[@]}"
}

test_valgrind() {
    local checked=(valgrind -q --leak-check=full --error-exitcode=99)
    step "build for valgrind" compile build-debug gcc "${with_asserts[@]}" -Dwerror=true || return
    # It prints its buffer as a string, up to a zero that nobody wrote: fresh memory has one.
    step "valgrind, quick start" "${checked[@]}" --undef-value-errors=no \
        build-debug/examples/example_quick_start || true
    step "valgrind, buffer pool" "${checked[@]}" build-debug/libauraio-pool/tests/pool-race || true
}

# The tests of the documentation say what they ran, and what could not run and why.
test_docs() {
    step "build" compile build "${CC:-cc}" &&
        step "reference in build/docs/reference/html, manual in build/docs/man" ninja -C build reference &&
        step_tests "documentation" build --suite docs
    sed -n '/^[0-9]* blocks run:/,/^=/{/^=/d;p}' build/meson-logs/testlog.txt
}

test_everything() {
    summarise test_build_gcc test_build_clang test_suite test_asan test_threads test_tsan test_valgrind \
        test_consumers test_abi test_fio
}

# component | its sources
components='
libauraio-adapt|libauraio-adapt/(src|include)/
libauraio-pool|libauraio-pool/(src|include)/
libauraio-ring|libauraio-ring/(src|include)/
libauraio|libauraio/(src|include)/
bindings/cpp|bindings/cpp/include/
'

# All but those that look at what a library contains: instrumented ones contain more, and allocate.
tests_for_coverage() {
    meson test -C "$1" --no-suite install --list 2>/dev/null | sed -n 's/.* \/ //p' |
        grep -vxE 'adapt-(symbols|no-malloc)'
}

measure_coverage() {
    local data=build-coverage/coverage.json tests component sources lines below=0 least=90
    # Threads count at once: plain counters lose counts, and wrap.
    compile build-coverage gcc -Dbuildtype=debug -Db_coverage=true -Dc_args=-fprofile-update=atomic
    find build-coverage -name '*.gcda' -delete
    mapfile -t tests < <(tests_for_coverage build-coverage)
    step_tests "for coverage" build-coverage --timeout-multiplier 4 "${tests[@]}" || below=1
    gcovr -j "$jobs" -r . --object-directory build-coverage --json "$data"
    while IFS='|' read -r component sources; do
        [[ -n $component ]] || continue
        lines=$(gcovr -r . -a "$data" --filter "$sources" --print-summary --json-summary /dev/null |
            sed -n 's/^lines: \([0-9.]*\)%.*/\1/p')
        printf '%-16s %5s %% of lines\n' "$component" "$lines"
        awk "BEGIN { exit !(${lines:-0} < $least) }" && below=1
    done <<<"$components"
    if ((below)); then
        echo "./dev: a test failed, or coverage is below $least %" >&2
        return 1
    fi
}

# Programs of the documentation stay as they are printed there.
our_sources() {
    git ls-files -z -- '*.c' '*.h' '*.cpp' '*.hpp' \
        ':!examples/quick_start.c' ':!tests/install/quickstart.c' ':!tests/install/migrated.c' \
        ':!examples/cpp/quick_start.cpp' ':!bindings/cpp/tests/seed_copy.cpp'
}

# By name, or by their first line.
our_scripts() {
    {
        git ls-files -z -- '*.sh' '*.bash'
        git grep -lzE '^#!/(bin/sh|usr/bin/env bash)$'
    } | sort -zu
}

lint() {
    local status=0
    our_sources | xargs -0 clang-format --dry-run -Werror || status=1
    our_sources | xargs -0 python3 scripts/lengths.py || status=1
    our_scripts | xargs -0 shellcheck -x || status=1
    ((status == 0)) && echo "nothing to complain about"
}

# bench_document [ARG...]: all rows five times over (or as ARG says), into the documentation and its chart
bench_document() {
    local data=build/bench.json
    need chart
    build/bench/auraio-bench --runs 5 "$@" --json --svg docs/images/bench.svg >"$data"
    python3 bench/document.py "$data" docs/performance.md README.md
}

bench_adapt() {
    local listed suites=(--benchmark --suite adapt --suite sim)
    listed=$(meson test -C build "${suites[@]}" --list 2>/dev/null)
    if [[ $listed != *' / '* ]]; then
        echo "./dev: libauraio-adapt has no benchmark" >&2
        return 1
    fi
    meson test -C build "${suites[@]}" --verbose
}

# On the file system of the build, not in /tmp, which may be memory.
run_soak() {
    configure build-debug gcc "${with_asserts[@]}" -Dwerror=true
    make build-debug tests/soak/soak
    AURAIO_TEST_DIR=build-debug build-debug/tests/soak/soak "$@"
}

# Fuzzers are the targets named fuzz-... that are not built unless asked for; the corpus of one is in a folder
# "corpus" beside its source.
fuzzers_of() {
    meson introspect "$1" --targets | python3 -c '
import json, os, sys
for target in json.load(sys.stdin):
    if target["name"].startswith("fuzz-") and not target["build_by_default"]:
        print(os.path.relpath(target["filename"][0], sys.argv[1]))' "$1"
}

run_fuzzers() {
    local fuzzers fuzzer work
    # All of the library is instrumented, and a fuzzer adds its loop.
    configure build-fuzz clang "${with_asserts[@]}" -Db_sanitize=address,undefined -Db_lundef=false \
        "-Dc_args=-fsanitize=fuzzer-no-link -fno-sanitize-recover=all"
    mapfile -t fuzzers < <(fuzzers_of build-fuzz)
    if ((${#fuzzers[@]} == 0)); then
        echo "./dev: the tree has no fuzzer" >&2
        return 1
    fi
    make build-fuzz "${fuzzers[@]}"
    for fuzzer in "${fuzzers[@]}"; do
        work=build-fuzz/found-${fuzzer##*/}
        mkdir -p "$work"
        echo "fuzzing ${fuzzer##*/} for $1 s; what it finds stays in $work"
        "build-fuzz/$fuzzer" -max_total_time="$1" -timeout=60 -artifact_prefix="$work/" \
            -print_final_stats=1 \
            "$work" "${fuzzer%/*}/corpus"
    done
}
