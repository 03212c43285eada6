# Every command of the project. Needs make and Python 3.11 or newer; uses uv where there is one.

PYTHON ?= python3
VENV ?= .venv
RUN := $(VENV)/bin/python -m
PAGES := $(wildcard README.md docs)
UV := $(shell command -v uv 2>/dev/null)

# What to test, as pytest takes it: `make test TESTS=tests/crud`. Everything, if not said.
TESTS ?=
# How many tests run at a time, each process with engines of its own.
WORKERS ?= 2
# `make test-lowest` names a file of versions here.
LIMITS = $(if $(CONSTRAINTS),--constraint $(CONSTRAINTS))

OLD_PYTHON = Holdfast needs Python 3.11 or newer, which `$(PYTHON)` is not. \
	Name another one: make PYTHON=python3.12 ...

ifdef UV
NEW_VENV = uv venv --quiet --python $(if $(filter file,$(origin PYTHON)),'>=3.11',$(PYTHON)) $(VENV)
ADD = uv pip install --quiet --python $(VENV)/bin/python $(LIMITS)
else
NEW_VENV = $(PYTHON) -m venv $(VENV) && $(RUN) pip install --quiet --upgrade 'pip>=25.1'
ADD = $(RUN) pip install --quiet $(LIMITS)
endif

.PHONY: help install demo test test-fast test-lowest test-pythons format format-check lint types \
	docs check bench bench-quick faults faults-quick

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(VENV)/.dev ## prepare .venv with everything that development needs

demo: $(VENV)/.demo ## serve the airports example; HOST and PORT may be given
	@$(RUN) examples.airports

test: $(VENV)/.dev ## run every test, on every engine that is installed; TESTS may name some
	$(RUN) pytest -n $(WORKERS) --dist loadfile $(TESTS)

test-fast: $(VENV)/.dev ## run the tests that need no database server, up to the first failure
	$(RUN) pytest -q -x -k 'not postgres and not asyncpg and not psycopg and not mariadb and not asyncmy and not galera'

test-lowest: | $(VENV)/bin/python ## run every test on the lowest versions that are declared
	@MAKE='$(MAKE)' $(RUN) tests.versions lowest

test-pythons: | $(VENV)/bin/python ## run every test on each Python from 3.11 up that is found
	@MAKE='$(MAKE)' $(RUN) tests.versions pythons

format: $(VENV)/.dev ## rewrite the code in the project's format
	$(RUN) ruff check --quiet --select I --fix
	$(RUN) ruff format

format-check: $(VENV)/.dev ## fail where `make format` would change something
	$(RUN) ruff format --check

lint: $(VENV)/.dev ## report what Ruff finds
	$(RUN) ruff check

types: $(VENV)/.dev ## check the types, with mypy and with pyright
	$(RUN) mypy
	$(RUN) pyright

docs: $(VENV)/.dev ## run the code in the pages, and check their commands and links
	$(RUN) pytest -q tests/test_docs.py $(PAGES)

check: format-check lint types docs test ## all of the above that change nothing

bench: $(VENV)/.dev ## measure Holdfast beside upstream's extension and beside none at all
	$(RUN) bench

bench-quick: $(VENV)/.dev ## the same in few and short rounds: a rough idea
	$(RUN) bench --quick

faults: $(VENV)/.dev ## break engines and services under load, beside upstream: docs/faults.md
	$(RUN) faults

faults-quick: $(VENV)/.dev ## the same with fewer requests, printed only
	$(RUN) faults --quick

# Both stamps are of one environment: the second holds all that is in the first.
$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	@echo "Preparing $(VENV) for the demo..."
	@$(ADD) --editable '.[cli,sqlite]' --group demo
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	@echo "Preparing $(VENV) for development..."
	@$(ADD) --editable '.[cli,mysql,postgresql,psycopg,sqlite,testing]' --group dev
	@touch $(VENV)/.demo $@

$(VENV)/bin/python:
ifndef UV
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo '$(OLD_PYTHON)' >&2; exit 1; }
endif
	@$(NEW_VENV) || { rm -rf $(VENV); exit 1; }
