# Two commands do everything: `make demo` runs the main job, `make test` the tests. Both set up .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check
# Found by the shell: make would look for it before it is built.
WHEEL := $$(echo .venv/wheel/trainwise-*.whl)
SOURCES := $(wildcard *.py setup.cfg pyproject.toml toolkit/*.py toolkit/*/*.py toolkit/report/templates/* callbacks/*.py command_line/*.py tuning/*.py tuning/*/*.py)

.PHONY: demo test check docs bench install clean

demo: .venv/.installed
	$(BIN)/trainwise demo

# Three workers for two cores, since one of them mostly waits for a process or a file; one that has run out of tests
# takes over those of the others, so that all end together.
test: .venv/.tested
	$(BIN)/pytest --rootdir=tests -c tests/pytest.ini -n 3 --dist worksteal tests

check: .venv/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd tests && ../$(BIN)/mypy --config-file mypy.ini -p trainwise
	cd tests && ../$(BIN)/lint-imports --config importlinter.ini

# The pages of docs/, in site/index.html; a link that leads nowhere is an error.
docs: .venv/.documented
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

bench: .venv/.benched
	$(BIN)/python tests/bench/run.py
	$(BIN)/python tests/bench/data.py
	$(BIN)/python tests/bench/large_tables.py
	$(BIN)/python tests/bench/large_tables.py fed
	$(BIN)/python tests/bench/population.py
	$(BIN)/python tests/bench/expert.py
	$(BIN)/python tests/bench/rates.py
	$(BIN)/python tests/bench/ensembles.py
	$(BIN)/python tests/bench/exports.py
	$(BIN)/python tests/bench/search.py
	$(BIN)/python tests/bench/diagnosis.py
	$(BIN)/python tests/bench/repairs.py
	$(BIN)/python tests/bench/stages.py
	$(BIN)/python tests/bench/trials.py

# All at once, for the gate.
install: .venv/.developed

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "trainwise needs Python 3.11, this is " + sys.version)'
	$(PYTHON) -m venv .venv

# The wheel is built once for a state of the sources, and replaces what was installed of another; what it needs comes with
# the first target that asks for it. Old build files would end up in the wheel.
.venv/.built: .venv/bin/python $(SOURCES)
	rm -rf build trainwise.egg-info .venv/wheel
	$(PIP) wheel --no-deps --wheel-dir .venv/wheel .
	rm -rf build trainwise.egg-info
	$(PIP) install --force-reinstall --no-deps .venv/wheel/trainwise-*.whl
	touch $@

.venv/.installed: .venv/.built
	$(PIP) install "$(WHEEL)"
	touch $@

.venv/.tested: .venv/.built
	$(PIP) install "$(WHEEL)[test]"
	touch .venv/.installed $@

.venv/.benched: .venv/.built
	$(PIP) install "$(WHEEL)[bench]"
	touch .venv/.installed .venv/.tested $@

.venv/.documented: .venv/.built
	$(PIP) install "$(WHEEL)[docs]"
	touch .venv/.installed $@

.venv/.developed: .venv/.built
	$(PIP) install "$(WHEEL)[dev]"
	touch .venv/.installed .venv/.tested .venv/.documented $@

clean:
	rm -rf .venv runs site build trainwise.egg-info
