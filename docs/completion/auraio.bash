# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# bash completion for the auraio command. Commands, options and what an option takes are read from --help when they are
# needed, so that this file is never behind the program; models and policies come from `auraio sim --list`.

# _auraio_words KIND HELP...: what may stand for an option's argument, by the word that --help has for it
_auraio_words() {
    local program=$1 kind=$2 option=$3
    case $kind:$option in
    WHEN:*) echo auto always never ;;
    NAME:--policy) _auraio_listed "$program" policies ;;
    KIND:--rw) echo randread read write randwrite mixed ;;
    TIME:--target) echo each none ;;
    esac
}

# _auraio_listed PROGRAM SECTION: the names that `auraio sim --list` has in a section
_auraio_listed() {
    "$1" sim --list 2>/dev/null | sed -n "/^$2:/,/^\$/s/^  \([^ ]*\) .*/\1/p"
}

# _auraio_takes PROGRAM COMMAND OPTION: the word that --help has for the option's argument, and its long name
_auraio_takes() {
    "$1" "$2" --help 2>/dev/null |
        sed -n -E "s/^ +(-[a-z], +)?(--[a-z0-9-]+)( ([A-Z]+))?( .*)?\$/\1 \2 \4/p" |
        awk -v option="$3" '{ sub(",", "") } $1 == option || $2 == option {
            print ($NF ~ /^[A-Z]+$/ ? $NF : "-"), ($1 ~ /^--/ ? $1 : $2) }'
}

_auraio() {
    local program=${COMP_WORDS[0]} word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} kind long words
    COMPREPLY=()
    # --option=value is three words to bash.
    if [[ $before == = ]]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    elif [[ $word == = ]]; then
        word=
    fi
    if ((COMP_CWORD == 1)); then
        words=$("$program" --help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p')
        mapfile -t COMPREPLY < <(compgen -W "$words --help" -- "$word")
        return
    fi
    read -r kind long < <(_auraio_takes "$program" "$command" "$before")
    if [[ $before == -* && ${kind:--} != - ]]; then
        if [[ $kind == FILE ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            compopt -o filenames 2>/dev/null
        else
            mapfile -t COMPREPLY < <(compgen -W "$(_auraio_words "$program" "$kind" "$long")" -- "$word")
        fi
    elif [[ $word == -* ]]; then
        words=$("$program" "$command" --help 2>/dev/null | sed -n -E 's/^ +(-[a-z], +)?(--[a-z0-9-]+).*/\2/p')
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    elif [[ $command == sim ]]; then
        words=$(_auraio_listed "$program" models)
        mapfile -t COMPREPLY < <(compgen -W "$words curve: trace:" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames 2>/dev/null
    fi
}

complete -F _auraio auraio
