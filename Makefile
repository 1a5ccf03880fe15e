# Every target is one script of infra/make. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help install run test check audit browser screenshots bench chaos drill simulate lock format clean distclean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

install: ## make .venv from requirements.lock; a second time this is instant
	@sh infra/make/install.sh

run: install ## start the whole network in the foreground; Ctrl-C stops it (options: make run ARGS="--port-base 9000")
	@exec .venv/bin/plek up $(ARGS)

test: ## everything: check, then every test (options: make test ARGS="-k holds")
	@sh infra/make/test.sh $(ARGS)

check: install ## lint, types, layers, dependencies
	@sh infra/make/check.sh

audit: install ## are there known weaknesses in what we depend on? (asks the network)
	@.venv/bin/pip-audit --require-hashes --disable-pip -r requirements.lock

browser: install ## the tests in a real browser
	@sh infra/make/browser.sh $(ARGS)

screenshots: install ## a picture of every screen into docs/screens (options: make screenshots ARGS="city --every")
	@sh infra/make/screenshots.sh $(ARGS)

bench: install ## every measurement of bench/, as a table and in bench/results.json
	@exec .venv/bin/python -m bench $(ARGS)

chaos: install ## twenty rounds of every fault on real processes, under load (options: make chaos ARGS="link-cut-20 --rounds 3")
	@exec .venv/bin/python -m tests.chaos $(ARGS)

drill: install ## twelve faults, each of which an alert, the doctor and a runbook have to find and end (options: make drill ARGS="cut-link")
	@sh infra/make/drill.sh $(ARGS)

simulate: install ## a whole network in one process, with faults, by seed (options: make simulate ARGS="--seeds 1..10000")
	@exec .venv/bin/plek simulate $(ARGS)

lock: install ## requirements.lock anew from pyproject.toml (asks the network)
	@sh infra/make/lock.sh $(ARGS)

format: install ## lay out the Python the way ruff does
	@.venv/bin/ruff format

clean: ## take away the running network's data, caches and results; keeps .venv
	@sh infra/make/clean.sh

distclean: clean ## also .venv
	@rm -rf .venv .venv-tools
