# `make run` shows it working, `make test` is what CI runs. Both need only Python 3.11, pip, make and git.
PYTHON ?= python3
WORKERS ?= 2
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test test-long test-release bench check format setup lock openapi pocket web web-check

setup: .venv/ready

.venv/ready: requirements.lock pyproject.toml pocket/pyproject.toml
	$(PYTHON) checks/python_version.py
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --editable . --editable ./pocket
	touch $@

run: setup  ## a small hub, specified and searched, in under a minute
	if test -f pocket/src/palate_pocket/weights/bank/bank.json; then $(BIN)/palate demo; else \
	echo "This build has no pocket drawing models: a toy hub is drawn instead." && $(BIN)/python examples/first_hub.py; fi

pocket: setup  ## trains, measures and ships the pocket hub; hours on a CPU, and it goes on where it was
	cd pocket && ../$(BIN)/python -m recipes.make

check: setup  ## format, lint, types, import directions, sizes, documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python checks/sizes.py
	$(BIN)/python checks/words.py
	$(BIN)/python checks/documents.py

# Each process takes whole files, so that what a file's tests share is made once, and computes on one thread. In their own
# order: those with a browser leave a loop of events running in their process, so that they come near the end.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test: check  ## everything CI runs
	$(PYTEST) -m "not long"

test-long: setup  ## the same and what takes minutes
	$(PYTEST)

RELEASE := .cache/release/$(shell git rev-parse --short HEAD)

test-release: check  ## what is asked of a release; many hours, and its longest parts go on where they were stopped
	mkdir -p $(RELEASE)
	$(PYTEST)
	$(BIN)/python benchmarks/same_answers.py --sequences 100000 --kept $(RELEASE)/answers
	$(BIN)/python benchmarks/kills.py --kills 1000 --kept $(RELEASE)/kills
	$(BIN)/python benchmarks/kills.py --kills 60 --a-home 20 --drawn --kept $(RELEASE)/kills-drawn
	$(BIN)/python benchmarks/odd_requests.py --requests 100000 --each 800 --kept $(RELEASE)/requests
	$(BIN)/python benchmarks/near_copies.py --pictures 100000 --kept $(RELEASE)/near-copies
	$(BIN)/python checks/mutants.py --some 300 --kept $(RELEASE)/mutants
	$(BIN)/python benchmarks/restart.py --kills 20
	$(BIN)/python benchmarks/stores.py --pictures 10000 --questions 500
	$(BIN)/python benchmarks/style_search.py
	$(BIN)/python benchmarks/identify_many.py

bench: setup  ## every benchmark, one JSON line each
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock:  ## pins what is installed now, without this project and without local version tags
	$(BIN)/python checks/lock.py > requirements.lock

openapi: setup  ## the routes and their shapes, from which the web's types are made
	$(BIN)/python -m palate.serve.openapi web/openapi.json

web:  ## types from web/openapi.json and the pages' build; needs node 20, which users do not
	cd web && npm ci --no-audit --no-fund && npm run types && npm run check && npm test && npm run build

web-check: setup  ## the committed build is what the sources give; says so and passes where there is no node
	$(BIN)/python checks/web.py
