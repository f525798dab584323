# Two commands do everything: `make demo` runs the main job, `make test` the tests. Both set up .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
SOURCES := $(wildcard *.py setup.cfg pyproject.toml toolkit/*.py toolkit/*/*.py toolkit/report/templates/* callbacks/*.py tuning/*.py tuning/*/*.py)

.PHONY: demo test check bench clean

demo: .venv/.installed
	$(BIN)/trainwise demo

test: .venv/.tested
	$(BIN)/pytest --rootdir=tests -c tests/pytest.ini -n 2 --dist loadfile tests

check: .venv/.developed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	cd tests && ../$(BIN)/mypy --config-file mypy.ini -p trainwise
	cd tests && ../$(BIN)/lint-imports --config importlinter.ini

bench: .venv/.tested
	$(BIN)/python tests/bench/run.py
	$(BIN)/python tests/bench/population.py
	$(BIN)/python tests/bench/rates.py
	$(BIN)/python tests/bench/ensembles.py
	$(BIN)/python tests/bench/search.py
	$(BIN)/python tests/bench/diagnosis.py
	$(BIN)/python tests/bench/repairs.py

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "trainwise needs Python 3.11, this is " + sys.version)'
	$(PYTHON) -m venv .venv

# The wheel is built and installed anew when a source changed; old build files would end up in it.
define install
	rm -rf build trainwise.egg-info
	$(BIN)/pip install --quiet --disable-pip-version-check $(1)
	rm -rf build trainwise.egg-info
	touch $@
endef

.venv/.installed: .venv/bin/python $(SOURCES)
	$(call install,.)

.venv/.tested: .venv/.installed
	$(call install,".[test]")

.venv/.developed: .venv/.tested
	$(call install,".[dev]")

clean:
	rm -rf .venv runs build trainwise.egg-info
