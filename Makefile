# `make demo` and `make test` need Debian 12 (or alike), Python 3.11, make and git; they set up the rest themselves.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: demo test lint types install lock clean

demo: install
	$(BIN)/wail demo --out demo

test: install lint types
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .

types: install
	$(BIN)/mypy

install: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml
	sh scripts/check-system.sh "$(PYTHON)"
	test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@echo "Installing the locked dependencies into .venv: a few minutes without a word, about 3.5 GB."
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar off -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --editable .
	touch $@

# Writes the lock anew from what .venv holds; torch's local version differs between the CPU and the CUDA build.
lock:
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/^\(torch==[0-9.]*\)+.*/\1/' > requirements.lock

clean:
	rm -rf .venv demo build
