# Two commands are all a newcomer needs: make demo, make test.
.DEFAULT_GOAL := help
.PHONY: demo test bench chaos docs help clean

BIN := .venv/bin
PORT ?= 8000
export UV_PYTHON_DOWNLOADS := never
unexport VIRTUAL_ENV

.venv/.ready: tools/bootstrap
	@tools/bootstrap

demo: .venv/.ready ## serve the example on http://127.0.0.1:8000 (PORT=8001 for another port)
	@$(BIN)/uv sync --quiet --frozen --inexact --python $(BIN)/python --group demo
	@$(BIN)/python tools/demo.py $(PORT)

test: .venv/.ready ## run everything: tests on every Python, lint, types, lowest versions, wheels, docs, examples
	@$(BIN)/python tools/servers.py
	@rm -rf .reports && mkdir .reports
	@code=0; PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nox --report .reports/nox.json || code=$$?; $(BIN)/python tools/summary.py $$code

bench: .venv/.ready ## measure Heaven side by side with its peers
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nox -s bench

chaos: .venv/.ready ## break databases and Redis 25 times in each way, and print what became of it
	@$(BIN)/python tools/servers.py
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nox -s chaos

docs: .venv/.ready ## build the documentation into site/ and check its links and snippets
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nox -s docs
	@echo "The documentation is in site/index.html"

clean: ## remove what the other targets made
	@rm -rf .venv .nox .reports .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis site dist

help: ## show this
	@if [ -t 1 ]; then bold='\033[1;36m'; plain='\033[0m'; fi; \
	awk -F ':.*## ' '/^[a-z]+:.*## / {print $$1 "\t" $$2}' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
	printf "  $${bold-}make %-6s$${plain-} %s\n" "$$name" "$$text"; done
