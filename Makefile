# LatentOps. `make help` lists what there is.

PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export MLFLOW_DISABLE_TELEMETRY := true
.DEFAULT_GOAL := help
.PHONY: help run test cover tune ui check format deps break bench soak

help:  ## list the commands
	@grep -E '^[a-z.]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z.]+):.*## /\1\t/' | expand -t 10

run: .venv scm  ## set up, then data -> trained, scored, registered model; RECIPE=digits takes that recipe first
ifdef RECIPE
	@test -f 'recipes/$(RECIPE).yaml' || { echo "error: no recipe '$(RECIPE)'. There are: $$(basename -s .yaml recipes/*.yaml | xargs)" >&2; exit 1; }
	cp 'recipes/$(RECIPE).yaml' params.yaml
endif
	@test -e mlruns/mlflow.db || test -n "$$MLFLOW_TRACKING_URI" || rm -f mlruns/registered.json  # the store is gone: register again
	dvc repro
	latentops report

test: .venv check  ## set up, then checks and the whole test suite
	pytest -n auto

cover: .venv  ## the test suite once more, with the lines that it does not reach
	pytest -n auto --cov --cov-report=term

tune: .venv scm  ## the study that section tune of params.yaml describes; then `latentops tune apply`
	dvc repro tune/dvc.yaml
	latentops tune show

ui: .venv  ## the MLflow UI on the local store
	latentops ui

check: .venv  ## format, lint, types, import contracts, code dependencies of dvc.yaml
	ruff format --check
	ruff check
	mypy
	lint-imports
	python tools/code_deps.py --check

format: .venv  ## format the code and mend what the linter can
	ruff format
	ruff check --fix

deps: .venv  ## rewrite the code dependencies and params of the stages in dvc.yaml
	python tools/code_deps.py

break: .venv  ## plant known bugs one by one: each must turn a test red
	python tools/break.py

bench: .venv scm  ## ratios: training step against plain PyTorch and pythae; the pipeline's overhead
	python -m benchmarks

soak: run  ## ten minutes of requests to a service of the project's model: its memory must stay flat
	python -m benchmarks.soak . 10

.venv: .venv/complete  ## the virtual environment, every version pinned in constraints.txt
.venv/complete: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: Python 3.11 or later is needed, $$($(PYTHON) --version) found. Set PYTHON=python3.x" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@echo 'installing the pinned packages: some minutes, nothing is printed meanwhile'
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

# DVC asks for git unless told otherwise: a folder without it (an unpacked archive) is told here.
.PHONY: scm
scm:
	@if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then \
		if [ -f .dvc/config.local ]; then sed -i.partial '/no_scm/d' .dvc/config.local && rm .dvc/config.local.partial; fi; \
	elif ! grep -qs no_scm .dvc/config.local; then \
		printf '[core]\n    no_scm = true\n' >> .dvc/config.local; \
	fi
