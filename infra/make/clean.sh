#!/bin/sh
# Takes away what running and testing leave behind. A network that runs in .plek is stopped first.
set -eu
cd "$(dirname "$0")/../.."
[ ! -f .plek/plek.lock ] || [ ! -x .venv/bin/plek ] || .venv/bin/plek down 2>/dev/null || true
rm -rf .plek .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .schemathesis bench/results.json dist
find . -path ./.venv -prune -o -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
