# Two commands matter: `make run` and `make test`. `make` alone lists the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install run sweep study test test-all reproduce evidence lint format bench docs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: $(READY) ## make .venv and install regbench there, at the versions of constraints.txt

run: $(READY) ## train one network with an L2 penalty
	$(BIN)/regbench run regularizer=l2

sweep: $(READY) ## a small sweep: three regularizers, two seeds, five epochs
	$(BIN)/regbench run -m regularizer=none,l2,dropout seed=0,1 schedule.epochs=5 name=ci_sweep

study: $(READY) ## a small study, for CI: three arms, five replicates
	$(BIN)/regbench bench study=ci dataset=iris schedule.epochs=20 name=ci_study

test: $(READY)-dev ## the test suite; where a matrix of cases grows, a fixed sample of it
	$(BIN)/python -m pytest -n 2

test-all: $(READY)-dev ## the test suite with every case of every matrix
	$(BIN)/python -m pytest -n 2 --all-cases

reproduce: $(READY)-dev ## compare with published figures (long)
	$(BIN)/python -m pytest -m reproduce

evidence: $(READY)-dev ## do the statistics keep their promises? (an hour); PARTS=looks or real ..., REGBENCH_EVIDENCE=N
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.evidence $(PARTS)

lint: $(READY)-dev ## style and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(READY)-dev ## rewrite the code in the project's style
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY)-bench ## speed and memory against plain PyTorch loops and Lightning, sweeps too (an hour)
	$(BIN)/python -m benchmarks

docs: $(READY) ## the cards of everything there is as one page with a search, docs/site/index.html
	$(BIN)/regbench docs

clean: ## remove .venv, builds and caches; never touches runs/
	rm -rf $(VENV) build dist docs/site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find regbench tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

# Build backends first and without isolation: pip would otherwise fetch unpinned ones. hatchling builds regbench;
# setuptools and wheel build antlr4-python3-runtime, which hydra-core needs and which comes as a source package only.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "regbench needs Python 3.11 or newer, and '$(PYTHON)' is not; name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt setuptools wheel hatchling editables
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[report]'
	@touch $@

$(READY)-dev: $(READY)
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[dev]'
	@touch $@

$(READY)-bench: $(READY)-dev
	$(BIN)/python -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[dev,bench]'
	@touch $@
