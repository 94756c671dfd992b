# Two commands do everything: `make results` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
SMOKE := --configfile configs/smoke.yaml

.PHONY: results test demo reference docs lint clean

results: .venv/ready  ## everything in config.yaml
	infoflow run --warm --cores all
	@echo "open results/index.html"

test: .venv/ready  ## the tests
	python -m pytest

demo: .venv/ready  ## the whole workflow at small sizes, and the reference figures
	infoflow run --warm all reference --cores all $(SMOKE)
	@echo "open results-smoke/index.html and results/reference-figures"

reference: .venv/ready  ## the reference figures alone
	infoflow run --warm --cores all reference

docs: .venv/ready  ## the documentation as a site
	infoflow site
	@echo "open results/docs/index.html"

lint: .venv/ready
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint

.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "infoflow needs Python 3.11 or newer: make $(MAKECMDGOALS) PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	@# A broken installation says so here; librosa compiles its loops on the first import and keeps them.
	$(BIN)/python -c "import torch, torchvision, torchaudio, librosa.feature.spectral, papermill, snakemake"
	@touch $@

clean:  ## results of runs; reference results stay
	rm -rf results-* .snakemake
	find results -mindepth 1 -maxdepth 1 ! -name README.md ! -name reference -exec rm -rf {} +
