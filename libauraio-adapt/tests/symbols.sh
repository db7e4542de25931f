#!/bin/sh
# The library is pure: its objects need nothing but the functions of libc and libm listed here (no clock, thread, allocation or
# I/O), and its shared form shows nothing but auraio_* names.
# usage: symbols.sh NM STATIC_LIBRARY SHARED_LIBRARY
set -eu
nm=$1 static=$2 shared=$3

allowed='^(memset|memcpy|memmove|exp|log|sqrt|hypot|cbrt|ceil|__errno_location|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_)$'
instrumented='^(__asan_|__ubsan_|__sanitizer_|__sancov_|__gcov_|__llvm_|__tsan_|__odr_asan)'

needed=$("$nm" -u "$static" | awk 'NF == 2 && $1 == "U" { print $2 }' | sort -u)
own=$("$nm" --defined-only "$static" | awk 'NF == 3 { print $3 }' | sort -u)
status=0
for symbol in $needed; do
    if printf '%s\n' "$own" | grep -qxF "$symbol"; then
        continue
    fi
    if ! printf '%s\n' "$symbol" | grep -qE "$allowed|$instrumented"; then
        echo "forbidden: $static needs $symbol" >&2
        status=1
    fi
done

exported=$("$nm" -D --defined-only "$shared" | awk 'NF == 3 && $2 != "A" { print $3 }')
[ -n "$exported" ] || { echo "$shared exports nothing" >&2; status=1; }
for symbol in $exported; do
    case $symbol in
    auraio_*) ;;
    *)
        if ! printf '%s\n' "$symbol" | grep -qE "$instrumented"; then
            echo "leaked: $shared exports $symbol" >&2
            status=1
        fi
        ;;
    esac
done
exit $status
