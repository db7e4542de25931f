# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# fio with our engine: Debian's source package, unpacked and made in build-fio/, or a tree that is there already.
# fio is made too rather than installed, because the engine must see its structures exactly as it does.
#
# shellcheck disable=SC2154 # jobs is build.sh's

# fetch_fio: Debian's source of fio into build-fio/fio. Lists of sources are often not configured, so these are our
# own, beside the system's, which stays as it is.
fetch_fio() {
    local here=build-fio codename
    local apt=(-o "Dir::Etc::SourceParts=$PWD/$here/apt" -o Dir::Etc::SourceList=/dev/null
        -o "Dir::State::Lists=$PWD/$here/lists" -o "Dir::Cache=$PWD/$here/cache")
    mkdir -p "$here/apt" "$here/lists/partial" "$here/cache/archives/partial"
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
    cat >"$here/apt/fio.sources" <<SOURCES
Types: deb-src
URIs: http://deb.debian.org/debian
Suites: ${codename:-stable}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
SOURCES
    quietly apt-get "${apt[@]}" update
    (cd "$here" && quietly apt-get "${apt[@]}" source --download-only fio && quietly dpkg-source -x fio_*.dsc fio)
}

# make_fio_engine SOURCE: the engine for a source tree in which fio was made
make_fio_engine() {
    compile build-fio/auraio "${CC:-cc}" "-Dfio-source=$1" -Dtests=disabled -Dbench=disabled -Dtools=disabled \
        -Dexamples=disabled -Dcpp=disabled
}

fio_engine=build-fio/auraio/tools/fio/auraio-fio.so

# run_fio [DIR]: the engine for the fio source tree DIR, or Debian's; verified, and compared with io_uring
run_fio() {
    local source=${1:-$PWD/build-fio/fio}
    if [[ ! -d $source ]]; then
        echo "fetching the source of fio"
        fetch_fio
    fi
    if [[ ! -x $source/fio ]]; then
        echo "making fio in $source"
        # The program, not build.sh's function.
        (cd "$source" && quietly ./configure && quietly env make -j"$jobs" fio)
    fi
    make_fio_engine "$source"
    python3 tools/fio/check.py verify "$source/fio" "$fio_engine"
    python3 tools/fio/check.py compare "$source/fio" "$fio_engine"
    echo "to use it: $source/fio --ioengine=external:$PWD/$fio_engine ..."
}

# Where ./dev fio has been: its jobs are part of the tests. Fetching it would make them need a network.
test_fio() {
    local source=$PWD/build-fio/fio
    if [[ ! -x $source/fio ]]; then
        echo "left out the fio engine: no fio was made here (./dev fio fetches and makes it)"
        return 0
    fi
    step "build of the fio engine" make_fio_engine "$source" &&
        step "fio verifies what it wrote through the engine" \
            python3 tools/fio/check.py verify "$source/fio" "$fio_engine"
}
