# `make` or `make help` lists the verbs. Each does all the set-up that it needs, once.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
.DEFAULT_GOAL := help

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

verify: $(READY) ## Prove who gets in at the reference deployment, and who does not
	@$(BIN)/mtls-harness verify $(ARGS)

up: $(READY) ## Start the reference deployment, with a PKI of its own in pki/
	@$(BIN)/python -m harness.deployment up

down: $(READY) ## Stop it; pki/ stays
	@$(BIN)/python -m harness.deployment down

demo: $(READY) ## Visit the site with a real browser; build/demo.html shows what it saw
	@mkdir -p build && $(BIN)/mtls-harness demo --html build/demo.html $(ARGS)

test: $(READY) ## Run all tests
	@# Instead of a --dist, tests/conftest.py divides the corpus and keeps together what shares a fixture.
	@$(BIN)/pytest --numprocesses 2 --durations 10 $(ARGS)

docs: $(READY) ## Build the documents, with pictures of real runs, to build/docs/index.html
	@$(BIN)/python -m docs.made.pictures
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "build/docs/index.html is the first page."

bench: $(READY) ## Measure speed, side by side with what others use
	@$(BIN)/python -m harness.bench $(ARGS)

mutants: $(READY) ## Weaken every correct configuration of the corpus, one directive at a time, and see who notices
	@$(BIN)/python -m tests.configurations.mutants $(ARGS)

differential: $(READY) ## Compare thousands of generated access rules with what httpd answers
	@$(BIN)/python -m tests.httpd.differential $(ARGS)

lint: $(READY) ## Check style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

clean: ## Remove all that the project made on this machine: containers, images, caches; not pki/
	@! test -f $(READY) || $(BIN)/python -m harness.deployment clean
	@rm -rf .env .venv build .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

# The versions are pinned with hashes, so that two machines test the same thing.
$(READY): requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "No virtual environment could be made. Install Python 3.11 or later with venv (Debian: sudo apt-get install python3-venv)." >&2; exit 2; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; rm -rf .venv; exit 2; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help verify up down demo test docs bench mutants differential lint clean
