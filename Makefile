# Every target does its own set-up. PYTHON names a Python 3.12.
PYTHON ?= python3.12
VENV := .venv
RUN := $(VENV)/bin/python
FLAGS := $(if $(DATA),--data $(DATA)) $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO)) \
         $(if $(SPEED),--speed $(SPEED)) $(if $(SEED),--seed $(SEED)) $(if $(PORT),--port $(PORT))

.PHONY: help pictures chaos mutants demo verify-data test lint types check setup setup-dev lock schema sessions format clean
.DEFAULT_GOAL := help

# `make help` is made of the comments behind the targets, and of the lines that begin with ##|.
help: ## this list
	@awk '/^##\| /{sub(/^##\| /, ""); printf "  %-24s %s\n", "", $$0} \
	  match($$0, /^[a-z][a-z-]*:.*## /){split($$0, part, ":"); text = $$0; sub(/.*## /, "", text); \
	  printf "  make %-19s %s\n", part[1], text}' $(firstword $(MAKEFILE_LIST))

demo: setup ## three daemons trade a made-up market on this machine, then reconcile
##| DATA=DIR FROM=YYYY-MM-DD TO=YYYY-MM-DD for stored bars
##| SPEED=60 for scaled time
	@$(RUN) scripts/demo.py $(FLAGS)

# Backtests against every answer key that lies beside the checkout.
verify-data: setup-dev ## backtest every answer key in ../shared, trade by trade
	@$(RUN) scripts/verify_data.py

test: setup-dev ## every test that can run on this machine; ARGS="tests/unit -k rsi" for some
	$(RUN) -m pytest -q $(ARGS)

chaos: setup-dev ## days in bad weather
##| SEEDS=1000 (FIRST=N to begin there), BUDGET=300 for seconds
##| SEED=7 to replay one
	@$(RUN) scripts/chaos.py $(if $(SEED),--seed $(SEED),$(if $(BUDGET),--seconds $(BUDGET),--seeds $(or $(SEEDS),100))) $(if $(FIRST),--first $(FIRST))

lint: setup-dev ## code style
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: setup-dev ## strict type check
	$(RUN) -m mypy

check: lint types ## lint, types, and generated files up to date
	$(RUN) scripts/config_schema.py --check
	$(RUN) scripts/make_session_table.py --check

# Figures of this machine, each beside a floor of the same run: var/bench/*.json, told as a table.
# Best on a quiet machine; QUICK=1 measures little, to see that all of it runs.
.PHONY: bench
bench: setup-dev ## measure this machine: var/bench/*.json, a table and a plot; QUICK=1 for little
	@$(RUN) benchmarks/all.py $(if $(QUICK),--quick) --out var/bench

format: setup-dev ## format the code
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

# The measured tables of AWS_DEPLOYMENT_STRATEGY.md and the strategies' pages; needs stored bars.
.PHONY: strategy-doc strategy-doc-check
strategy-doc: setup-dev ## the measured tables of the strategies' pages; DATA=DIR
	$(RUN) scripts/strategy_doc.py $(if $(DATA),--data $(DATA))

strategy-doc-check: setup-dev ## those tables are what the code measures; DATA=DIR
	$(RUN) scripts/strategy_doc.py --check $(if $(DATA),--data $(DATA))

# docs/images/example-*.svg: a trade of each strategy on the made-up market.
.PHONY: examples
examples: setup-dev ## docs/images/example-*.svg: a trade of each strategy
	$(RUN) scripts/make_examples.py

schema: setup-dev ## config schema and docs/configuration.md, from the model
	$(RUN) scripts/config_schema.py

sessions: setup-dev ## the table of NYSE sessions, from the calendar library
	$(RUN) scripts/make_session_table.py

# The stamps hold the environment: made anew when the lock changes.
setup: $(VENV)/.runtime ## what trading needs, into .venv
setup-dev: $(VENV)/.dev ## what developing needs, into .venv

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 12))' 2>/dev/null || \
	  { echo "Python 3.12 is needed and '$(PYTHON)' is not one: install it, or give PYTHON=/path/to/python3.12" >&2; exit 71; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.txt | $(VENV)/.python
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(VENV)/.python
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(VENV)/.runtime

# requirements.txt is what a machine that trades installs; requirements-research.txt adds what judges
# a strategy (reports, sweeps); requirements-dev.txt adds both that and the tests' tools.
LOCK := uv pip compile --quiet --universal --generate-hashes --python-version 3.12 --custom-compile-command 'make lock'
lock: setup-dev ## requirements*.txt anew, from pyproject.toml
	$(RUN) -m $(LOCK) -o requirements.txt pyproject.toml
	$(RUN) -m $(LOCK) --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml
	$(RUN) -m $(LOCK) --extra research -c requirements-dev.txt -o requirements-research.txt pyproject.toml

# Looked at by people: every state of the dashboard, and the report, from a real run.
pictures: setup ## docs/images: dashboard and reports in every state, from real runs
	$(RUN) scripts/make_pictures.py

clean: ## remove var and the tools' caches
	rm -rf var .pytest_cache .mypy_cache .ruff_cache

mutants: setup-dev ## break the code on purpose and see a test notice; WORDS= for some
	@$(RUN) -m tests.mutants.run $(WORDS)
