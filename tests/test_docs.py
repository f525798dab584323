"""Every example of the documentation runs."""

import doctest
import importlib
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
    if not module.ispkg and not module.name.endswith(("__main__", "fresh_process"))
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_each_module_give_what_they_say(name):
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert result.failed == 0


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
    for target in re.findall(r"^make (\w+)", README.read_text(), re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
