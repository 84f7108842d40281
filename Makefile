# `make chat` and `make test` do everything on a fresh machine; each installs what it needs into .venv once.
PYTHON ?= python3
PY := .venv/bin/python
ROOMS := boot core gate tool flow store servr

.PHONY: chat test check lint bench serve local smoke clean

chat: .venv/chat.stamp
	@$(PY) cli.py

test: .venv/dev.stamp
	@$(PY) -m pytest

check: lint
	@$(PY) -m pytest -q -m "not slow"

lint: .venv/dev.stamp
	@$(PY) -m ruff format --check .
	@$(PY) -m ruff check .
	@$(PY) -m mypy

bench: .venv/dev.stamp
	@$(PY) -m tests.bench

serve: .venv/serve.stamp
	@./runsv.sh $(MODEL)

local: .venv/chat.stamp
	@./boot/install.sh "$(PYTHON)" -r requirements-local.txt

smoke: .venv/chat.stamp
	@$(PY) -m tests.smoke

clean:
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
	@find $(ROOMS) tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: a .venv with the packages of one requirements file, made again when that file changes.
.venv/chat.stamp: requirements.txt
	@./boot/install.sh "$(PYTHON)" -r requirements.txt
	@touch $@

.venv/dev.stamp: requirements.txt requirements-dev.txt
	@./boot/install.sh "$(PYTHON)" -r requirements-dev.txt
	@touch .venv/chat.stamp .venv/serve.stamp $@

.venv/serve.stamp: requirements-local.txt | .venv/chat.stamp
	@./boot/install.sh "$(PYTHON)" "$$(grep ^xllamacpp requirements-local.txt)"
	@touch $@
