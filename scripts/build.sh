# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Configuring and compiling. Everything uses as many processes as this one may use CPUs, no more.

jobs=$(nproc)

on_terminal() {
    [[ -t 1 && ${CI:-false} != true ]]
}

# Run a command. On a terminal it shows what it does; elsewhere only what it said when it failed.
quietly() {
    if on_terminal; then
        "$@"
        return
    fi
    local said status=0
    said=$("$@" 2>&1) || status=$?
    ((status == 0)) || printf '%s\n' "$*" "$said" | tail -n 60
    return "$status"
}

# The answers of compiler checks ("no such header") may be wrong after something was installed.
forget_answers() {
    local cache
    for cache in build*/meson-private/coredata.dat; do
        [[ ! -e $cache ]] || quietly meson configure --clearcache "${cache%/meson-private/coredata.dat}"
    done
}

cxx_of() {
    case $1 in
    clang*) echo "${1/clang/clang++}" ;;
    gcc*) echo "${1/gcc/g++}" ;;
    *) echo c++ ;;
    esac
}

# configure DIR COMPILER OPTION...: static and shared; also when it was before, because options and dependencies change
configure() {
    local dir=$1 compiler=$2 again=()
    [[ ! -e $dir/meson-private/coredata.dat ]] || again=(--reconfigure)
    CC=$compiler CXX=$(cxx_of "$compiler") quietly meson setup "$dir" "${again[@]}" \
        -Ddefault_library=both "${@:3}"
}

# make DIR TARGET...: everything that is wrong at once, not only the first
make() {
    local how=()
    on_terminal || how=(--quiet)
    quietly ninja -C "$1" -j "$jobs" -k 0 "${how[@]}" "${@:2}"
}

# compile DIR COMPILER OPTION...
compile() {
    configure "$@" && make "$1"
}
