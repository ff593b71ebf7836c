# Every target makes what it needs, on a machine with python3 (3.11, 3.12 or 3.13) and make.
PYTHON ?= python3

BIN := .venv/bin
LOCK := .ci/requirements.lock
# The demo needs the run-time part only, less than half of the download; the rest waits for `make test`.
RUN := .venv/.run
DEV := .venv/.dev
WITHOUT_JIT := tests/property tests/rules tests/scenarios tests/state
# A process for each core, whole files to each: a file's exchanges are opened once.
SPREAD := -n auto --dist loadfile
TREES := $(wildcard engine risk funding tests bench)

.DEFAULT_GOAL := help
.PHONY: help demo test bench lint soak mutation warm clean

help:
	@echo "make demo    a session on the exchange, from a fresh checkout"
	@echo "make test    compile the kernels, then run the tests, then the core of them without the JIT"
	@echo "make lint    ruff and mypy"
	@echo "make bench   measure, and write the tables of the README; REFERENCE=DIR for a book to compare with"
	@echo "make soak    the long randomised runs"
	@echo "make mutation    plant bugs one at a time, see that tests find them; PLANT=--help for a part"
	@echo "make warm    compile the kernels into the cache"
	@echo "make clean   remove everything made here"

demo: $(RUN)
	$(BIN)/lionrock demo

warm: $(RUN)
	$(BIN)/lionrock warm

# The second run is the same source in plain Python over range-checked records: an overflow fails.
test: $(DEV)
	$(BIN)/lionrock warm
	$(BIN)/python -m pytest $(SPREAD)
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m pytest $(SPREAD) $(WITHOUT_JIT)

soak: $(DEV)
	$(BIN)/lionrock warm
	$(BIN)/python -m pytest -m soak

# One process, hours for all of it: PLANT="--chosen --quick" is half an hour.
mutation: $(DEV)
	$(BIN)/python -m tests.mutation.plant $(PLANT)

bench: $(DEV)
	$(BIN)/lionrock warm
	$(BIN)/python bench/report.py --write-readme $(if $(REFERENCE),--reference $(REFERENCE))

lint: $(DEV)
	$(BIN)/ruff check $(TREES)
	$(BIN)/mypy $(TREES)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; try make PYTHON=python3.12" >&2; exit 1; }
	$(PYTHON) -m venv .venv

# The lock holds more than the run-time part, so here it is a constraint and pyproject.toml the list.
# Without build isolation the build back end is the pinned one, too.
$(RUN): pyproject.toml $(LOCK) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint $(LOCK) hatchling editables
	$(BIN)/python -m pip install --quiet --constraint $(LOCK) --no-build-isolation --editable .
	@touch $@

$(DEV): $(RUN)
	$(BIN)/python -m pip install --quiet --requirement $(LOCK)
	@touch $@

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks
	find $(TREES) -name __pycache__ -type d -prune -exec rm -rf {} +
