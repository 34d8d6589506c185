# make demo   train on real data, score what came after, look at the result
# make test   set up what the tests need and run them all
# make check  lint, format, types, docs: what CI asks beside the tests

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
SOURCES = pyproject.toml setup.py constraints.txt scorekit/engine/_trees.pyx

.PHONY: demo test check lint format types docs docs-check dist clean

demo: $(VENV)/installed
	@PATH="$(abspath $(BIN)):$$PATH" sh examples/demo.sh

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest $(ARGS)

check: lint types docs-check

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/installed-dev
	$(BIN)/mypy

docs: $(VENV)/installed-dev
	$(BIN)/cog -r -I docs README.md docs/*.md scorekit/known_options.py scorekit/state/fresh.py
	$(BIN)/python docs/sessions.py --write README.md docs/*.md

docs-check: $(VENV)/installed-dev
	$(BIN)/cog --check --diff -I docs README.md docs/*.md scorekit/known_options.py scorekit/state/fresh.py

dist: $(VENV)/installed-dev
	$(BIN)/python -m build --quiet

clean:
	rm -rf build dist *.egg-info $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "scorekit needs Python 3.11 or newer: make PYTHON=/path/to/python3 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip

# the demo takes a copy of the package; where the tests' editable install is, that will do
$(VENV)/installed: $(VENV)/bin/python $(SOURCES) $(shell find scorekit -name '*.py')
	test -e $(VENV)/installed-dev || $(PIP) .
	@touch $@

$(VENV)/installed-dev: $(VENV)/bin/python $(SOURCES)
	PYTHONWARNINGS=ignore $(PIP) --editable '.[all]' --group dev
	@touch $@
