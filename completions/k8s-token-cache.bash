# Completion for bash. Needs the package bash-completion, version 1 or 2, as kubectl's own does.
#
# The wrapped command is completed by its own completion. The options are those of
# "k8s-token-cache --help": tests/it/completions.rs compares.

# shellcheck disable=SC2207 # The bash of macOS has no mapfile, and what is split here has no blanks.

_k8s_token_cache() {
    local cur prev verb='' command=''
    # A user may be called arn:aws:eks:..., and readline splits words at colons.
    _get_comp_words_by_ref -n := cur prev
    COMPREPLY=()
    _k8s_token_cache_scan

    case $verb in
        --list) _k8s_token_cache_offer --json ;;
        --doctor | --help | --version) ;;
        --inject | --restore | --warm) _k8s_token_cache_edit ;;
        *)
            if [[ -n $command ]]; then
                _command_offset "$command"
            elif [[ $prev == --key-env ]]; then
                _k8s_token_cache_variables "$cur"
            elif [[ $cur == --key-env=* ]]; then
                _k8s_token_cache_variables "${cur#*=}"
            elif [[ ( $verb == --explain || $verb == --clear ) && $prev == --user ]]; then
                _k8s_token_cache_users "$cur"
            elif [[ ( $verb == --explain || $verb == --clear ) && $cur == --user=* ]]; then
                _k8s_token_cache_users "${cur#*=}"
            elif [[ -z $verb && ( -z $cur || $cur == -* ) ]]; then
                _k8s_token_cache_offer --key-env --inject --restore --list --explain --clear \
                    --warm --doctor --help --version
            elif [[ $cur != -* ]]; then
                COMPREPLY=($(compgen -c -- "$cur"))
            elif [[ $verb == --explain || $verb == --clear ]]; then
                _k8s_token_cache_offer --key-env --user
            else
                _k8s_token_cache_offer --key-env
            fi
            ;;
    esac
}

# Looks at the words before the cursor. Sets verb, and command to the index in COMP_WORDS of the wrapped
# command. Readline splits --key-env=NAME into three words.
_k8s_token_cache_scan() {
    local i
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --inject | --restore | --list | --explain | --clear | --warm | --doctor | --help | --version)
                verb=${COMP_WORDS[i]}
                ;;
            --key-env | --user | --command)
                [[ ${COMP_WORDS[i + 1]} != = ]] || ((i++))
                ((i++))
                ;;
            --)
                command=$((i + 1))
                return
                ;;
            -*) ;;
            *)
                command=$i
                return
                ;;
        esac
    done
}

# Completes after the verbs that take kubeconfigs.
_k8s_token_cache_edit() {
    if [[ $verb == --warm ]]; then
        _filedir
    elif [[ $prev == --user ]]; then
        _k8s_token_cache_users "$cur"
    elif [[ $cur == --user=* ]]; then
        _k8s_token_cache_users "${cur#*=}"
    elif [[ $verb == --inject && $prev == --command ]]; then
        COMPREPLY=($(compgen -c -- "$cur"))
    elif [[ $cur != -* ]]; then
        _filedir
    elif [[ $verb == --inject ]]; then
        _k8s_token_cache_offer --dry-run --quiet --user --command --absolute
    else
        _k8s_token_cache_offer --dry-run --quiet --user
    fi
}

_k8s_token_cache_offer() {
    COMPREPLY=($(compgen -W "$*" -- "$cur"))
}

# Completes the last of several names, which are separated by commas.
_k8s_token_cache_variables() {
    local before=''
    [[ $1 != *,* ]] || before=${1%,*},
    COMPREPLY=($(compgen -v -P "$before" -- "${1##*,}"))
}

# kubectl knows which kubeconfigs count, and prints the heading NAME first.
_k8s_token_cache_users() {
    local user
    while IFS= read -r user; do
        [[ $user != "$1"* ]] || COMPREPLY+=("$(printf %q "$user")")
    done < <(kubectl config get-users 2>/dev/null | tail -n +2)
    __ltrim_colon_completions "$1"
}

complete -F _k8s_token_cache k8s-token-cache
