# shellcheck shell=bash
# What the scripts share: finding cargo, and installing what Debian lacks. As root, or as somebody who may use sudo.

need_cargo() {
  if ! command -v cargo >/dev/null; then
    # rustup installs there, and a non-interactive shell doesn't look.
    export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  fi
  command -v cargo >/dev/null || fail "there is no cargo: install Rust from https://rustup.rs first"
}

# Takes no package away: what conflicts is for somebody to decide. In a subshell, whose end is the end of keep_services_down.
need_packages() (
  command -v dpkg-query >/dev/null || fail "this is no Debian: install what corresponds to $*"
  missing=()
  for package in "$@"; do
    installed "$package" || missing+=("$package")
  done
  [[ ${#missing[@]} -gt 0 ]] || return 0
  echo "== installing ${missing[*]}" >&2
  keep_services_down
  as_root apt-get update -qq >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove "${missing[@]}" >&2
)

installed() {
  [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# Debian starts a service as soon as it is installed, unless this file says no (invoke-rc.d(8)).
keep_services_down() {
  local policy=/usr/sbin/policy-rc.d
  [[ ! -e $policy ]] || return 0
  trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod +x "$policy"
}

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    fail "this needs root or sudo: $*"
  fi
}

fail() {
  echo "$0: $*" >&2
  exit 1
}
