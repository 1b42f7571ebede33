# make run    install what the service needs, record a year of a made-up district and serve it
# make test   install what the tests need, run every check and every test
#
# Everything is installed into .venv. The service remembers what its log signed in ~/.local/state.
# Another Python: make test PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
HYPOTHESIS_PROFILE ?= ci
PYTEST_ARGS ?=
RUN_ARGS ?=
BENCH_ARGS ?=
SOAK_ROUNDS ?= 50
UV_VERSION = 0.13.9

export HYPOTHESIS_PROFILE
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Container images often set it. The tests start about a hundred processes, each of which would then
# compile the whole program again: that takes more than twice as long as loading it.
unexport PYTHONDONTWRITEBYTECODE

BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet
SOURCES = $(wildcard ledger projections api tools tests benchmarks clients)

.PHONY: help run test pytest soak lint style format docs bench requirements clean distclean venv install install-dev
.NOTPARALLEL:

help:
	@echo 'make run           install, record a year of a made-up district and serve it'
	@echo 'make test          install, run every check and every test'
	@echo 'make pytest        the tests alone: make pytest PYTEST_ARGS="-k draw"'
	@echo 'make soak          the random searches, for hours: make soak SOAK_ROUNDS=50'
	@echo 'make lint          the checks alone: style, types, imports, wording'
	@echo 'make format        put the source into the one format'
	@echo 'make bench         measure'
	@echo 'make docs          write the reference in docs/ anew from the code'
	@echo 'make requirements  resolve requirements*.txt anew (UPGRADE=1: to the newest versions)'
	@echo 'make clean         remove what the checks left behind (distclean: and .venv)'

run: install
	@$(BIN)/supervision-ledger demo $(RUN_ARGS)

# loadfile: what a file makes for its tests is made once. The files stay in the order that
# tests/conftest.py puts them into, longest first.
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# mypy takes one processor a minute; the tests begin meanwhile. Its result is printed last.
test: style
	@mkdir -p build
	@$(BIN)/mypy >build/types.txt 2>&1 & types=$$!; trap 'kill $$types' INT TERM; \
	$(PYTEST) $(PYTEST_ARGS); tests=$$?; \
	wait $$types; checked=$$?; cat build/types.txt; exit $$((tests | checked))

pytest: install-dev
	@$(PYTEST) $(PYTEST_ARGS)

# The random searches for longer than `make test` has time for; what they print says how to repeat.
soak: export HYPOTHESIS_PROFILE = thorough
soak: export SECRECY = whole
soak: export REQUESTS = whole
soak: export LOOKS = whole
soak: export REQUESTS_EXAMPLES = $(SOAK_ROUNDS)
soak: export RENDER_ROUNDS = $(SOAK_ROUNDS)
soak: export PARTNER_ROUNDS = $(SOAK_ROUNDS)
soak: export INVARIANT_ROUNDS = $(SOAK_ROUNDS)
soak: export INVARIANT_STEPS = 200,200,200
soak: install-dev
	@$(PYTEST) --timeout 0 $(PYTEST_ARGS) \
		tests/sequences tests/invariants tests/api/test_secrecy.py tests/api/test_made_up_requests.py tests/model tests/projections tests/kernel \
		tests/stores tests/systems tests/faults tests/intake tests/test_partner.py tests/browser

lint: style
	@$(BIN)/mypy

style: install-dev
	@$(BIN)/ruff check $(SOURCES)
	@$(BIN)/ruff format --check $(SOURCES)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m tools.wording

format: install-dev
	@$(BIN)/ruff check --fix-only --quiet $(SOURCES)
	@$(BIN)/ruff format $(SOURCES)

docs: install-dev
	@$(BIN)/python -m tools.catalogue
	@$(BIN)/python -m tools.applying
	@$(BIN)/python -m tools.reference docs

bench: install-dev
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

# Installed again only when the content of a requirements file differs from what was installed;
# .venv keeps a copy to compare with. An environment that has requirements-dev.txt has requirements.txt too.
# The project itself is linked, so it is installed again only when pyproject.toml changes.
install: venv
	@cmp -s requirements-dev.txt $(VENV)/requirements-dev.txt \
		|| cmp -s requirements.txt $(VENV)/requirements.txt \
		|| { echo 'Installing requirements.txt ...' \
			&& rm -f $(VENV)/requirements-dev.txt \
			&& $(PIP) install --require-hashes -r requirements.txt \
			&& cp requirements.txt $(VENV)/requirements.txt; }
	@$(LINK)

install-dev: venv
	@cmp -s requirements-dev.txt $(VENV)/requirements-dev.txt \
		|| { echo 'Installing requirements-dev.txt ...' \
			&& rm -f $(VENV)/requirements.txt \
			&& $(PIP) install --require-hashes -r requirements-dev.txt \
			&& cp requirements-dev.txt $(VENV)/requirements-dev.txt; }
	@$(LINK)

LINK = cmp -s pyproject.toml $(VENV)/pyproject.toml \
	|| { $(PIP) install --no-deps --no-build-isolation -e . \
		&& cp pyproject.toml $(VENV)/pyproject.toml; }

venv:
	@$(BIN)/python -c 'import pip' 2>/dev/null || { \
		command -v $(PYTHON) >/dev/null || { \
			echo 'There is no $(PYTHON). Install Python 3.11 or newer, or name one: make PYTHON=python3.12' >&2; \
			exit 1; }; \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
			echo "Python 3.11 or newer is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12" >&2; \
			exit 1; }; \
		$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
			echo '$(PYTHON) cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv' >&2; \
			exit 1; }; \
		rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }

# One file serves Python 3.11 and newer on every platform: what differs carries a marker.
COMPILE = build/uv/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 \
	--generate-hashes --no-header $(if $(UPGRADE),--upgrade) --extra postgres

requirements: venv
	@$(BIN)/python -m venv build/uv && build/uv/bin/python -m pip --quiet install uv==$(UV_VERSION)
	@$(COMPILE) pyproject.toml requirements.in --output-file requirements.txt
	@$(COMPILE) --extra dev pyproject.toml requirements-dev.in --output-file requirements-dev.txt

clean:
	@rm -rf build dist *.egg-info .coverage .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	@find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	@rm -rf $(VENV)
