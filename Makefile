PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
CLIENTS_VENV := .venv-clients
CONTRACT_TOOLS := tests/contract/tools
LINTERS := $(CONTRACT_TOOLS)/node_modules/.bin

.DEFAULT_GOAL := help
.PHONY: help setup run test quick check reference clients screenshot bench bench-scale bench-soak bench-waiting faults production format lock swagger-ui clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed-dev ## Create .venv with the locked dependencies

run: $(VENV)/.installed ## Start the development server on http://127.0.0.1:8000
	@exec $(BIN)/python -m app dev

test: setup ## Run all tests in parallel with branch coverage; ARGS are passed to pytest
	$(BIN)/python -m pytest -n 2 --dist worksteal --cov --cov-report=term $(ARGS)

QUICK := contract project/test_overrides.py quart_contract settings tasks test_architecture.py
LONG := contract/test_breaking_changes.py contract/test_retries.py tasks/test_erasure.py \
	tasks/test_purge.py tasks/test_search.py

quick: setup ## Run the tests that need about a minute
	$(BIN)/python -m pytest -q -n 2 --dist worksteal $(QUICK:%=tests/%) \
		$(LONG:%=--ignore=tests/%) $(ARGS)

check: setup ## Check format, lint, types and the contract; needs Node.js 20
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m openapi_spec_validator --schema 3.1 openapi.yaml
	$(BIN)/python -m tests.support.node_packages $(CONTRACT_TOOLS)
	$(LINTERS)/redocly lint openapi.yaml --config $(CONTRACT_TOOLS)/redocly.yaml --lint-config error
	$(LINTERS)/spectral lint openapi.yaml --ruleset $(CONTRACT_TOOLS)/spectral.yaml --fail-severity hint

export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true

reference: setup ## Write the generated parts of docs/reference
	@$(BIN)/python -m tests.project.reference

clients: setup ## Generate, compile and run clients, and update the docs; needs Go, Java and Node.js
	TASKWARD_UPDATE_CLIENTS=1 $(BIN)/python -m pytest --quiet --no-header tests/clients

screenshot: setup ## Take the README's picture; needs Chromium
	TASKWARD_UPDATE_SCREENSHOT=1 $(BIN)/python -m pytest --quiet tests/browser -k as_it_was_stored

bench: setup $(BENCH_VENV)/.installed ## Compare with other frameworks and update the docs; ARGS replace the default --write
	@exec $(BIN)/python -m bench $(or $(ARGS),--write)

bench-scale: setup ## Measure latency at 10,000 to 10,000,000 tasks; needs 15 GB of disk; accepts ARGS
	@exec $(BIN)/python -m bench.scale $(ARGS)

bench-waiting: setup ## Measure requests that wait for changes; accepts ARGS
	@exec $(BIN)/python -m bench.waiting $(ARGS)

bench-soak: setup ## Measure a server's memory over 200,000 requests; accepts ARGS
	@exec $(BIN)/python -m bench.soak $(ARGS)

faults: setup ## Inject faults and update the docs; ARGS replace the default --write
	@exec $(BIN)/python -m tests.faults $(or $(ARGS),--write)

production: setup ## Check image, units and Prometheus on a whole machine and update the docs; needs root
	@exec $(BIN)/python -m tests.production $(ARGS)

format: setup ## Format the code and sort its imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: setup ## Resolve the dependencies again and write the hashed lock files
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile $(LOCK_FLAGS) pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) pyproject.toml --extra otel -c requirements.txt -o requirements-otel.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) pyproject.toml --extra otel --group test --group check -c requirements-otel.txt -o requirements-dev.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) --group bench -o requirements-bench.txt
	$(BIN)/uv pip compile $(LOCK_FLAGS) --no-deps --group clients -o requirements-clients.txt

LOCK_FLAGS := --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command 'make lock'

swagger-ui: ## Fetch the vendored files of Swagger UI again; needs npm
	@rm -rf $(SWAGGER_UI_NEW) && mkdir -p $(SWAGGER_UI_NEW)
	npm pack --silent --pack-destination $(SWAGGER_UI_NEW) swagger-ui-dist@$(SWAGGER_UI_VERSION)
	@tar -xzf $(SWAGGER_UI_NEW)/*.tgz -C $(SWAGGER_UI_NEW) --strip-components 1
	@cd $(SWAGGER_UI_NEW) && cp $(SWAGGER_UI_FILES) "$(CURDIR)/$(SWAGGER_UI)"
	@sed '/sourceMappingURL=/d' $(SWAGGER_UI_NEW)/swagger-ui.css > $(SWAGGER_UI)/swagger-ui.css
	@rm -rf $(SWAGGER_UI_NEW)

SWAGGER_UI := quart_contract/swagger_ui
SWAGGER_UI_VERSION := 5.35.0
SWAGGER_UI_NEW := build/swagger-ui
SWAGGER_UI_FILES := LICENSE NOTICE favicon-32x32.png swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt

clean: ## Remove the venvs and caches, but keep the data in .data
	rm -rf $(VENV) $(BENCH_VENV) $(CLIENTS_VENV) .mypy_cache .pytest_cache .ruff_cache .coverage .coverage.* .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: requirements.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt | $(BIN)/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@touch $(VENV)/.installed $@

$(BENCH_VENV)/.installed: requirements-bench.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-bench.txt
	@touch $@

$(CLIENTS_VENV)/.installed: requirements-clients.txt
	$(PYTHON) -m venv $(CLIENTS_VENV)
	$(CLIENTS_VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-clients.txt
	@touch $@
