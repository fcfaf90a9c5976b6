# make demo    find injected label errors in a small data set; under a minute once installed
# make test    the test suite
# make help    everything else

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
RESULTS ?= runs/e2e
STUDIES ?= runs/studies
SCALE ?= cpu
SITE ?= site
CAMPAIGN ?= runs/campaign
MINUTES ?=
WORKERS ?= 2
# What `make e2e` must reach: the largest error of the noise rate, and the smallest value per key of summary.json.
E2E_RATE_ERROR := 0.03
E2E_LEAST := auroc=0.97 average_precision=0.93 f1=0.88
RUN := $(VENV)/bin
QUIET_PIP := $(RUN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

TEST = $(RUN)/python -m pytest -n $(WORKERS) -m "not slow" -q

.DEFAULT_GOAL := help
.PHONY: help install demo test test-portable slow lint pages docs notebooks packages gallery gpu gpu-studies e2e clean

help:
	@echo "make demo   find injected label errors in a small data set"
	@echo "make test   run the tests (minutes)"
	@echo "make test-portable  run the tests as two other processors would compute them"
	@echo "make lint   check format, style and types"
	@echo "make slow   run the tests marked slow"
	@echo "make e2e    audit Fashion-MNIST with injected noise and check the result"
	@echo "make pages  write docs/methods.md, docs/methods/, docs/detectors.md, docs/probes.md and docs/gallery.md from the cards"
	@echo "make docs   write these pages and build the documentation site into site/"
	@echo "make notebooks  run the notebooks in examples/notebooks/ and keep what they print"
	@echo "make packages  build wheel and source distribution, and install them and every extra into empty environments"
	@echo "make gallery  run all studies at SCALE=$(SCALE) and show them in docs/gallery.md"
	@echo "make gpu    compare all methods, on a GPU if there is one; MINUTES=9 computes a piece, the next call goes on"
	@echo "make gpu-studies  run the studies at scale paper, in pieces likewise"
	@echo "make clean  remove $(VENV), $(DEMO) and caches"
	@echo "Each installs what it needs into VENV=$(VENV) first."

install: $(VENV)/.installed

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "error: noisewise needs Python 3.11 or later; say which with make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing into $(VENV): minutes the first time"
	$(QUIET_PIP) -e .
	@touch $@

$(VENV)/.installed-tools: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing into $(VENV): minutes the first time"
	$(QUIET_PIP) -e '.[test,lint]'
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-docs: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing into $(VENV): minutes the first time"
	$(QUIET_PIP) -e '.[docs]'
	@touch $@ $(VENV)/.installed

demo: $(VENV)/.installed
	$(RUN)/noisewise audit digits --corrupt symmetric:0.2 --out $(DEMO)

test: $(VENV)/.installed-tools
	OMP_NUM_THREADS=1 $(TEST)

# What another processor computes: kernels and BLAS for any x86-64, then those for AVX2 on two threads.
test-portable: $(VENV)/.installed-tools
	OMP_NUM_THREADS=1 ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE OPENBLAS_CORETYPE=Prescott $(TEST)
	OMP_NUM_THREADS=2 OMP_WAIT_POLICY=passive ATEN_CPU_CAPABILITY=avx2 MKL_CBWR=AVX2 OPENBLAS_CORETYPE=Haswell $(TEST)

slow: $(VENV)/.installed-tools
	$(RUN)/python -m pytest -m slow -q || [ $$? -eq 5 ] # 5: there is none

lint: $(VENV)/.installed-tools
	$(RUN)/ruff format --check
	$(RUN)/ruff check
	$(RUN)/mypy

pages: $(VENV)/.installed
	$(RUN)/python tools/pages.py docs
	$(RUN)/python tools/gallery.py docs

docs: pages $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(RUN)/mkdocs build --strict --site-dir $(SITE)

notebooks: $(VENV)/.installed-docs
	$(RUN)/python tools/notebooks.py examples/notebooks/*.ipynb

packages:
	PYTHON=$(PYTHON) .ci/packages

gallery: $(VENV)/.installed
	$(RUN)/noisewise study --all --scale $(SCALE) --out $(STUDIES)/$(SCALE) || [ $$? -eq 1 ] # 1: a claim fails, which is shown
	$(RUN)/python tools/gallery.py docs $(STUDIES)/$(SCALE)

# All cells are hours of 16 processors and one GPU. Timings come first.
gpu: $(VENV)/.installed
	$(RUN)/python -m benchmarks.campaign --out $(CAMPAIGN) $(if $(MINUTES),--minutes $(MINUTES))

# Runs that are done are not repeated, and others go on from their checkpoints.
gpu-studies: $(VENV)/.installed
	$(RUN)/noisewise study --all --scale paper --out $(CAMPAIGN)/studies $(if $(MINUTES),--minutes $(MINUTES)) || [ $$? -ne 2 ]

e2e: $(VENV)/.installed
	$(RUN)/noisewise audit fashion-mnist --corrupt symmetric:0.2 --out $(RESULTS)
	$(RUN)/python .ci/check_audit.py $(RESULTS)/summary.json $(E2E_RATE_ERROR) $(E2E_LEAST)

clean:
	rm -rf $(VENV) $(DEMO) $(SITE) .pytest_cache .mypy_cache .ruff_cache
