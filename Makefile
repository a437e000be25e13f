# Fanwatch. Each target is complete by itself: it makes .venv and gets what it needs.

.PHONY: help run test test-hours test-faults test-page test-images test-openfaas check bench install model forecast-model clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What a person merges by hand; code that is left half merged is seen by its linters.
MERGED := *.md docs infra functions stack.yml --include=*.md --include=*.yml --include=*.yaml --include=*.conf --include=*.sh

help:  ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

run: $(VENV)/.run  ## The whole pipeline on this machine: FANS=10 RATE=1 FAILING=fan-03:bearing, or DEMO=fan-03:bearing; Ctrl-C stops it
	@$(BIN)/fanwatch up

test: $(VENV)/.dev  ## All tests, on real parts (about 16 minutes)
	@$(BIN)/python -m local.tools
	@$(BIN)/python -m tests.support.packages chromium
	$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

test-hours: $(VENV)/.dev  ## Tests that read a clock, as of 24 hours and eight odd dates (about 6 hours); FEW=1: five, quickly
	@$(BIN)/python -m local.tools
	@$(BIN)/python -m tests.support.packages libfaketime
	$(BIN)/python -m tests.support.hours $(if $(FEW),--few) $(TESTS)

test-faults: $(VENV)/.dev  ## The long outages, at 1000 readings a second (about 45 minutes at most)
	@$(BIN)/python -m local.tools
	$(BIN)/python -m pytest -q -m faults

test-page: $(VENV)/.dev  ## The page before 1,000 fans: memory, processor time, delay (about 11 minutes)
	@$(BIN)/python -m local.tools
	@$(BIN)/python -m tests.support.packages chromium
	$(BIN)/python -m pytest -q -s -m page tests/console

test-images: $(VENV)/.dev  ## Build the container images and run them (about 20 minutes at most); DOCKER_HOST, or as root
	@$(BIN)/python -m local.tools
	$(BIN)/python -m pytest -q -m images tests/images

test-openfaas: $(VENV)/.dev  ## Meet a real OpenFaaS gateway: OPENFAAS_URL=… OPENFAAS_PASSWORD=… (docs/openfaas.md)
	@$(BIN)/python -m local.tools
	$(BIN)/python -m pytest -q -m openfaas tests/openfaas

check: $(VENV)/.dev  ## Style, types, the direction of imports, and that each requirement is used
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry . --no-ansi
	$(BIN)/deptry . --no-ansi --exclude '\.venv' --exclude build --optional-dependencies-dev-groups install
	@! grep -rnE '^(<{7}|>{7})' $(MERGED) || { echo "A merge left its marks in these lines: choose between them."; exit 1; }

bench: $(VENV)/.dev  ## Measure, and a first tutorial's way beside it (about 25 minutes)
	@$(BIN)/python -m local.tools
	$(BIN)/python -m benchmarks

install: $(VENV)/.training  ## Add what training needs (TensorFlow)

model: $(VENV)/.training  ## Make the committed default bundle anew
	@mkdir -p .fanwatch
	$(BIN)/fanwatch simulate history --rows 60480 --seed 1 --out .fanwatch/history.csv
	$(BIN)/fanwatch train --csv .fanwatch/history.csv --out models/fan-anomaly/1 --report .fanwatch/model-report.html

forecast-model: $(VENV)/.training  ## Make the committed default forecast bundle anew (a few minutes, 2 GB of memory)
	$(BIN)/fanwatch simulate history --fans 400 --days 60 --seed 11 --out .fanwatch/fleet
	$(BIN)/fanwatch train forecast --history .fanwatch/fleet --out models/fan-forecast/1

clean:  ## Remove everything that running has made (.fanwatch), stopping it first
	@if [ -x $(BIN)/fanwatch ]; then $(BIN)/fanwatch down; fi
	rm -rf .fanwatch

# A stamp for each set of requirements: made anew when its lock file or the package's own metadata changes.
$(VENV)/.run: requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Fanwatch needs Python 3.11 or later with its venv module ($(PYTHON) is $$($(PYTHON) --version 2>&1 | head -n 1));" \
		"on Debian or Ubuntu: sudo apt-get install python3 python3-venv; or give another one: make PYTHON=python3.12" >&2; exit 1; }
	@echo "Installing requirements (once, about 20 seconds) ..."
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@echo "Installing requirements for development (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

$(VENV)/.training: requirements/training.txt $(VENV)/.run
	@echo "Installing requirements for training (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/training.txt
	@touch $@
