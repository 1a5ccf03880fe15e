#!/bin/sh
# Twelve faults on a running network, and whether the alert, the doctor and the runbook find and end each of them.
set -eu
cd "$(dirname "$0")/../.."
. infra/make/common.sh
need_promtool || stop "the drill needs promtool (on Debian: apt-get install prometheus)"
exec .venv/bin/python -m tests.drill "$@"
