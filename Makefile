# Everything runs in .venv with locked dependencies; `make demo` and `make test` set it up first where it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ONCE ?=

.PHONY: setup demo test lint format lock clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements/dev.txt pyproject.toml deploy/setup-debian
	deploy/setup-debian
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: setup
	$(BIN)/gatehouse demo $(if $(ONCE),--once)

test: setup lint
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Resolve the dependencies anew: one lock for each thing that is installed alone, with hashes and without index addresses.
lock: setup
	for extra in gate hub central easyocr dev; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --no-annotate --extra $$extra pyproject.toml --output-file requirements/$$extra.txt; done

clean:
	rm -rf $(VENV) build *.egg-info
