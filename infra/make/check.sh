#!/bin/sh
# Everything that can be found without running the product. Nothing here asks the network.
set -eu
cd "$(dirname "$0")/../.."
PATH=$(pwd)/.venv/bin:$PATH
echo "ruff"
ruff check --quiet
echo "mypy"
mypy --no-error-summary
echo "layers"
lint-imports --no-cache >.venv/lint-imports.log || { cat .venv/lint-imports.log; exit 1; }
echo "dependencies"
deptry --no-ansi . 2>&1 | { grep -v -e '^Scanning' -e '^Success' || true; } >.venv/deptry.log
[ ! -s .venv/deptry.log ] || { cat .venv/deptry.log; exit 1; }
