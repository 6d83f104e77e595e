# Every target does its own set-up. PYTHON names a Python 3.12.
PYTHON ?= python3.12
VENV := .venv
RUN := $(VENV)/bin/python
FLAGS := $(if $(DATA),--data $(DATA)) $(if $(FROM),--from $(FROM)) $(if $(TO),--to $(TO)) \
         $(if $(SPEED),--speed $(SPEED)) $(if $(SEED),--seed $(SEED)) $(if $(PORT),--port $(PORT))

.PHONY: pictures chaos mutants demo verify-data test lint types check setup setup-dev lock schema sessions format clean
.DEFAULT_GOAL := help

help:
	@echo "make demo   three daemons trade a made-up market on this machine, then reconcile"
	@echo "            DATA=DIR FROM=YYYY-MM-DD TO=YYYY-MM-DD for stored bars, SPEED=60 for scaled time"
	@echo "make test   every test that can run on this machine"
	@echo "make chaos  days in bad weather: SEEDS=1000, BUDGET=300 for seconds, SEED=7 to replay one"
	@echo "make verify-data  backtest every answer key in ../shared, trade by trade"
	@echo "make check  lint, types, and generated files up to date"

demo: setup
	@$(RUN) scripts/demo.py $(FLAGS)

# Backtests against every answer key that lies beside the checkout.
verify-data: setup-dev
	@$(RUN) scripts/verify_data.py

test: setup-dev
	$(RUN) -m pytest -q $(ARGS)

# SEEDS=1000, BUDGET=300 for seconds instead, SEED=7 to replay one.
chaos: setup-dev
	@$(RUN) scripts/chaos.py $(if $(SEED),--seed $(SEED),$(if $(BUDGET),--seconds $(BUDGET),--seeds $(or $(SEEDS),100))) $(if $(FIRST),--first $(FIRST))

lint: setup-dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

types: setup-dev
	$(RUN) -m mypy

check: lint types
	$(RUN) scripts/config_schema.py --check
	$(RUN) scripts/make_session_table.py --check

# Figures of this machine, each beside a floor of the same run: var/bench/*.json.
.PHONY: bench
bench: setup-dev
	@mkdir -p var/bench
	@for name in bar_to_order exchange tick_at_rest recovery; do \
	  $(RUN) benchmarks/$$name.py > var/bench/$$name.json && echo var/bench/$$name.json || exit 1; done

format: setup-dev
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

# The measured tables of AWS_DEPLOYMENT_STRATEGY.md and the strategies' pages; needs stored bars.
.PHONY: strategy-doc strategy-doc-check
strategy-doc: setup-dev
	$(RUN) scripts/strategy_doc.py $(if $(DATA),--data $(DATA))

strategy-doc-check: setup-dev
	$(RUN) scripts/strategy_doc.py --check $(if $(DATA),--data $(DATA))

# docs/images/example-*.svg: a trade of each strategy on the made-up market.
.PHONY: examples
examples: setup-dev
	$(RUN) scripts/make_examples.py

schema: setup-dev
	$(RUN) scripts/config_schema.py

sessions: setup-dev
	$(RUN) scripts/make_session_table.py

# The stamps hold the environment: made anew when the lock changes.
setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev

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
lock: setup-dev
	$(RUN) -m $(LOCK) -o requirements.txt pyproject.toml
	$(RUN) -m $(LOCK) --extra dev -c requirements.txt -o requirements-dev.txt pyproject.toml
	$(RUN) -m $(LOCK) --extra research -c requirements-dev.txt -o requirements-research.txt pyproject.toml

# Looked at by people: every state of the dashboard, and the report, from a real run.
pictures: setup
	$(RUN) scripts/make_pictures.py

clean:
	rm -rf var .pytest_cache .mypy_cache .ruff_cache

mutants: setup-dev
	@$(RUN) -m tests.mutants.run $(WORDS)
