#!/bin/sh
# A picture of every screen of a demo city, into docs/screens.
set -eu
cd "$(dirname "$0")/../.."
. infra/make/common.sh
need_chromium || stop "there is no chromium on this machine (on Debian, as root: apt-get install chromium)"
exec .venv/bin/python -m tests.browser.screens "$@"
