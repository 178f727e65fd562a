# Every target prepares the checkout by itself: start with `make run` or `make test`.
.PHONY: help run test check bench clients bootstrap

PYTHON_IN := .venv/bin/python

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile

run: bootstrap ## start a development chain on 127.0.0.1:9944; ARGS="..." adds options
	@.venv/bin/gongshe dev $(ARGS)

test: bootstrap ## run everything but the slower suites
	@$(PYTHON_IN) -m pytest -m "not slow and not clients" $(ARGS)

check: bootstrap ## hold the house rules: ruff, mypy, import-linter
	$(PYTHON_IN) -m ruff check .
	$(PYTHON_IN) -m ruff format --check .
	$(PYTHON_IN) -m mypy
	.venv/bin/lint-imports --no-logo

clients: bootstrap ## run real wallets' libraries against a real node (wants node and npm)
	@$(PYTHON_IN) -m pytest -m clients $(ARGS)

bench: bootstrap ## measure this machine and this node in one run
	@$(PYTHON_IN) -m benchmarks.all $(ARGS)

bootstrap:
	@scripts/bootstrap
