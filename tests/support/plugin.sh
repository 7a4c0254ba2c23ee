#!/bin/sh
# The fake exec plugin. Each test creates a link to it; files in the folder NAME.d beside the link set its
# behavior. plugin.rs writes them.
state=$0.d

# First, and without a child process: once a shell has waited for a child, it has unblocked all signals.
if [ -e "$state/record" ] && [ -e /proc/self/status ]; then
    while read -r line; do
        case $line in Sig[BI]*) echo "$line" ;; esac
    done </proc/self/status >"$state/signal-masks"
fi

echo "$$" >>"$state/runs"

if [ -e "$state/trap" ]; then
    for signal in HUP INT QUIT TERM; do
        # shellcheck disable=SC2064 # the name must be expanded now
        trap "echo $signal >>'$state/signals'; exit $(cat "$state/trap")" "$signal"
    done
fi
if [ -e "$state/ignore" ]; then
    trap '' HUP INT QUIT TERM
    sleep 100000 &
    echo "$!" >>"$state/children"
fi
if [ -e "$state/record" ]; then
    for argument; do printf '%s\0' "$argument"; done >"$state/argv"
    env -0 >"$state/environ"
    if [ -e /proc/self/fd ]; then
        ls "/proc/$$/fd" >"$state/descriptors"
    fi
    for descriptor in 0 1 2; do
        if [ -t "$descriptor" ]; then echo "$descriptor"; fi
    done >"$state/terminals"
    touch "$state/recorded"
fi
if [ -e "$state/stderr" ]; then cat "$state/stderr" >&2; fi
if [ -e "$state/read-stdin" ]; then cat >"$state/stdin"; fi
if [ -e "$state/read-line" ]; then head -n 1 >"$state/stdin"; fi

# Wait until the test releases the plugin, its folder is removed, or about a minute has passed.
rounds=0
while [ -e "$state/hold" ] && [ ! -e "$state/release.$$" ] && [ "$rounds" -lt 5000 ]; do
    rounds=$((rounds + 1))
    sleep 0.01
done

if [ -e "$state/real" ]; then exec "$(cat "$state/real")" "$@"; fi

output=$state/output
if [ -e "$state/by-run" ]; then output=$output.$(($(wc -l <"$state/runs"))); fi
if [ -e "$output" ]; then cat "$output"; fi
if [ -e "$state/signal" ]; then kill -s "$(cat "$state/signal")" "$$"; fi
if [ -e "$state/status" ]; then exit "$(cat "$state/status")"; fi
exit 0
