# shellcheck shell=sh
# Sourced by what makes packages, where the installation was staged: pages_of adapt | library prints the pages of
# section 3 whose header is auraio/adapt*.h, or another. Pages are there when the build makes them.
pages_of()
{
    find usr/share/man -path '*/man3/auraio*' 2>/dev/null | while read -r page; do
        read -r first <"$page"
        case $first in
        .so\ *) shown=usr/share/man/${first#.so } ;;
        *) shown=$page ;;
        esac
        if grep -q '^\.In auraio/adapt' "$shown"; then belongs=adapt; else belongs=library; fi
        [ "$belongs" = "$1" ] && echo "$page"
    done
    true
}
