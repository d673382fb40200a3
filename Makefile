# `make` needs only Python 3.10 or newer; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A shell may forbid bytecode, which hides every fault of ours that concerns it.
unexport PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX PYTHONPATH VIRTUAL_ENV

.PHONY: help venv lint test torture e2e matrix matrix-check demo clean

help:
	@echo "make test   everything but torch: lint, types, unit, patches, contract, crash, packaging, real wheels"
	@echo "make torture  the same crashes, damage, contests and real files, ten times as many; an hour or two;"
	@echo "            writes docs/reliability.md"
	@echo "make e2e    a real environment with torch 2.1.0: every patch's probe before and after"
	@echo "make matrix every environment of docs/compatibility.md, measured anew where an input changed;"
	@echo "            MATRIX='--only REGEX --jobs N' for some of them, N at a time"
	@echo "make matrix-check  three of them again, held against what docs/compatibility.json says"
	@echo "make demo   the three commands on real packages, in a scratch site-packages"

venv: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

lint: venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(BIN)/python -m pytest -n auto -m "not e2e and not matrix"

torture: venv
	M3D_SURGEON_TORTURE=1 M3D_SURGEON_FIGURES=.cache/figures.json \
	$(BIN)/python -m pytest -n auto tests/crash tests/hostile tests/property tests/torture
	$(BIN)/python -m tests.reliability .cache/figures.json docs/reliability.md

e2e: venv
	$(BIN)/python -m pytest -m e2e -v

matrix-check: venv
	$(BIN)/python -m pytest -m matrix -v

matrix: venv
	$(BIN)/python -m tests.matrix $(MATRIX)

demo: venv
	$(BIN)/python tests/demo.py

clean:
	rm -rf $(VENV) .cache build dist *.egg-info
