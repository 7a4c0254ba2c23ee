#!/bin/sh
# usage: install.sh [--uninstall | --help]
#
# Installs k8s-token-cache @VERSION@ from @REPOSITORY@
# for one user: the program into ~/.local/bin, and beside it its manual page and its completions.
# --uninstall restores the kubeconfigs and removes these files.
#
#   PREFIX     where to install (default ~/.local)
#   VERSION    the version to install (default @VERSION@)
#   DOWNLOADS  the URL of the folder to download from (default: that of the release)
#
# Needs curl or wget, tar, and sha256sum, shasum or openssl. Installs nothing if a checksum is wrong.
# All code is in functions that the last line calls, so a truncated download of this script does nothing.
set -eu

main() {
  prefix=${PREFIX:-${HOME:?is not set}/.local}
  case $# in 0 | 1) ;; *) usage >&2 && exit 2 ;; esac
  case ${1-} in
    "") install ;;
    --uninstall) uninstall ;;
    --help | -h) usage ;;
    *) usage >&2 && exit 2 ;;
  esac
}

usage() {
  echo "usage: install.sh [--uninstall | --help]"
  echo "Installs k8s-token-cache into $prefix, or the directory that PREFIX names."
  echo "--uninstall restores the kubeconfigs, and removes what was installed there."
}

install() {
  version=${VERSION:-@VERSION@}
  version=${version#v}
  name=k8s-token-cache-$version-$(find_target)
  downloads=${DOWNLOADS:-@REPOSITORY@/releases/download/v$version}

  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  trap 'exit 1' HUP INT TERM
  download "$downloads/SHA256SUMS" "$folder/SHA256SUMS"
  download "$downloads/$name.tar.gz" "$folder/$name.tar.gz"
  check_sum "$name.tar.gz"
  tar -xzf "$folder/$name.tar.gz" -C "$folder"
  "$folder/$name/k8s-token-cache" --version >/dev/null || fail "the program does not run here"

  for_each_file put
  echo "installed $("$prefix/bin/k8s-token-cache" --version) as $prefix/bin/k8s-token-cache"
  case :$PATH: in
    *":$prefix/bin:"*) echo "next: k8s-token-cache --inject" ;;
    *) echo "next: put $prefix/bin on your PATH, then: k8s-token-cache --inject" ;;
  esac
}

# A kubeconfig that still names the program would make kubectl fail, so nothing is removed unless all are
# restored.
uninstall() {
  program=$prefix/bin/k8s-token-cache
  [ -f "$program" ] || fail "there is no $program"
  "$program" --restore || fail "the kubeconfigs could not be restored, so nothing was removed"
  for_each_file remove
  echo "removed $program, its manual page and its completions"
  case $(uname -s) in
    Darwin) echo "To remove cache and key: rm -r ~/Library/Caches/k8s-token-cache ~/Library/'Application Support'/k8s-token-cache" ;;
    *) echo "To remove cache and key: rm -r ~/.cache/k8s-token-cache ~/.local/state/k8s-token-cache" ;;
  esac
}

# for_each_file FUNCTION: calls FUNCTION MODE FILE PLACE for each file of the archive and its place in
# $prefix.
for_each_file() {
  "$1" 755 k8s-token-cache bin/k8s-token-cache
  "$1" 644 man/k8s-token-cache.1 share/man/man1/k8s-token-cache.1
  "$1" 644 completions/k8s-token-cache.bash share/bash-completion/completions/k8s-token-cache
  "$1" 644 completions/_k8s-token-cache share/zsh/site-functions/_k8s-token-cache
  "$1" 644 completions/k8s-token-cache.fish share/fish/vendor_completions.d/k8s-token-cache.fish
}

# Prints the target that was built for this machine.
find_target() {
  machine=$(uname -m)
  case $(uname -s) in
    Linux) system=unknown-linux-musl ;;
    Darwin)
      system=apple-darwin
      # Under Rosetta, uname reports x86_64 on an Apple processor.
      [ "$(sysctl -n hw.optional.arm64 2>/dev/null)" != 1 ] || machine=arm64
      ;;
    MINGW* | MSYS* | CYGWIN*) fail "for Windows, take the zip archive or Scoop" ;;
    *) fail "there is no program for $(uname -s): build it with cargo" ;;
  esac
  case $machine in
    x86_64 | amd64) echo "x86_64-$system" ;;
    aarch64 | arm64) echo "aarch64-$system" ;;
    *) fail "there is no program for $(uname -s) on $machine: build it with cargo" ;;
  esac
}

# download URL FILE: never follows a redirection from https to another scheme.
download() {
  if command -v curl >/dev/null; then
    download_with_curl "$1" "$2"
  elif command -v wget >/dev/null; then
    download_with_wget "$1" "$2"
  else
    fail "neither curl nor wget is on PATH"
  fi || fail "cannot download $1"
}

download_with_curl() {
  case $1 in
    https:*) curl --proto '=https' --tlsv1.2 --fail --silent --show-error --location --output "$2" "$1" ;;
    *) curl --fail --silent --show-error --location --output "$2" "$1" ;;
  esac
}

# wget has no option that limits redirections to https, so this function follows them itself.
download_with_wget() {
  case $1 in https:*) ;; *) wget -q -O "$2" "$1" && return ;; esac
  address=$1
  for _ in 1 2 3 4 5 6 7 8; do
    case $address in https:*) ;; *) return 1 ;; esac
    wget -q -S --max-redirect=0 -O "$2" "$address" 2>"$folder/headers" && return
    address=$(sed -n 's/^ *[Ll]ocation: *\([^[:space:]]*\).*/\1/p' "$folder/headers" | tail -n 1)
  done
  return 1
}

# check_sum FILE: fails unless FILE in $folder has the checksum in SHA256SUMS.
check_sum() {
  wanted=$(sed -n "s/^\([0-9a-f]\{64\}\) [ *]$1\$/\1/p" "$folder/SHA256SUMS")
  [ -n "$wanted" ] || fail "SHA256SUMS does not name $1"
  [ "$(sum "$folder/$1")" = "$wanted" ] || fail "the checksum of $1 is wrong"
}

sum() {
  if command -v sha256sum >/dev/null; then
    sha256sum <"$1" | cut -d ' ' -f 1
  elif command -v shasum >/dev/null; then
    shasum -a 256 <"$1" | cut -d ' ' -f 1
  elif command -v openssl >/dev/null; then
    openssl dgst -sha256 -r <"$1" | cut -d ' ' -f 1
  else
    fail "none of sha256sum, shasum and openssl is on PATH"
  fi
}

# Installs a file by renaming, so that a running program keeps its file.
put() {
  mkdir -p "$prefix/${3%/*}"
  cp "$folder/$name/$2" "$prefix/$3.new"
  chmod "$1" "$prefix/$3.new"
  mv -f "$prefix/$3.new" "$prefix/$3"
}

remove() {
  rm -f "$prefix/$3"
}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

main "$@"
