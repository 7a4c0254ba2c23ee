# Completion for fish, 3.2 or newer.
#
# The wrapped command is completed by its own completion. The options are those of
# "k8s-token-cache --help": tests/it/completions.rs compares.

# Looks at the words before the cursor. Prints the verb, if there is one. If the wrapped command has
# begun, prints "command", and in further lines the command up to the cursor.
function __k8s_token_cache_scan
    set -l words (commandline -opc) (commandline -ct)
    set -l verb
    set -e words[1]
    while set -q words[2]
        switch $words[1]
            case --inject --restore --list --explain --clear --warm --doctor --help --version
                set verb $words[1]
            case --key-env --user --command
                set -e words[1]
            case --
                printf '%s\n' command $words[2..-1]
                return
            case '-*'
            case '*'
                contains -- "$verb" --inject --restore --warm
                and break
                printf '%s\n' command $words
                return
        end
        set -e words[1]
    end
    echo $verb
end

function __k8s_token_cache_in
    set -l found (__k8s_token_cache_scan)
    contains -- "$found[1]" $argv
end

function __k8s_token_cache_complete_command
    set -l found (__k8s_token_cache_scan)
    if test "$found[1]" = command
        __fish_complete_subcommand --commandline $found[2..-1]
    else if test -n "$found[1]" -o -n (commandline -ct)
        __fish_complete_command
    end
end

# kubectl knows which kubeconfigs count, and prints the heading NAME first.
function __k8s_token_cache_users
    kubectl config get-users 2>/dev/null | tail -n +2
end

complete -c k8s-token-cache -f

complete -c k8s-token-cache -n '__k8s_token_cache_in ""' -l inject -d 'Put the cache in front of the exec plugins'
complete -c k8s-token-cache -n '__k8s_token_cache_in ""' -l restore -d 'Remove it again'
complete -c k8s-token-cache -n '__k8s_token_cache_in ""' -l list -d 'Show what is cached'
complete -c k8s-token-cache -n '__k8s_token_cache_in ""' -l explain -d 'Show what a credential depends on'
complete -c k8s-token-cache -n '__k8s_token_cache_in ""' -l clear -d 'Remove every credential, or one'
complete -c k8s-token-cache -n '__k8s_token_cache_in ""' -l warm -d 'Fetch every credential now'
complete -c k8s-token-cache -n '__k8s_token_cache_in ""' -l doctor -d 'Check kubeconfigs, plugins, cache and encryption key'
complete -c k8s-token-cache -n '__k8s_token_cache_in ""' -l help -d 'Show the usage'
complete -c k8s-token-cache -n '__k8s_token_cache_in ""' -l version -d 'Show the version'

# Without a letter typed, offer the options and not every command.
complete -c k8s-token-cache -n '__k8s_token_cache_in ""; and test -z (commandline -ct)' \
    -a '--inject --restore --list --explain --clear --warm --doctor --help --version --key-env'

complete -c k8s-token-cache -n '__k8s_token_cache_in "" --explain --clear' -x -l key-env \
    -d 'Environment variables to include in the cache key' -a '(set --names --export)'
complete -c k8s-token-cache -n '__k8s_token_cache_in "" --explain --clear command' \
    -a '(__k8s_token_cache_complete_command)'

complete -c k8s-token-cache -n '__k8s_token_cache_in --inject --restore' -l dry-run -d 'Show what would change'
complete -c k8s-token-cache -n '__k8s_token_cache_in --inject --restore' -l quiet -d 'Print nothing, and wait for nothing'
complete -c k8s-token-cache -n '__k8s_token_cache_in --inject --restore --explain --clear' -x -l user -d 'Only this user' \
    -a '(__k8s_token_cache_users)'
complete -c k8s-token-cache -n '__k8s_token_cache_in --inject' -l absolute \
    -d 'Write the paths of cache and plugin'
complete -c k8s-token-cache -n '__k8s_token_cache_in --inject' -x -l command -d 'The command to write' \
    -a '(__fish_complete_command)'
complete -c k8s-token-cache -n '__k8s_token_cache_in --inject --restore --warm' -F

complete -c k8s-token-cache -n '__k8s_token_cache_in --list' -l json -d 'For programs'
