#!/bin/sh
# Brings a fresh checkout to where it runs: Debian packages, npm packages, the build. What is there is left alone, so
# that a second call does next to nothing. Runs with any Node; the project's own comes with its npm packages.
set -eu
cd "$(dirname "$0")/.."

missing_debian_packages() {
  sed '/^#/d; /^$/d' scripts/debian-packages.txt | while read -r package _; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || printf '%s ' "$package"
  done
}

install_debian_packages() {
  if ! command -v dpkg-query >/dev/null; then
    echo "setup: this is not Debian: install what scripts/debian-packages.txt lists by hand" >&2
    return
  fi
  missing=$(missing_debian_packages)
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    echo "setup: Debian packages are missing. As root, run:" >&2
    echo "  apt-get install --no-install-recommends $missing" >&2
    exit 1
  fi
  echo "setup: installing the Debian packages $missing" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2
  # shellcheck disable=SC2086 # a list of words
  apt-get install -y -qq --no-install-recommends $missing >&2
}

install_npm_packages() {
  # npm writes this file last.
  installed=node_modules/.package-lock.json
  if [ -e "$installed" ] && [ ! package-lock.json -nt "$installed" ]; then return; fi
  echo "setup: installing npm packages" >&2
  # Not `npm ci`: it refuses a lock file that lacks other platforms' optional packages, which npm leaves out where the
  # registry did not have them. This installs what the lock file says all the same, and leaves it alone.
  npm install --no-save --no-audit --no-fund --loglevel=error >&2
}

build() {
  built=dist/.built
  if [ -e "$built" ] &&
    [ -z "$(find src package.json tsconfig.json tsconfig.build.json rolldown.config.ts -newer "$built" -print -quit)" ]; then
    return
  fi
  echo "setup: building" >&2
  npm run --silent build >&2
}

install_debian_packages
install_npm_packages
build
