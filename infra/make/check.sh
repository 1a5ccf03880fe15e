#!/bin/sh
# Everything that can be found without running the product. Nothing here asks the network. All of it is looked at, also when the
# first look finds something.
set -eu
cd "$(dirname "$0")/../.."
PATH=$(pwd)/.venv/bin:$PATH
found=0

# Runs one look; prints what it says only when it finds something.
look() {
  what=$1
  shift
  if said=$("$@" 2>&1); then
    echo "$what: nothing found"
  else
    printf '%s\n%s: see above\n' "$said" "$what"
    found=1
  fi
}

look "lint" ruff check --quiet
look "format" ruff format --check --quiet
look "types" mypy --no-error-summary
look "layers" lint-imports --no-cache
look "dependencies" deptry --no-ansi .
exit $found
