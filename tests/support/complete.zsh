# usage: zsh complete.zsh COMPLETIONS LINE: prints what zsh offers at the end of that line.
#
# zsh completes in interactive shells only, so this starts one on its own terminal. Every match is added
# by compadd; a function of that name prints the matches and replaces it.

zmodload zsh/zpty || exit 127
zpty shell zsh -f -i
zpty -w shell "PROMPT=; stty -echo; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u
  compdef _a_plugin a-plugin
  _a_plugin() { compadd -- --verbose --volume }
  compadd() {
    local -a offered
    local -A option
    zparseopts -E -a option -A option O: D: A:
    if ((\$#option)); then
      builtin compadd \"\$@\"
      return
    fi
    builtin compadd -O offered \"\$@\"
    ((\$#offered)) || return 1
    print -rl -- \"OFFER \"\$^offered
  }
  probe() { _main_complete; print; print -r -- END-\"OF-OFFERS\" }
  zle -C probe complete-word probe
  bindkey '^I' probe
  print -r -- READY-\"TO-COMPLETE\""
zpty -r -m shell output '*READY-TO-COMPLETE*'
zpty -w -n shell "$2"$'\t'
zpty -r -m shell output '*END-OF-OFFERS*'
zpty -d shell
# The first match follows other output of the terminal on the same line.
print -r -- "$output" | tr -d '\r' | sed -n 's/^.*OFFER //p'
