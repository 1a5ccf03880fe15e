#!/bin/sh
# Makes .venv from requirements.lock, and the project in it as an editable install. Works as root and as an ordinary user, with
# or without uv, and with a home that cannot be written. What is missing is said in one line.
set -eu
cd "$(dirname "$0")/../.."
. infra/make/common.sh

KILOBYTES_NEEDED=1500000 # .venv takes 500 MB, its download cache about as much again

# Everything the environment is made from. The directory too: an editable install knows where it stands.
wanted=$( { pwd; cat requirements.lock pyproject.toml infra/make/install.sh; } | cksum )
stamp=.venv/.plek-installed
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
  exit 0
fi

# Settings of some other environment would steer uv and Python away from this one.
unset VIRTUAL_ENV UV_SYSTEM_PYTHON UV_PYTHON UV_PROJECT_ENVIRONMENT PYTHONHOME PYTHONPATH PIP_USER PIP_REQUIRE_VIRTUALENV PIP_TARGET

mkdir -p .venv 2>/dev/null || stop "this directory cannot be written: $(pwd)"
free=$(df -Pk . | awk 'NR == 2 { print $4 }')
if ! .venv/bin/python -c '' 2>/dev/null && [ "${free:-$KILOBYTES_NEEDED}" -lt "$KILOBYTES_NEEDED" ]; then
  stop "too little disk: $((free / 1024)) MB free here, $((KILOBYTES_NEEDED / 1024)) MB needed"
fi

python=$(find_python) || stop "Python 3.11 or newer is needed and was not found (make install PYTHON=... names one)"

tools=.venv-tools
log=$(mktemp) || stop "no temporary directory can be written"
trap 'rm -f "$log"' EXIT

# Runs a command that may print much, and when it fails says why in one line if the cause is a known one.
try() {
  "$@" >"$log" 2>&1 && return 0
  if grep -qiE 'no space left|quota exceeded' "$log"; then
    stop "the disk is full"
  elif grep -qiE 'hash mismatch|do not match the hashes' "$log"; then
    stop "a package is not the one in requirements.lock: $(grep -iE -m1 'hash mismatch|do not match' "$log")"
  elif grep -qiE 'error sending request|dns error|failed to fetch|could not connect|connection (refused|reset)|network is|timed? ?out|name resolution|newconnectionerror|no matching distribution' "$log"; then
    stop "the package index does not answer; it is needed the first time and whenever requirements.lock changes"
  fi
  cat "$log" >&2
  stop "$* failed"
}

# A cache that outlives this directory when there can be one; else one beside .venv.
cache=${UV_CACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/uv}
if ! { mkdir -p "$cache" && [ -w "$cache" ]; } 2>/dev/null; then
  UV_CACHE_DIR=$(pwd)/$tools/cache
  export UV_CACHE_DIR
fi
# uv does not read pip's settings: where only pip was told of an index, tell uv too. (The hashes hold whoever serves it.)
if [ -z "${UV_INDEX_URL:-}${UV_DEFAULT_INDEX:-}" ]; then
  index=${PIP_INDEX_URL:-$("$python" -m pip config get global.index-url 2>/dev/null || true)}
  [ -z "$index" ] || export UV_DEFAULT_INDEX="$index"
fi
export UV_PYTHON_DOWNLOADS=never
# Otherwise every first start of a process compiles what it imports, and as another user every start does.
export UV_COMPILE_BYTECODE=1

uv=uv
if ! uv --version >/dev/null 2>&1; then
  uv=$tools/bin/uv
  if ! "$uv" --version >/dev/null 2>&1; then
    echo "bringing uv, the installer, into $tools"
    made=
    for maker in "$python" python3 python3.11 python3.12 python3.13 python3.14; do
      "$maker" -m venv "$tools" >"$log" 2>&1 && made=yes && break
    done
    [ -n "$made" ] ||
      stop "Python's venv module does not work (on Debian: apt-get install python3-venv), and there is no uv"
    try "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r infra/make/uv.txt
  fi
fi

if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  rm -rf .venv
  try "$uv" venv --quiet --python "$python" .venv
fi
echo "installing $(grep -c == requirements.lock) packages into .venv; the first time this takes a minute"
rm -f "$stamp"
try "$uv" pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock
try "$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
echo "$wanted" >"$stamp"
