# usage: fish complete.fish COMPLETIONS LINE: prints what fish offers at the end of that line.

source $argv[1]/k8s-token-cache.fish
complete -c a-plugin -l verbose
complete -c a-plugin -l volume
# Remove the descriptions.
complete -C $argv[2] | string replace -r '\t.*' ''; or true
