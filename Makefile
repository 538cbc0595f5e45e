# `make run` shows it working, `make test` is what CI runs. Both need only Python 3.11, pip, make and git.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-long bench check format setup lock

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml
	$(PYTHON) checks/python_version.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable .
	touch $@

run: setup  ## a small hub, specified and searched, in under a minute
	$(BIN)/python examples/first_hub.py

check: setup  ## format, lint, types, import directions, sizes, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python checks/sizes.py
	$(BIN)/python checks/words.py
	$(BIN)/python checks/documents.py

test: check  ## everything CI runs
	$(BIN)/pytest -m "not long"

test-long: setup  ## the same and what takes minutes
	$(BIN)/pytest

bench: setup  ## every benchmark, one JSON line each
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## pins what is installed now, without this project and without local version tags
	$(BIN)/python checks/lock.py > requirements.lock
