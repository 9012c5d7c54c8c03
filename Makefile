# Catalens. `make help` lists what can be made; `make demo` and `make test` install what they need into .venv by themselves.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON ?= python3
DATA ?= $(or $(CATALENS_REAL_DATA),../shared/data)
WEIGHTS ?= $(or $(CATALENS_REAL_WEIGHTS),../shared/weights)/mobilenetv2_100.safetensors
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)

ifneq ($(UV),)
# uv does not read pip's configuration: take the wheels that pip was told of.
wheels := $(shell pip config get global.find-links 2>/dev/null)
ifneq ($(wheels),)
comma := ,
export UV_FIND_LINKS ?= $(subst $() $(),$(comma),$(wheels))
endif
HEALTHY := $(BIN)/python -c 'pass'
VENV := rm -rf .venv && $(UV) venv --quiet --python $(PYTHON) .venv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
else
HEALTHY := $(BIN)/python -m pip --version
VENV := $(PYTHON) -m venv --clear .venv
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

BENCHMARKS := bench-accuracy bench-compare bench-copies bench-decoder bench-ingest bench-quality bench-scale bench-search bench-serving bench-training bench-trust
.PHONY: help demo test check bench $(BENCHMARKS) format docs setup

help: ## Show this list.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

demo: .venv/.ready-demo ## Draw a shop, run the whole way on it, leave a report in demo/.  ARGS="--products 400" goes to it.
	@$(BIN)/catalens demo $(ARGS)

test: .venv/.ready-dev ## Run the tests.  ARGS="tests/unit -x" goes to pytest.
	@OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest $(ARGS)

check: .venv/.ready-dev ## Format, lint, types, imports, tests, docs: what a change must pass.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) --no-print-directory test
	$(MAKE) --no-print-directory docs

bench: $(BENCHMARKS) ## Run every benchmark below; see docs/benchmarks.md.

bench-accuracy: .venv/.ready-dev ## Top-1 and promises on DATA/grocery, clothing and fashion, with WEIGHTS: about an hour on two cores.
	@for name in grocery clothing fashion; do $(BIN)/python benchmarks/accuracy.py $$name --data $(DATA) --weights $(WEIGHTS); done

bench-compare: .venv/.ready-dev ## The classics side by side, on DATA: about half an hour.
	@$(BIN)/python benchmarks/compare_classics.py --run --data $(DATA)

bench-training: .venv/.ready-dev bench/grocery/grocery.catalog bench/fashion/fashion.catalog ## Speed of training, several photos, the long tail, on DATA with WEIGHTS: an hour.
	@$(BIN)/python benchmarks/finetune_speed.py bench/grocery/grocery.catalog
	@$(BIN)/python benchmarks/loader.py bench/grocery/grocery.catalog
	@$(BIN)/python benchmarks/augment_speed.py
	@$(BIN)/python benchmarks/frozen_trunk.py bench/grocery/grocery.catalog --weights $(WEIGHTS)
	@rm -rf bench/fashion/conv bench/grocery/conv
	@$(BIN)/catalens train bench/fashion/fashion.catalog bench/fashion/conv --model mobilenetv4_conv_medium --size 96 --epochs 2
	@$(BIN)/catalens train bench/grocery/grocery.catalog bench/grocery/conv --model mobilenetv4_conv_medium --size 128 --epochs 16 \
		--weights bench/fashion/conv
	@$(BIN)/python benchmarks/frozen_trunk.py bench/grocery/grocery.catalog --model mobilenetv4_conv_medium --size 256 \
		--weights bench/grocery/conv
	@$(BIN)/python benchmarks/photo_fusion.py --data $(DATA) --weights $(WEIGHTS)
	@$(BIN)/python benchmarks/long_tail.py bench/fashion/run bench/fashion/fashion.catalog --part test

bench/%.catalog:
	@$(MAKE) --no-print-directory bench-accuracy

bench-trust: .venv/.ready-dev bench/fashion/fashion.catalog ## Promises, suggestions and mix on real predictions; calibration at scale.
	@$(BIN)/python benchmarks/trust.py bench/fashion/fashion.bundle bench/fashion/fashion.catalog
	@$(BIN)/python benchmarks/trust_scale.py

bench-copies: .venv/.ready-dev ## All near pairs of a million hashes; near copies against alike photos, on the demo's shop.
	@$(BIN)/python benchmarks/hash_pairs.py
	@[ -d demo/shop.catalog ] || $(MAKE) --no-print-directory demo
	@$(BIN)/python benchmarks/near_copies.py demo/shop.catalog --pairs 200

bench-decoder: .venv/.ready-dev ## Decoding: draft against full, bombs, damaged files.
	@$(BIN)/python benchmarks/decoder.py

bench-ingest: .venv/.ready-dev ## Ingest of DATA/fashion, killed at random moments.  DATA is ../shared/data unless said.
	@$(BIN)/python benchmarks/ingest_kill.py $(DATA)/fashion

bench-scale: .venv/.ready-dev ## Ingest of generated BSON dumps of 0.25 and 1 GB, against the plain loop.
	@$(BIN)/python benchmarks/ingest_scale.py

bench-quality: .venv/.ready-dev ## How often the flags of photos are right, on DATA: a quarter of an hour.
	@$(BIN)/python benchmarks/quality.py --data $(DATA)
	@$(BIN)/python benchmarks/quality_sharpness.py --data $(DATA)

bench-search: .venv/.ready-dev demo/shop.bundle ## Precision of the nearest products, on the demo's shop.
	@$(BIN)/python benchmarks/search_quality.py demo/shop.catalog demo/shop.bundle

bench-serving: .venv/.ready-dev demo/shop.bundle ## What HTTP costs over the same work in one process, on the demo's bundle.
	@$(BIN)/python benchmarks/serving.py demo/shop.bundle --index demo/shop.index

demo/shop.bundle:
	@$(MAKE) --no-print-directory demo

format: .venv/.ready-dev ## Format the code and fix what ruff can fix.
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

docs: .venv/.ready-dev ## Build the documentation into site/.
	@$(BIN)/python docs/generate_cli.py
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo "open site/index.html"

setup: .venv/.ready-dev ## Only install what the tests need.

# One rule, two sets of packages.  A stamp is written when the install is whole, so one that was cut short is done again;
# a change of pyproject.toml makes both stamps old.
.venv/.ready-demo: extras := train,serve
.venv/.ready-dev: extras := dev
.venv/.ready-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Catalens needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(HEALTHY) >/dev/null 2>&1 || { $(VENV); } || { echo "No virtual environment could be made. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "Installing catalens[$(extras)] into .venv (minutes the first time) ..."
	@$(INSTALL) --editable '.[$(extras)]'
	@touch $@
	@if [ "$*" = dev ]; then touch .venv/.ready-demo; fi
