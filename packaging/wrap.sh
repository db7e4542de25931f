#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Prints the wrap file of a released tarball, in the form that Meson's WrapDB has.
# usage: wrap.sh TARBALL URL-OF-THE-TARBALL
set -euo pipefail
tarball=${1:?usage: wrap.sh TARBALL URL}
url=${2:?usage: wrap.sh TARBALL URL}
name=$(basename "$tarball")
sed -e "s|@DIRECTORY@|${name%.tar.*}|" -e "s|@URL@|$url|" -e "s|@FILENAME@|$name|" \
    -e "s|@HASH@|$(sha256sum "$tarball" | cut -d ' ' -f 1)|" "$(dirname "${BASH_SOURCE[0]}")/auraio.wrap.in"
