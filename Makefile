# Everything here sets itself up: python3 (3.11 or later) and make are enough.
# What is installed goes into .venv, once per change of pyproject.toml.

.DEFAULT_GOAL := help
.PHONY: help demo test campaign bench check golden format clean

DEMO := .venv/.demo-installed
DEV := .venv/.dev-installed
BENCH := .venv/.bench-installed
BIN := .venv/bin

help: ## show what can be made
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1|/' \
		| awk -F '|' '{ printf "make %-8s %s\n", $$1, $$2 }'

demo: $(DEMO) ## restructure a legacy database of 34,000 real places, on SQLite
	@$(BIN)/python examples/demo/run.py

test: $(DEV) ## run all tests, against real servers that they start themselves
	@scripts/install-mariadb
	@scripts/install-chromium
	@$(BIN)/python -m pytest -n 3 --dist worksteal -m "not exhaustive" $(ARGS)

check: $(DEV) ## format, lint, types, floors of the house
	@$(BIN)/ruff format --check --quiet . || { echo "to do: make format"; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache

campaign: $(DEV) ## kill migrations hundreds of times, change ten thousand cells
	@scripts/install-mariadb
	@$(BIN)/python -m pytest -n logical -m exhaustive tests
	@WHIMBREL_EVERY_EVENT=1 $(BIN)/python -m pytest -n logical -o faulthandler_timeout=3600 \
		tests/crash/test_kill_at_every_step.py tests/crash/test_kill_with_rules.py \
		tests/contract/test_savepoints.py
	@WHIMBREL_KILLS=100 $(BIN)/python -m pytest -n logical tests/crash/test_kill_at_random.py
	@WHIMBREL_KILLS=200 $(BIN)/python -m pytest -n logical tests/crash/test_kill_in_batches.py
	@WHIMBREL_KILLS=200 WHIMBREL_KILL_POINTS=20 $(BIN)/python -m pytest -n logical \
		-rP -o faulthandler_timeout=3600 tests/crash/test_kill_transfers.py
	@WHIMBREL_LOAD=25000 $(BIN)/python -m pytest -rP -o faulthandler_timeout=3600 \
		tests/crash/test_online_under_load.py tests/contract/test_mirror_under_load.py \
		tests/crash/test_follow_under_load.py
	@WHIMBREL_KILLS=25 $(BIN)/python -m pytest -rP -o faulthandler_timeout=3600 \
		tests/crash/test_kill_online.py
	@WHIMBREL_MUTATIONS=10000 WHIMBREL_MUTATION_ROWS=100000 WHIMBREL_EQUAL_TABLES=10000 \
		$(BIN)/python -m pytest -s -o faulthandler_timeout=3600 \
		tests/pairs/test_mutations.py tests/pairs/test_equal_tables.py
	@WHIMBREL_RANDOM=100 WHIMBREL_TORTURE_ALONE=1 $(BIN)/python -m pytest -n logical \
		-o faulthandler_timeout=3600 tests/pairs/test_transfer_random.py \
		tests/pairs/test_transfer_torture.py

bench: $(BENCH) ## measure how fast rows are moved, beside other ways to do it; about an hour
	@scripts/install-mariadb
	@$(BIN)/python -m bench.run $(ARGS)
	@test -n "$(ARGS)" || $(BIN)/python -m bench.verify
	@test -n "$(ARGS)" || $(BIN)/python -m bench.transfer
	@test -n "$(ARGS)" || $(BIN)/python -m bench.assess
	@test -n "$(ARGS)" || $(BIN)/python -m bench.forecast
	@test -n "$(ARGS)" || $(BIN)/python -m bench.online

golden: $(DEV) ## rewrite the golden files; read their diff before committing it
	@$(BIN)/python -m pytest -n logical --rewrite-golden tests/golden tests/docs/test_pages.py \
		tests/docs/test_conversion_page.py \
		tests/docs/test_migration_pages.py tests/contract/test_inventory.py tests/pairs/test_transfer_samples.py

format: $(DEV) ## format the code and put imports in order
	@$(BIN)/ruff check --quiet --select I --fix .
	@$(BIN)/ruff format .

clean: ## remove what was installed and cached
	@rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache build dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What developers have is enough for the demo.
$(DEMO): pyproject.toml scripts/install
	@test $(DEV) -nt pyproject.toml || scripts/install demo
	@touch $@

$(DEV): pyproject.toml scripts/install
	@scripts/install dev
	@touch $@

$(BENCH): pyproject.toml scripts/install
	@scripts/install bench
	@touch $@
