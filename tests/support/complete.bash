# usage: bash complete.bash COMPLETIONS LINE: prints what bash offers at the end of that line.
#
# Does what readline does: splits the line at COMP_WORDBREAKS too, and calls the completion function.
# Exits with 127 if bash-completion is not installed.

for file in /usr/share/bash-completion/bash_completion {/opt/homebrew,/usr/local}/etc/profile.d/bash_completion.sh; do
  # shellcheck source=/dev/null
  [[ ! -r $file ]] || . "$file"
done
type _get_comp_words_by_ref >/dev/null 2>&1 || exit 127
# shellcheck source=/dev/null
. "$1/k8s-token-cache.bash"
complete -W '--verbose --volume' a-plugin

COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=() COMPREPLY=()
rest=$2
while [[ $rest =~ ^\ *([:=]+|[^\ :=]+) ]]; do
  COMP_WORDS+=("${BASH_REMATCH[1]}")
  rest=${rest:${#BASH_REMATCH[0]}}
done
[[ $2 != *[' =:'] ]] || COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
"$(complete -p k8s-token-cache | sed 's/.*-F \([^ ]*\) .*/\1/')"
[[ ${#COMPREPLY[@]} -eq 0 ]] || printf '%s\n' "${COMPREPLY[@]}"
