# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Simulation: schedules from seeds, and proof that it finds bugs: those of tests/planted are put into copies of
# the tree, one by one.
#
# shellcheck disable=SC2154 # with_asserts is checks.sh's

run_simulation() {
    configure build-debug gcc "${with_asserts[@]}" -Dwerror=true
    make build-debug tests/simulate/simulate
    build-debug/tests/simulate/simulate "$@"
}

# copy_tree DIR: what git knows of this tree, as it is now
copy_tree() {
    rm -rf "$1"
    mkdir -p "$1"
    git ls-files -z | xargs -0 cp --parents -t "$1"
}

# find_planted PATCH: whether the simulation finds it
find_planted() {
    local name said copy status=0
    name=$(basename "$1" .patch)
    copy=build-planted/$name
    copy_tree "$copy"
    patch --quiet --strip=1 --directory="$copy" <"$1"
    (
        cd "$copy" || exit
        configure build gcc "${with_asserts[@]}"
        make build tests/simulate/simulate
    )
    said=$("$copy/build/tests/simulate/simulate" --seeds 10000 2>&1) || status=$?
    if ((status == 1)); then
        echo "found    $name: ${said%%$'\n'*}"
    else
        echo "MISSED   $name: ${said%%$'\n'*} (status $status)"
        return 1
    fi
}

find_all_planted() {
    local patch missed=0
    for patch in tests/planted/*.patch; do
        find_planted "$patch" || missed=1
    done
    return "$missed"
}
