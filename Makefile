# The commands of this project. `make demo` and `make test` do all their set-up by themselves.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo down test test-on-file test-on-server check format bench bench-page reference pictures lock clean

BIN := .venv/bin
WORKERS ?= 2
TESTS ?= tests
ON_SERVER ?= $(if $(filter-out tests,$(TESTS)),$(TESTS),tests/service)

help: ## list these commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

setup: ## prepare .venv and system packages (every other command does this first)
	@deploy/setup dev

demo: setup ## the main job, end to end, on real health data; leaves the platform up
	@$(BIN)/nexus demo

down: setup ## stop the platform that `make demo` left up
	@$(BIN)/nexus demo --stop

test: setup test-on-file test-on-server ## the whole test suite (TESTS=tests/unit for a part of it)

test-on-file: setup ## the suite, on SQLite
	@$(BIN)/pytest -v -n $(WORKERS) --dist loadfile $(TESTS)

test-on-server: setup ## what keeps rows, again on PostgreSQL; skipped, with the reason, where there is none
	@$(BIN)/pytest -v -n $(WORKERS) --dist loadfile --database postgresql $(ON_SERVER) || [ $$? = 5 ] # nothing in it keeps rows

check: setup ## format, lint, types and import floors, in seconds
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: setup ## write the format that `make check` asks for
	@$(BIN)/ruff check --quiet --fix . ; $(BIN)/ruff format --quiet .

bench: setup ## measure speed beside this machine's limits (minutes)
	@$(BIN)/python bench/run.py

bench-page: setup ## measure again, and write docs/explanation/performance.md (ONLY=engines: a part of it)
	@$(BIN)/python bench/run.py --page --only "$(ONLY)" --rounds $(or $(ROUNDS),5)

reference: setup ## write the generated pages of docs/reference again
	@$(BIN)/python docs/reference/generate.py

pictures: setup ## take the pictures of console and portal for the documentation again
	@$(BIN)/pytest -v tests/browser --pictures

lock: setup ## resolve the dependencies again and write requirements/*.lock
	@requirements/compile

clean: ## remove everything that the commands above made, except data directories
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
