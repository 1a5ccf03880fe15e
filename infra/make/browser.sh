#!/bin/sh
# The tests in a real browser. Arguments go to pytest.
set -eu
cd "$(dirname "$0")/../.."
. infra/make/common.sh
need_chromium || stop "there is no chromium on this machine (on Debian, as root: apt-get install chromium)"
exec .venv/bin/pytest tests/browser "$@"
