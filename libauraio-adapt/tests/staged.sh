#!/bin/sh
# Both examples build and run from a staged install: by hand with pkg-config, and in a fresh Meson project.
# usage: staged.sh BUILD_ROOT EXAMPLES_DIR
set -eu
build=$1 examples=$2
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

DESTDIR="$dir/stage" meson install -C "$build" --no-rebuild --quiet
# --prefix may be anything: the .pc files say where.
pc=$(find "$dir/stage" -name auraio-adapt.pc)
[ -n "$pc" ] || { echo "auraio-adapt.pc was not installed" >&2; exit 1; }
prefix=$(sed -n 's/^prefix=//p' "$pc")
libdir=$(sed -n 's/^libdir=//p' "$pc" | sed "s|\${prefix}|$prefix|")
PKG_CONFIG_PATH=$(dirname "$pc")
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR="$dir/stage"
export LD_LIBRARY_PATH="$dir/stage$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
cc=${CC:-cc}

echo "by hand:"
# Paths of system libraries must not get the sysroot: Criterion is asked for apart.
criterion=$(env -u PKG_CONFIG_SYSROOT_DIR pkg-config --cflags --libs criterion)
# What pkg-config prints is several words.
# shellcheck disable=SC2046
$cc -D_GNU_SOURCE "$examples/limit_pool.c" $(pkg-config --cflags --libs auraio-adapt) -pthread -o "$dir/limit_pool"
"$dir/limit_pool" "$examples/limit_pool.c" 0.1
# shellcheck disable=SC2046,SC2086
$cc "$examples/policy_test.c" $(pkg-config --cflags --libs auraio-adapt-sim) $criterion -o "$dir/policy_test"
"$dir/policy_test"

echo "in a fresh Meson project:"
mkdir "$dir/project"
cp "$examples/limit_pool.c" "$examples/policy_test.c" "$dir/project"
cat >"$dir/project/meson.build" <<'PROJECT'
project('fresh', 'c', default_options: ['c_std=gnu11'])
executable('limit_pool', 'limit_pool.c', dependencies: [dependency('auraio-adapt'), dependency('threads')])
executable('policy_test', 'policy_test.c', dependencies: dependency('auraio-adapt-sim'),
  c_args: get_option('c_args'), link_args: ['-lcriterion'])
PROJECT
meson setup "$dir/out" "$dir/project" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
ninja -C "$dir/out" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
"$dir/out/limit_pool" "$dir/project/limit_pool.c" 0.1
"$dir/out/policy_test"
