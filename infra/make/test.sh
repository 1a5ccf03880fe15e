#!/bin/sh
# Everything: lint and types, then every test. Arguments go to pytest. The last line printed is pytest's own.
set -eu
cd "$(dirname "$0")/../.."
. infra/make/common.sh
sh infra/make/install.sh

chosen=$#
without=
if ! need_chromium; then
  cat >&2 <<'EOF'
********************************************************************************
*  THE BROWSER TESTS DO NOT RUN: there is no chromium on this machine.         *
*  Everything else does. On Debian, as root: apt-get install chromium          *
********************************************************************************
EOF
  [ "${CI:-}" != true ] || stop "without a browser this is not the whole suite"
  without=--ignore=tests/browser
fi
if ! need_promtool; then
  echo "THE ALERTS ARE NOT TRIED OUT: there is no promtool (on Debian: apt-get install prometheus)" >&2
  [ "${CI:-}" != true ] || stop "without promtool this is not the whole suite"
  without="$without --ignore=tests/alerts"
fi
# Three workers for two cores: a test that waits for real servers leaves one idle. tests/conftest.py says what comes first.
set -- --numprocesses 3 --dist loadgroup --no-loadscope-reorder $without "$@"
if [ $chosen -gt 0 ]; then
  sh infra/make/check.sh
  exec .venv/bin/pytest "$@"
fi
# All of them take longer than the look at the types, which keeps one core busy: it goes on beside them, and ends them.
again=$(mktemp)
trap 'rm -f "$again"' EXIT
status=0
sh -c '{ sh infra/make/check.sh || kill -INT $$; } & exec .venv/bin/pytest "$@"' pytest "--failed-to=$again" "$@" || status=$?
[ -s "$again" ] || exit $status
echo "UNSTEADY: these failed, as printed above; they are tried once more, alone. Whatever comes of it, they are to be mended:"
cat "$again"
.venv/bin/pytest -p no:randomly "@$again"
