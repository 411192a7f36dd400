# The chores. Each makes .venv or uses the one that is there; PYTHON chooses the interpreter it is made from.
PYTHON ?= python3
UV := $(shell command -v uv 2>/dev/null)
BIN := .venv/bin
INSTALL = $(if $(UV),uv pip install -q --python $(1)/bin/python,$(1)/bin/python -m pip install -q --disable-pip-version-check)
PYTEST = $(1)/bin/python -m pytest --timeout 180 --maxfail 20
OLD_LOG := $(wildcard tests/unit/log tests/unit/queries tests/property/test_inference*)

.DELETE_ON_ERROR:
.PHONY: demo test check bench docs format coverage test-duckdb15 test-clients test-fsspec-oldest clean

demo: .venv/.demo ## run a three-step training pipeline under capture and print the model's lineage
	@$(BIN)/provfs demo

# Where all is run, as by .ci/run, the libraries have their turn in test-clients.
test: .venv/.dev ## the whole test suite, on all cores
	$(call PYTEST,.venv) --numprocesses auto $(if $(CI),-m 'not clients')

check: .venv/.dev ## lint, format, types, import contracts, docs against code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(call PYTEST,.venv) -q tests/architecture/test_docs*.py

bench: .venv/.dev ## the benchmarks of benchmarks/README.md
	$(BIN)/python -m benchmarks

docs: .venv/.dev ## write the generated pages of docs/reference again
	$(BIN)/python docs/generate.py

format: .venv/.dev ## lay out all code
	$(BIN)/ruff format

coverage: .venv/.dev ## the test suite with branch coverage
	$(call PYTEST,.venv) --cov --cov-report=term

test-duckdb15: .venv-duckdb15/.test ## the tests of the log on the oldest DuckDB that is supported
	$(call PYTEST,.venv-duckdb15) --numprocesses auto $(OLD_LOG)

test-clients: .venv-clients/.test ## real libraries on wrapped filesystems: pandas, torch, dask, zarr and others; some GB
	PROVFS_CLIENTS=required $(call PYTEST,.venv-clients) --numprocesses auto -m clients tests/contract

test-fsspec-oldest: .venv-fsspec-oldest/.test ## the tests of wrapped filesystems on the oldest fsspec that is supported
	$(call PYTEST,.venv-fsspec-oldest) --numprocesses auto -m 'not clients' tests/contract tests/unit/capture/test_filesystem.py

clean: ## remove what the chores made, except results of benchmarks
	rm -rf .venv .venv-duckdb15 .venv-clients .venv-fsspec-oldest .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*

# Environments. A stamp file says what is installed; it is older than pyproject.toml when that has changed.
# The start-up file is the only one that an editable install copies.
INSTALLED := pyproject.toml hatch_build.py provfs/capture/autoload/provfs.pth provfs/_calls.c $(wildcard provfs/journal/*.[ch]) $(wildcard provfs/capture/preload/*.[ch])

.venv/.made .venv-duckdb15/.made .venv-clients/.made .venv-fsspec-oldest/.made:
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"provfs needs Python 3.11 or newer, $(PYTHON) is {v[0]}.{v[1]}; try: make PYTHON=python3.12")'
	@echo "making $(@D)" >&2
	@$(if $(UV),uv venv -q --clear --python $(PYTHON) $(@D),$(PYTHON) -m venv --clear $(@D) && $(call INSTALL,$(@D)) --upgrade 'pip>=25.1')
	@touch $@

.venv/.demo: $(INSTALLED) | .venv/.made
	@echo "installing provfs and what the demo needs" >&2
	@$(call INSTALL,.venv) -e '.[demo]'
	@touch $@

.venv/.dev: $(INSTALLED) | .venv/.made
	@echo "installing provfs and the tools of its developers" >&2
	@$(call INSTALL,.venv) -e '.[demo]' --group dev
	@touch $@ .venv/.demo

.venv-duckdb15/.test: $(INSTALLED) | .venv-duckdb15/.made
	@echo "installing provfs with DuckDB 1.5.5" >&2
	@$(call INSTALL,.venv-duckdb15) -e . --group test 'duckdb==1.5.5'
	@touch $@

.venv-clients/.test: $(INSTALLED) | .venv-clients/.made
	@echo "installing provfs and the libraries that use filesystems" >&2
	@$(call INSTALL,.venv-clients) -e '.[demo]' --group test --group clients
	@touch $@

.venv-fsspec-oldest/.test: $(INSTALLED) | .venv-fsspec-oldest/.made
	@echo "installing provfs with fsspec 2025.10" >&2
	@$(call INSTALL,.venv-fsspec-oldest) -e . --group test 'fsspec==2025.10.0' 's3fs==2025.10.0'
	@touch $@
