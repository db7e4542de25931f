#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Projects of somebody else's that take a released tarball: as a Meson wrap (static and shared libraries, with and
# without wrap_mode=nofallback, the controller alone), installed and found by pkg-config (shared and static) and by
# CMake. Each is built from nothing and its programs are run. Needs build tools and what the library is declared to
# need, no more: it runs in a bare chroot, too (scripts/chroot.sh).
#
# usage: consumers.sh TARBALL WORK
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
tarball=$(realpath "${1:?usage: consumers.sh TARBALL WORK}")
rm -rf "${2:?usage: consumers.sh TARBALL WORK}"
mkdir -p "$2"
work=$(cd "$2" && pwd)
unset PKG_CONFIG_PATH CMAKE_PREFIX_PATH LD_LIBRARY_PATH
passed=0
# Where this system has libraries: of several levels where it keeps those of several architectures.
multiarch=$(cc -print-multiarch 2>/dev/null || true)
libdir=lib${multiarch:+/$multiarch}

# said COMMAND...: quiet unless it fails
said() {
    if ! "$@" >"$work/said.txt" 2>&1; then
        echo "FAILED: $*" >&2
        cat "$work/said.txt" >&2
        exit 1
    fi
}

passes() {
    passed=$((passed + 1))
    echo "passed   consumer: $1"
}

# wrapped PROJECT HOW OPTION...: a copy of a project with the wrap, configured, built and tested
wrapped() {
    local project=$1 copy=$work/wrap-$1-$2 build=$work/wrap-$1-$2/build
    mkdir -p "$copy"
    cp -r "$here/$project" "$here/consumer-programs" "$copy/"
    mkdir "$copy/$project/subprojects"
    "$here/../packaging/wrap.sh" "$tarball" "file://$tarball" >"$copy/$project/subprojects/auraio.wrap"
    said meson setup "$build" "$copy/$project" -Dbuildtype=debug "${@:3}"
    said ninja -C "$build"
    said meson test -C "$build"
    # Nothing of the subproject but the library: neither its tests nor what it would install beside it.
    if meson test -C "$build" --list 2>/dev/null | grep -q '^auraio'; then
        echo "FAILED: tests of the library are among those of a project that uses it" >&2
        exit 1
    fi
    said meson install -C "$build" --destdir "$copy/staged"
    if find "$copy/staged" -type f | grep -E '/(bin|doc|man)/' >&2; then
        echo "FAILED: that was installed beside the library" >&2
        exit 1
    fi
}

# linked PROGRAM shared|static
linked() {
    local kind=static
    if readelf --dynamic "$1" | grep -q 'NEEDED.*libauraio'; then kind=shared; fi
    if [[ $kind != "$2" ]]; then
        echo "FAILED: $1 is linked $kind, not $2" >&2
        exit 1
    fi
}

test_wraps() {
    local kind
    for kind in static shared; do
        wrapped consumer-wrap "$kind" -Ddefault_library=$kind
        linked "$work/wrap-consumer-wrap-$kind/build/in_c" $kind
        passes "Meson wrap, $kind, C and C++"
    done
    wrapped consumer-wrap nofallback -Ddefault_library=static --wrap-mode=nofallback
    passes "Meson subproject, nofallback, C and C++"
    wrapped consumer-adapt alone
    passes "Meson wrap, the controller alone, in C"
}

install_tarball() {
    mkdir "$work/source"
    tar -x -f "$tarball" -C "$work/source" --strip-components=1
    said meson setup "$work/build" "$work/source" -Dprefix="$work/prefix" -Dlibdir="$libdir" \
        -Dbuildtype=debug -Ddefault_library=both -Dtests=disabled -Dbench=disabled -Dexamples=disabled
    said meson install -C "$work/build"
}

test_pkgconfig() {
    local link
    export PKG_CONFIG_PATH=$work/prefix/$libdir/pkgconfig LD_LIBRARY_PATH=$work/prefix/$libdir
    cp -r "$here/consumer-pkgconfig" "$here/consumer-programs" "$work/"
    for link in '' --static; do
        said make -C "$work/consumer-pkgconfig" --always-make test LINK=$link
        linked "$work/consumer-pkgconfig/in_c" "$([[ -z $link ]] && echo shared || echo static)"
        passes "pkg-config ${link:-shared}, C, C++, the controller alone"
    done
    unset PKG_CONFIG_PATH LD_LIBRARY_PATH
}

test_cmake() {
    # Moved, which its files must not notice.
    mv "$work/prefix" "$work/moved"
    cp -r "$here/consumer-cmake" "$work/"
    said cmake -S "$work/consumer-cmake" -B "$work/consumer-cmake/build" -DCMAKE_PREFIX_PATH="$work/moved"
    said cmake --build "$work/consumer-cmake/build"
    said env LD_LIBRARY_PATH="$work/moved/$libdir" ctest --test-dir "$work/consumer-cmake/build" \
        --output-on-failure
    linked "$work/consumer-cmake/build/c" shared
    linked "$work/consumer-cmake/build/c-static" static
    passes "CMake, shared and static, C, C++, the controller alone"
}

test_wraps
install_tarball
test_pkgconfig
test_cmake
echo "consumers: $passed passed"
