# make repro: from a fresh clone to the report. Needs Python 3.11 and make; everything else goes into .venv.

PYTHON ?= python3.11
UV_VERSION := 0.13.9
SEEDS ?= 0 1 2
# of photographs: a folder of photos for each subject, and classes.csv (subject,class)
PHOTOS ?= ../shared/photos
# of ablation; all if empty: ladder, latent_tokens, photos, methods, further
STUDIES ?=

BIN := .venv/bin
# dvc.yaml says `python`: this makes it ours
export PATH := $(CURDIR)/$(BIN):$(PATH)
# where this is set, as in many containers, every stage would compile its imports again: 15 seconds each
export PYTHONDONTWRITEBYTECODE :=
# a copy of the lock file that .venv was made from
INSTALLED := .venv/installed.lock

refuse = { echo 'error:$(1)' >&2; exit 1; }
UNREACHABLE = $(call refuse, the packages of requirements.lock could not be installed (see above): \
	setting up needs the network once; mend that and run make again)

.DEFAULT_GOAL := help
.PHONY: help setup repro test test-fast lint reproduce agree readme bench bench-gpu ablation photographs pretrain

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED)  ## make .venv with exactly the locked packages

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2> /dev/null || $(call refuse, \
		$(PYTHON) is not a Python 3.11: install one or name it as in `make repro PYTHON=/path/to/python3.11`)
	@echo 'installing the packages of requirements.lock into .venv'
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION) || $(UNREACHABLE)
	@# the lock file names everything: nothing is resolved, and pyproject's overrides, which made it, would put
	@# versions that came out since in the place of the locked ones
	@$(BIN)/uv pip install --quiet --no-config --no-deps --python .venv --require-hashes \
		--requirement requirements.lock || $(UNREACHABLE)
	@cp requirements.lock $(INSTALLED)

repro: setup  ## run what changed, up to reports/index.html
	$(BIN)/dvc repro

test: setup  ## all tests
	$(BIN)/python -m pytest

test-fast: setup  ## all tests but those that run whole stages
	$(BIN)/python -m pytest -m "not slow"

lint: setup  ## style
	$(BIN)/ruff check
	$(BIN)/ruff format --check

reproduce: repro  ## run everything once more from nothing and demand the same bytes
	cp dvc.lock .venv/first.lock
	$(BIN)/dvc repro --force
	diff .venv/first.lock dvc.lock

agree: setup  ## compare reports/metrics.json with the one in git, within the tolerance of params.yaml
	$(BIN)/python -m tests.pipeline.agree

readme: setup  ## rewrite the generated parts of README.md: graph, parameters, results
	$(BIN)/python -m tests.pipeline.readme

bench: setup  ## measure training, evaluation and synthesis against the published loop and PEFT, and all methods
	for model in small llava-1.5-25m; do \
		for benchmark in token_training evaluation synthesis; do \
			$(BIN)/python -m tests.benchmarks.$$benchmark --model $$model || exit 1; \
		done; \
	done
	$(BIN)/python -m tests.benchmarks.scaling
	$(BIN)/python -m tests.benchmarks.methods

bench-gpu: setup  ## measure LLaVA-1.5 with random weights on a GPU: nine minutes a call, until nothing is left
	$(BIN)/python -m tests.benchmarks.gpu

ablation: setup  ## what each part brings, as DVC experiments: STUDIES for each of SEEDS
	$(BIN)/python -m tests.benchmarks.ablation $(STUDIES) $(SEEDS)

photographs: setup  ## run the pipeline on the real subjects in PHOTOS, with the base for photographs
	$(BIN)/python -m tests.benchmarks.photographs $(PHOTOS)

pretrain: setup  ## remake the base models from nothing; resumes where it was stopped
	$(BIN)/python -m stages.pretrain
