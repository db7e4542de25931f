#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Wrong calls of ./dev: each says what was wrong and how the verb is called, and ends with status 2; nothing is
# installed or built for them.
# usage: test_dev.sh DEV
set -euo pipefail
dev=$1
failed=0

# refused MESSAGE ARGUMENT...
refused() {
    local message=$1 said status=0
    shift
    said=$("$dev" "$@" 2>&1 >/dev/null) || status=$?
    if [[ $said != *"$message"*"usage: ./dev VERB"* || $status != 2 ]]; then
        echo "./dev $*: status $status, and says: $said"
        failed=1
    fi
}

refused "there is no verb 'nosuch'" nosuch
refused "there is no verb '--nosuch'" --nosuch
refused "demo takes 0 arguments, not 2" demo here there
refused "test takes 0 arguments, not 1" test everything
refused "bench adapt takes 0 arguments, not 1" bench adapt more
refused "build knows gcc and clang, not 'tcc'" build tcc
refused "vm --nodes takes a number" vm --nodes many
refused "vm does not know --colour" vm --colour 3
refused "vm needs a CPU for each node" vm --nodes 4 --cpus 2
refused "simulate --planted takes 0 arguments, not 1" simulate --planted more
refused "docs takes 0 arguments, not 1" docs all
refused "fuzz takes 1 argument, not 0" fuzz
refused "fuzz takes a number of seconds, not '-3'" fuzz -3
refused "abi knows record, not 'forget'" abi forget
refused "release takes 1 argument, not 0" release
refused "release takes the address" release there
refused "install takes an absolute path, not 'here'" install here
refused "clean takes 0 arguments, not 1" clean build

listed=$("$dev")
for verb in setup build demo test bench docs coverage asan tsan valgrind vm simulate lint format fuzz consumers abi deb chroot release install clean; do
    if [[ $listed != *$'\n'"  $verb "* ]]; then
        echo "./dev does not list $verb"
        failed=1
    fi
done
exit "$failed"
