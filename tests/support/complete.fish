# usage: fish complete.fish COMPLETIONS LINE: prints what fish offers at the end of that line.

# Otherwise fish starts a process that reads every man page, and leaves it behind.
set -g FISH_UNIT_TESTS_RUNNING 1
source $argv[1]/k8s-token-cache.fish
complete -c a-plugin -l verbose
complete -c a-plugin -l volume
# Remove the descriptions.
complete -C $argv[2] | string replace -r '\t.*' ''; or true
