# Two commands set everything up and run it: `make demo` (the main job) and `make test` (all tests).
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export JSII_RUNTIME_PACKAGE_CACHE := enabled
export CHECKPOINT_DISABLE := 1

.PHONY: help setup demo demo-vm test lint unit e2e image-test bench fuzz schemas clean

help: ## what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: ## everything that the project needs on this machine (idempotent)
	@scripts/setup

demo: setup ## three tenants on the local cloud: deployed, sealed, trained, attacked, scanned; ends with a report
	@$(BIN)/bulkhead demo

demo-vm: export BULKHEAD_IMAGES := 1
demo-vm: setup ## the measured image in virtual machines: a node per tenant trains, then what must be refused (as root)
	@$(BIN)/bulkhead image demo

test: setup lint unit e2e ## all tests

lint: setup ## ruff, mypy, import-linter, and the generated files are fresh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bulkhead tenants schema --check

unit: setup ## tests without servers, Terraform or virtual machines
	$(BIN)/pytest -n 2 --dist loadscope -m "not e2e and not image"

e2e: setup ## tests that start servers, Terraform or virtual machines
	$(BIN)/pytest -n 2 --dist loadfile -m e2e

image-test: export BULKHEAD_IMAGES := 1
image-test: setup ## builds the measured image and boots it in QEMU, as root (ten minutes and more)
	$(BIN)/pytest -m image tests/images

bench: setup ## speed and memory, as ratios to a peer in the same run
	$(BIN)/python -m benchmarks.proof
	$(BIN)/python -m benchmarks.trainer --write docs/benchmarks.md
	$(BIN)/python -m benchmarks.scanners --markdown -
	$(BIN)/python -m benchmarks.scan

fuzz: setup ## feeds the evidence parsers random input for a minute each; installs the fuzzer
	$(BIN)/python -m pip install -q atheris==3.0.0
	$(BIN)/python -m fuzz --seconds 60

schemas: setup ## writes the JSON schemas of the tenant files
	$(BIN)/bulkhead tenants schema --write

clean: ## removes everything that set-up, demo and tests made
	@if [ -x $(BIN)/bulkhead ]; then $(BIN)/bulkhead local down; fi
	rm -rf .venv .bulkhead node_modules out build cdktf.out *.egg-info .mypy_cache .ruff_cache .pytest_cache \
	  .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
