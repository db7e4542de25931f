#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: apply.sh TREE
#
# Planted bugs fit the tree as it is: else `./dev simulate --planted` would show nothing.
set -eu
cd "$1"
for file in tests/planted/*.patch; do
    patch --dry-run --quiet --strip=1 <"$file" || {
        echo "$file does not apply: make it anew" >&2
        exit 1
    }
done
