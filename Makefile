# `make` or `make help` lists the verbs. Each sets up what it needs, once.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
.DEFAULT_GOAL := help

help: ## List the verbs
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

verify: $(READY) ## Prove which clients the reference deployment admits
	@$(BIN)/mtls-harness verify --reference $(ARGS)

up: $(READY) ## Start the reference deployment, with its own PKI in pki/
	@$(BIN)/python -m harness.deployment up

down: $(READY) ## Stop the deployment; pki/ stays
	@$(BIN)/python -m harness.deployment down

demo: $(READY) ## Visit the deployment with a real browser; build/demo.html has the pictures
	@mkdir -p build && $(BIN)/mtls-harness demo --html build/demo.html $(ARGS)

test: $(READY) ## Run all tests
	@# Instead of --dist, tests/conftest.py divides the corpus and keeps together the tests that share a fixture.
	@$(BIN)/pytest --numprocesses 2 --durations 10 $(ARGS)

docs: $(READY) ## Build the documents with pictures of real runs: build/docs/index.html
	@$(BIN)/python -m docs.made.pictures
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo "build/docs/index.html is the first page."

bench: $(READY) ## Measure the speed, next to comparable tools
	@$(BIN)/python -m harness.bench $(ARGS)

mutants: $(READY) ## Weaken every correct configuration, one directive at a time: each must be noticed
	@$(BIN)/python -m tests.configurations.mutants $(ARGS)

differential: $(READY) ## Compare generated access rules with the answers of httpd
	@$(BIN)/python -m tests.httpd.differential $(ARGS)

messages: $(READY) ## Compare what `explain --error` knows with the messages of curl, wget, Java and others
	@$(BIN)/pytest tests/explain/real_messages.py $(ARGS)

lint: $(READY) ## Check style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

clean: ## Remove the project's containers, images and caches; pki/ stays
	@! test -f $(READY) || $(BIN)/python -m harness.deployment clean
	@rm -rf .env .venv build .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

# The versions are pinned with hashes, so that two machines test the same thing.
$(READY): requirements.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { \
	  echo "The virtual environment could not be made. Install Python 3.11 or later with venv (Debian: sudo apt-get install python3-venv)." >&2; exit 2; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; rm -rf .venv; exit 2; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: help verify up down demo test docs bench mutants differential messages lint clean
