# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What the tree needs, and how to tell whether it is there. What is missing is installed with apt-get, and
# nothing else is: a machine that has everything is never touched, and one without apt-get is told the list.

# group | Debian package | how to tell that what we need of it is there
needs='
build|gcc|command -v gcc
build|libc6-dev|has_header stdio.h
build|meson|command -v meson
build|ninja-build|command -v ninja
build|pkg-config|command -v pkg-config
build|liburing-dev|pkg-config --exists "liburing >= 2.3"
build|libnuma-dev|has_header numa.h
build|libaio-dev|has_header libaio.h
build|libuv1-dev|pkg-config --exists libuv
build|strace|command -v strace
build|valgrind|command -v valgrind
build|g++|command -v g++
tests|clang|command -v clang
tests|libclang-rt-dev|clang_sanitizes
tests|libcriterion-dev|pkg-config --exists criterion
chart|gnuplot-nox|command -v gnuplot
tests|systemtap-sdt-dev|has_header sys/sdt.h
tests|cmake|command -v cmake
tests|make|command -v make
coverage|gcovr|command -v gcovr
vm|qemu-system-x86|command -v qemu-system-x86_64
vm|cpio|command -v cpio
vm|e2fsprogs|test -x /sbin/mke2fs
abi|abigail-tools|command -v abidiff
deb|debhelper|command -v dh
deb|dpkg-dev|command -v dpkg-buildpackage
deb|lintian|command -v lintian
fio|dpkg-dev|command -v dpkg-source
fio|make|command -v make
fio|zlib1g-dev|has_header zlib.h
chroot|debootstrap|command -v debootstrap
docs|man-db|command -v man
docs|groff|command -v groff
docs|doxygen|command -v doxygen
docs|zsh|command -v zsh
docs|mandoc|command -v mandoc
lint|clang-format|command -v clang-format
lint|shellcheck|command -v shellcheck
lint|git|command -v git
'

has_header() {
    echo "#include <$1>" | gcc -fsyntax-only -x c -
}

clang_sanitizes() {
    echo 'int main(void) { return 0; }' | clang -fsanitize=thread -x c - -o /dev/null &&
        echo 'int main(void) { return 0; }' | clang -fsanitize=address,undefined -x c - -o /dev/null
}

# missing GROUP...: print the packages of these groups that are not there
missing() {
    local group package check
    while IFS='|' read -r group package check; do
        [[ -n $group && " $* " == *" $group "* ]] || continue
        eval "$check" >/dev/null 2>&1 || echo "$package"
    done <<<"$needs"
}

# need GROUP...: install what is missing of these groups, or say how and stop
need() {
    local packages sudo=()
    mapfile -t packages < <(missing "$@")
    ((${#packages[@]} > 0)) || return 0
    local command="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    ((EUID == 0)) || sudo=(sudo)
    if ! command -v apt-get >/dev/null || { ((EUID != 0)) && ! command -v sudo >/dev/null; }; then
        echo "./dev: missing: ${packages[*]}" >&2
        echo "Install them, on Debian as root with:" >&2
        echo "    $command" >&2
        exit 1
    fi
    echo "installing ${packages[*]}"
    quietly "${sudo[@]}" apt-get update
    quietly "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "${packages[@]}"
    mapfile -t packages < <(missing "$@")
    if ((${#packages[@]} > 0)); then
        echo "./dev: installed, and still missing: ${packages[*]}" >&2
        exit 1
    fi
    forget_answers
}
