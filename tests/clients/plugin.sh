#!/bin/sh
# The exec plugin that the clients run. It counts its runs, and issues a token for the session that is
# open now, or fails. Its orders lie beside it, since an argument or a variable would count for
# the cache key: `session` holds the number of the session and the life of a token in seconds, `runs`
# gets a line for each run, and a file `failing` makes it fail.
set -eu

state=${0%/*}/state
echo "$$" >>"$state/runs"
if [ -e "$state/failing" ]; then
  echo 'demo-login: your session has expired, please log in' >&2
  exit 1
fi
read -r session life <"$state/session"
expires=$(($(date +%s) + life))
printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"expirationTimestamp":"%s","token":"%s"}}\n' \
  "$(date -u -d "@$expires" +%Y-%m-%dT%H:%M:%SZ)" "$session-$expires-$$"
