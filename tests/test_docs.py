"""Every example of the documentation runs."""

import doctest
import importlib
import inspect
import pkgutil
import re
import warnings
from pathlib import Path

import pytest

import trainwise

README = Path(__file__).parents[1] / "README.md"
FOLDER = Path(trainwise.__file__).parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages([str(FOLDER)], "trainwise.")
    if not module.ispkg and not module.name.endswith(("__main__", "fresh_process", "runtime_process"))
]


# Modules that work on others' state, which an example would have to build up: their tests do.
WITHOUT_EXAMPLES = {
    "trainwise.toolkit.data.tfds_builders": "registers builders with tfds",
    "trainwise.toolkit.population.layer_looks": "a callback of one population's fit",
    "trainwise.toolkit.population.tracking": "a callback of one population's fit",
    "trainwise.toolkit.saving.onnx_format": "needs packages of an extra",
    "trainwise.toolkit.saving.predicting": "reads a model that a whole run has exported",
    "trainwise.tuning.spaces.forms": "answers spaces, whose examples show it",
    "trainwise.tuning.spaces.space": "a base; each space has an example",
}
# Parts of a search in progress; what a user calls of it has examples.
SEARCHING = "trainwise.tuning.searching."
SHOWN = {SEARCHING + name for name in ("identity", "member_settings", "oracles", "rows", "tuner")}


def _has_public(module):
    things = [value for name, value in vars(module).items() if not name.startswith("_")]
    things = [one for one in things if inspect.isfunction(one) or inspect.isclass(one)]
    return any(one.__module__ == module.__name__ for one in things)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_each_module_give_what_they_say(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, optionflags=doctest.ELLIPSIS)
    assert result.failed == 0
    inside = name.startswith(SEARCHING) and name not in SHOWN
    if _has_public(module) and not inside:
        assert (result.attempted > 0) == (name not in WITHOUT_EXAMPLES), name


def test_there_are_as_many_examples_as_there_were():
    # The count only grows: a finder that finds nothing lets everything pass.
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(MODULES) >= 130
    assert len(found) >= 245
    assert set(WITHOUT_EXAMPLES) | SHOWN <= set(MODULES)


def test_the_python_of_the_readme_runs_from_top_to_bottom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(blocks) >= 2
    space = {}
    with warnings.catch_warnings():
        # Three epochs on iris give a reader no warning worth an error here.
        warnings.simplefilter("ignore")
        exec(compile("\n".join(blocks), str(README), "exec"), space)
    assert (tmp_path / "models/iris/1/saved_model.pb").is_file()


def test_the_readme_names_only_make_targets_that_exist():
    makefile = (README.parent / "Makefile").read_text()
    targets = re.findall(r"^make (\w+)", README.read_text(), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
