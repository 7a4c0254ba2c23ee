#!/bin/sh
# Installs k8s-token-cache @VERSION@ from @REPOSITORY@
# for one user: the program into ~/.local/bin, and beside it its manual page and its completions.
#
#   PREFIX     where to install (default ~/.local)
#   VERSION    the version to install (default @VERSION@)
#   DOWNLOADS  the URL of the folder to download from (default: that of the release)
#
# Needs curl or wget, tar, and sha256sum, shasum or openssl. Installs nothing if a checksum is wrong.
# All code is in functions that the last line calls, so a truncated download of this script does nothing.
set -eu

main() {
  version=${VERSION:-@VERSION@}
  version=${version#v}
  prefix=${PREFIX:-${HOME:?is not set}/.local}
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

  put 755 k8s-token-cache bin/k8s-token-cache
  put 644 man/k8s-token-cache.1 share/man/man1/k8s-token-cache.1
  put 644 completions/k8s-token-cache.bash share/bash-completion/completions/k8s-token-cache
  put 644 completions/_k8s-token-cache share/zsh/site-functions/_k8s-token-cache
  put 644 completions/k8s-token-cache.fish share/fish/vendor_completions.d/k8s-token-cache.fish
  echo "installed $("$prefix/bin/k8s-token-cache" --version) as $prefix/bin/k8s-token-cache"
  case :$PATH: in
    *":$prefix/bin:"*) echo "next: k8s-token-cache --inject" ;;
    *) echo "next: put $prefix/bin on your PATH, then: k8s-token-cache --inject" ;;
  esac
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

# download URL FILE
download() {
  url=$1
  file=$2
  # Never follow a redirection from https to another scheme.
  case $url in
    https:*) set -- --proto '=https' --tlsv1.2 ;;
    *) set -- ;;
  esac
  if command -v curl >/dev/null; then
    curl "$@" --fail --silent --show-error --location --output "$file" "$url" || fail "cannot download $url"
  elif command -v wget >/dev/null; then
    wget -q -O "$file" "$url" || fail "cannot download $url"
  else
    fail "neither curl nor wget is on PATH"
  fi
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

# put MODE FILE PLACE: installs by renaming, so that a running program keeps its file.
put() {
  mkdir -p "$prefix/${3%/*}"
  cp "$folder/$name/$2" "$prefix/$3.new"
  chmod "$1" "$prefix/$3.new"
  mv -f "$prefix/$3.new" "$prefix/$3"
}

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

main "$@"
