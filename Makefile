# Needs Python 3.11 or newer and nothing else: every target makes .venv when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# make quality DATA=zinc250k.csv.gz [MODEL=zinc_selfies]
MODEL := zinc_selfies
.PHONY: help env demo test lint types slow bench quality clean
.DEFAULT_GOAL := help

help:
	@echo "make env     the environment alone, .venv (2 GB)"
	@echo "make demo    design molecules with the shipped model (a few minutes on a CPU)"
	@echo "make test    lint, types and the test suite"
	@echo "make slow    the tests that take more than a minute"
	@echo "make bench   the cost of sampling, of the oracle layer and of a large report"
	@echo "make quality DATA=FILE MODEL=NAME   the figures of a model's card, measured again"
	@echo "make clean   remove .venv, builds and caches"

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "discdiff needs Python 3.11 or newer, got " + sys.version.split()[0] + "; run: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $(READY)

env: $(READY)

demo: $(READY)
	$(BIN)/discdiff design experiment=qed_sa out=runs/demo-$$(date +%Y%m%d-%H%M%S)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

test: lint types
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n auto --dist loadfile -m "not slow and not gpu"

slow: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -m slow

bench: $(READY)
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python -m benchmarks.report_page

quality: $(READY)
	$(BIN)/python benchmarks/model_quality.py --data $(DATA) --model $(MODEL)

clean:
	rm -rf $(VENV) build dist *.egg-info .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
