#!/bin/sh
# requirements.lock anew, as docs/decisions/0001-lock-file.md says. `make lock ARGS=--upgrade` takes what is new.
set -eu
cd "$(dirname "$0")/../.."
PATH=$PATH:$(pwd)/.venv-tools/bin
exec uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
  --quiet "$@" --output-file requirements.lock
