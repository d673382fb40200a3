# `make` needs only Python 3.10 or newer; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# A shell may forbid bytecode, which hides every fault of ours that concerns it.
unexport PYTHONDONTWRITEBYTECODE PYTHONPYCACHEPREFIX PYTHONPATH VIRTUAL_ENV

.PHONY: help venv lint test torture e2e e2e-more matrix scan-truth torch-names bench reference docs demo clean

help:
	@echo "make test   everything but torch: lint, types, unit, patches, contract, crash, packaging, real wheels"
	@echo "make torture  the same crashes, damage, contests and real files, ten times as many; an hour or two;"
	@echo "            writes docs/reliability.md"
	@echo "make e2e    a real torch 2.1.0: every patch's probe, the workloads, three environments of the matrix"
	@echo "make e2e-more  doctor and wheel on a further stack; CI does not run them"
	@echo "make matrix every environment of docs/compatibility.md, measured anew where an input changed;"
	@echo "            MATRIX='--only REGEX --jobs N' for some of them, N at a time"
	@echo "make scan-truth  every module of three stacks imported, held against what scan predicts; ten minutes"
	@echo "make torch-names  the table of torch's names, with the releases that are new on the package index"
	@echo "make bench  how fast it is, on this machine when it is quiet: docs/performance.md; ten minutes;"
	@echo "            BENCH='--only startup,apply' for some sections again"
	@echo "make reference  docs/reference/ anew, from the code"
	@echo "make docs   the site, in .cache/site; a broken link fails"
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
	$(BIN)/python -m pytest -n auto -m "not e2e and not more"

torture: venv
	M3D_SURGEON_TORTURE=1 M3D_SURGEON_FIGURES=.cache/figures.json \
	$(BIN)/python -m pytest -n auto tests/crash tests/hostile tests/property tests/torture
	$(BIN)/python -m tests.tools.reliability .cache/figures.json docs/reliability.md

e2e: venv
	$(BIN)/python -m pytest -m e2e -v

e2e-more: venv
	$(BIN)/python -m pytest -m more -v

matrix: venv
	$(BIN)/python -m tests.tools.matrix $(MATRIX)

scan-truth: venv
	$(BIN)/python -m tests.tools.truth

torch-names: venv
	$(BIN)/python -m tests.tools.torch_names build

bench: venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	$(BIN)/python -m tests.tools.bench $(BENCH)

reference: venv
	$(BIN)/python -m tests.tools.reference

docs: venv reference
	$(PYTHON) -m venv .cache/docs-venv
	.cache/docs-venv/bin/python -m pip install --quiet --disable-pip-version-check mkdocs-material
	.cache/docs-venv/bin/mkdocs build --quiet --strict --site-dir .cache/site

demo: venv
	$(BIN)/python tests/tools/demo.py

clean:
	rm -rf $(VENV) .cache build dist *.egg-info
