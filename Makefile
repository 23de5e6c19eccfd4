.DEFAULT_GOAL := help
.PHONY: help setup lock demo serve servers fix check test cover reference bench bench-growth bench-portals soak cells pictures assets words

# `uv` of the machine where there is one, else the one that is installed into .venv.
UV := $(or $(shell command -v uv),.venv/bin/uv)
INSTALL := --python .venv/bin/python --quiet

# .venv keeps the bytecode of what runs from it: a start takes one second instead of three.
unexport PYTHONDONTWRITEBYTECODE

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## Install everything that running and developing need into .venv

.venv/.ready: requirements-dev.lock pyproject.toml clients/python/pyproject.toml
	test -x .venv/bin/python || python3 -m venv .venv
	command -v $(UV) >/dev/null || .venv/bin/pip install --quiet --disable-pip-version-check uv==$(shell sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements-dev.lock)
	$(UV) pip sync $(INSTALL) --require-hashes requirements-dev.lock || \
		$(UV) pip sync $(INSTALL) --offline --require-hashes requirements-dev.lock
	$(UV) pip install $(INSTALL) --no-deps --no-build-isolation --editable . --editable clients/python
	touch $@

lock: ## Pin versions and hashes; the files name no download address
	$(UV) pip compile --python .venv/bin/python --quiet --universal --generate-hashes --no-header pyproject.toml --group dev -o requirements-dev.lock
	$(UV) pip compile --python .venv/bin/python --quiet --universal --generate-hashes --no-header -c requirements-dev.lock pyproject.toml -o requirements.lock

demo: setup ## Prove the main job on this machine; needs no answers and no network
	.venv/bin/letterhead demo

serve: setup ## Start the service with its data in ./var
	.venv/bin/letterhead serve

servers: setup ## Install the real servers that tests talk to (Debian and root), or say what is skipped
	tests/servers/install

fix: setup ## Format, and repair what can be repaired
	.venv/bin/ruff format
	.venv/bin/ruff check --fix

check: setup ## What the CI checks, without tests
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports

test: setup servers check ## Check, and run all tests; T=tests/mail for some
	.venv/bin/pytest -n 2 $(T)

cover: setup servers ## Run the tests and show uncovered lines
	.venv/bin/pytest -n 2 --cov

reference: setup ## Make the pages of docs/reference that stand in the code
	.venv/bin/python docs/reference/make.py

bench: setup ## Measure ourselves beside our peers, some minutes; QUICK=1 for a first look
	.venv/bin/python -m benchmarks.compare $(if $(QUICK),--quick)
	.venv/bin/python -m benchmarks.submission $(if $(QUICK),--messages 1000 --rounds 1)

bench-growth: setup servers ## Measure what a message costs beside 10,000 to 1,000,000 others; some minutes, 10 GB of disk
	.venv/bin/python -m benchmarks.growth

bench-portals: setup ## Measure many portals with little mail each
	.venv/bin/python -m benchmarks.portals

soak: setup servers ## Kill the service 200 times while 20,000 mails are delivered, and do the sums; some minutes
	.venv/bin/python -m benchmarks.soak $(ARGUMENTS)

cells: setup servers ## Move portals between three cells while mail flows, and do the sums; a minute or two
	.venv/bin/python -m benchmarks.cells

pictures: setup servers ## Make the pictures of the pages for README and guide, in Chromium
	.venv/bin/python docs/pictures.py

words: setup ## Collect the texts of the pages, and bring the catalogues of the languages up to date
	.venv/bin/python -m letterhead.web.locale.make

assets: ## Fetch Tabler and htmx anew from npm, and check them
	src/letterhead/web/static/vendor/fetch
