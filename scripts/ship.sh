# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# From the tree to what others take: the tarball of a release and the projects that use it, the interface against the
# last release, Debian packages, a release. Everything is made in build-ship/, of what is committed; the tree is
# never written to.
#
# shellcheck disable=SC2154 # jobs is build.sh's

ship=build-ship

# The tarball of what is committed; prints its path. Meson makes it with git.
make_tarball() {
    local uncommitted
    uncommitted=$(git status --porcelain --untracked-files=no)
    [[ -z $uncommitted ]] || echo "./dev: what is not committed is not in the tarball" >&2
    configure $ship/dist "${CC:-cc}" -Dtests=disabled -Dbench=disabled -Dexamples=disabled >&2
    quietly meson dist -C $ship/dist --no-tests --allow-dirty --formats xztar >&2
    find "$PWD/$ship/dist/meson-dist" -name "auraio-$(<VERSION).tar.xz"
}

is_repository() {
    git rev-parse --git-dir >/dev/null 2>&1
}

run_consumers() {
    local tarball
    tarball=$(make_tarball)
    tests/consumers.sh "$tarball" $ship/consumers
}

test_consumers() {
    if ! is_repository; then
        echo "skipped  consumers of the tarball: only a git repository can make one"
        return
    fi
    step "consumers of the tarball" run_consumers
}

# build_shared SOURCE BUILD: the shared libraries of a tree with debugging information, for abidiff
build_shared() {
    [[ -e $2/build.ninja ]] || quietly meson setup "$2" "$1" -Dbuildtype=debugoptimized -Ddefault_library=shared \
        -Dtests=disabled -Dbench=disabled -Dexamples=disabled -Dtools=disabled
    make "$2"
}

last_release() {
    git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null
}

# What programs were linked with is still there: every shared library of the last release, and its version nodes.
compare_with_release() {
    local tag=$1 old new status=0
    rm -rf $ship/last $ship/last-build $ship/now-build
    mkdir -p $ship/last
    git archive "$tag" | tar -x -C $ship/last
    build_shared $ship/last $ship/last-build
    build_shared . $ship/now-build
    for old in "$ship"/last-build/libauraio*/libauraio*.so; do
        new=$ship/now-build/${old#"$ship"/last-build/}
        if [[ ! -e $new ]]; then
            echo "${new##*/} was in $tag, and is not made any more"
            status=1
            continue
        fi
        echo "${new##*/} against $tag:"
        # Any change but an addition: whether a member that moves breaks a program, abidiff leaves to the reader.
        abidiff --no-added-syms --suppressions tests/abi/allowed.suppr \
            --headers-dir1 $ship/last/libauraio/include --headers-dir1 $ship/last/libauraio-adapt/include \
            --headers-dir2 libauraio/include --headers-dir2 libauraio-adapt/include "$old" "$new" || status=1
    done
    return "$status"
}

test_abi() {
    local tag
    if ! is_repository || ! tag=$(last_release); then
        echo "skipped  interface against the last release: there is no tag v..."
        return
    fi
    need abi
    step "interface against $tag" compare_with_release "$tag"
}

# Source and binary packages. The tests that debian/rules names run.
build_packages() {
    local source=$ship/deb/auraio
    rm -rf $ship/deb
    mkdir -p "$source"
    git archive HEAD | tar -x -C "$source"
    (cd "$source" && DEB_BUILD_OPTIONS="parallel=$jobs ${DEB_BUILD_OPTIONS-}" \
        quietly dpkg-buildpackage --unsigned-source --unsigned-changes)
    ls $ship/deb/*.deb
}

check_packages() {
    lintian --fail-on error,warning --display-info --info $ship/deb/*.changes
}

# A release has one version number, and says what is in it.
check_version() {
    local version=$1 status=0
    grep -qxE "## $version, [0-9]{4}-[0-9]{2}-[0-9]{2}" CHANGELOG.md ||
        { echo "CHANGELOG.md: the heading of $version needs its date: ## $version, $(date +%F)"; status=1; }
    [[ $(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog) == "$version" ]] ||
        { echo "debian/changelog: its first entry is not for $version"; status=1; }
    grep -qxE "Version: +$version" rpm/auraio.spec ||
        { echo "rpm/auraio.spec: Version is not $version"; status=1; }
    ! git rev-parse -q --verify "refs/tags/v$version" >/dev/null ||
        { echo "VERSION: v$version is released already; raise it"; status=1; }
    [[ -z $(git status --porcelain) ]] || { echo "the tree has changes that are not committed"; status=1; }
    return "$status"
}

# make_release URL: the tarball, tried, with its wrap; the tag and the signature are the person's
make_release() {
    local version tarball out=$ship/release
    version=$(<VERSION)
    if ! check_version "$version"; then
        echo "./dev: not ready to be released" >&2
        return 1
    fi
    tarball=$(make_tarball)
    tests/consumers.sh "$tarball" $ship/consumers
    rm -rf $out
    mkdir -p $out
    cp "$tarball" $out/
    (cd $out && sha256sum "${tarball##*/}" >"${tarball##*/}.sha256sum")
    packaging/wrap.sh "$tarball" "$1/${tarball##*/}" >$out/auraio.wrap
    echo "in $out/: the tarball, its hash, the wrap. What is left is yours:"
    echo "    git tag --sign v$version -m 'AuraIO $version'"
    echo "    gpg --armor --detach-sign $out/${tarball##*/}"
    echo "    git push origin v$version"
    echo "and copy $out/ to $1/"
}
