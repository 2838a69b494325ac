# Everything runs in .venv with locked dependencies; `make demo` and `make test` set it up first where it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
ONCE ?=
SEEDS ?= 200

# Images of containers set it, and then each of the hundreds of processes that tests start would compile all source anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup demo test test-easyocr soak simulate bench train lint format lock clean

setup: $(VENV)/.ready

$(VENV)/.ready: requirements/dev.txt pyproject.toml deploy/setup-debian
	@deploy/setup-debian
	@echo "Installing the locked dependencies into $(VENV); this takes a minute."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) --require-hashes --requirement requirements/dev.txt
	@PYTHONWARNINGS=ignore $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup
	$(BIN)/gatehouse demo $(if $(ONCE),--once)

test: setup lint
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# The plate reader on EasyOCR, in an environment of its own: several GB from PyPI on x86-64, where torch brings CUDA along.
test-easyocr: $(VENV)-easyocr/.ready
	$(VENV)-easyocr/bin/python -m pytest -c /dev/null --rootdir . --import-mode=importlib --confcutdir tests/lpr \
	  -p no:cacheprovider tests/lpr/easyocr_conformance.py

$(VENV)-easyocr/.ready: requirements/easyocr.txt requirements/pytest.txt
	@echo "Installing EasyOCR and what it needs into $(VENV)-easyocr; this takes some minutes."
	@$(PYTHON) -m venv $(VENV)-easyocr
	@$(VENV)-easyocr/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/easyocr.txt
	@$(VENV)-easyocr/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/pytest.txt
	@touch $@

# What takes longer than the tests may: half an hour of cars with everything breaking, every process killed at any moment
# of a driver's visit, and lost disks restored.
soak: setup
	$(BIN)/python -m simulator.soak.street
	$(BIN)/python -m simulator.soak
	$(BIN)/python -m simulator.drill --rounds 10

# The project's own figures beside what a user would pick instead; some minutes, with nothing else running.
bench: setup
	$(BIN)/gatehouse bench

# Whole lots on virtual time under every kind of fault, for an hour or more.
simulate: setup
	$(BIN)/gatehouse simulate --seeds 0..$(SEEDS) --hours 24 --faults all

# The plate finder's network anew, from drawn scenes, in a virtual environment of its own: hours (lpr/models/README.md).
train:
	$(PYTHON) -m venv .venv-training
	.venv-training/bin/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes --requirement requirements/training.txt
	.venv-training/bin/python -m simulator.training.train --folder build/training --out build/training/plate_finder.onnx
	.venv-training/bin/python -m simulator.training.train --folder build/training --out build/training/plate_finder.onnx \
	  --steps 5200 --decay 2000
	cp build/training/plate_finder.onnx lpr/models/plate_finder.onnx

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
	for extra in gate hub central easyocr training dev; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --extra $$extra pyproject.toml --output-file requirements/$$extra.txt; done
	echo pytest | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --constraint requirements/dev.txt --output-file requirements/pytest.txt -

clean:
	rm -rf $(VENV) $(VENV)-easyocr build *.egg-info
