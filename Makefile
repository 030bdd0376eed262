# Two commands do all the set-up on a fresh Debian machine with Python, git and make:
#   make demo    installs into .venv and shows what the tool says about a sample capture
#   make test    installs the test tools as well, and runs the whole test suite
# A stamp in .venv says what has been done: a second run goes straight to work.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
DEMO   := samples/fabric.pcapng
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help demo test lint format bench man samples screenshots clean

help:
	@echo "make demo         what nvgre-inspect says about $(DEMO)"
	@echo "make test         the whole test suite"
	@echo "make lint         ruff, mypy, import-linter"
	@echo "make format       let ruff format the code"
	@echo "make bench        the benchmark against public tools (docs/benchmarks.md)"
	@echo "make man          the manual page: build/nvgre-inspect.1"
	@echo "make samples      the captures of samples/, from their scenarios"
	@echo "make screenshots  the pictures of README and docs, taken from the app"
	@echo "make clean        remove .venv and everything else that was made"

demo: $(VENV)/.installed
	@$(BIN)/nvgre-inspect summary $(DEMO)

test: $(VENV)/.dev $(VENV)/.debian
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks

man: $(VENV)/.installed
	@mkdir -p build
	$(BIN)/nvgre-inspect man > build/nvgre-inspect.1
	@echo "build/nvgre-inspect.1 (read it with: man -l build/nvgre-inspect.1)"

samples: $(VENV)/.installed
	$(BIN)/python -m samples.make

screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.tui.screenshots

clean:
	rm -rf $(VENV) build dist .bench .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@PYTHON=$(PYTHON) .ci/venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing nvgre-inspect into $(VENV) ..."
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing nvgre-inspect and its test tools into $(VENV) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.installed

# Tests that need a program skip visibly without it, so a machine where nothing may be installed still runs the rest.
$(VENV)/.debian: .ci/debian-packages | $(BIN)/python
	@.ci/debian-packages
	@touch $@
