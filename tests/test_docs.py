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

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
# Each page is one program from top to bottom.
PAGES = [README, ROOT / "docs/python.md", ROOT / "docs/keras_tuner.md"]
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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    space = {}
    with warnings.catch_warnings():
        # Three epochs on iris give a reader no warning worth an error here.
        warnings.simplefilter("ignore")
        exec(compile("\n".join(blocks), str(page), "exec"), space)
    if page.name != "keras_tuner.md":
        assert (tmp_path / "models/iris/1/saved_model.pb").is_file()


def test_the_readme_is_short_and_leads_to_pages_and_pictures_that_are_there():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    linked = re.findall(r"\]\(([^)#]+)\)", text)
    assert len(linked) >= 15
    assert [link for link in linked if not (ROOT / link).is_file()] == []


def test_every_subject_has_a_page_a_script_and_a_picture_and_every_page_is_in_the_contents():
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert set(re.findall(r": ([\w/]+\.md)$", contents, re.MULTILINE)) == pages
    subjects = {Path(page).stem for page in pages if page.startswith("subjects/")}
    scripts = {path.stem for path in (ROOT / "examples").glob("*.py")} - {"drawing", "keras_tuner_moves_over"}
    assert subjects == scripts
    assert [name for name in subjects if not (ROOT / f"examples/pictures/{name}.png").is_file()] == []


def test_the_reference_names_everything_that_it_shows_by_a_path_that_exists():
    for path in re.findall(r"^::: ([\w.]+)$", (ROOT / "docs/api.md").read_text(encoding="utf-8"), re.MULTILINE):
        try:
            importlib.import_module(path)
        except ModuleNotFoundError:
            owner, _, name = path.rpartition(".")
            assert hasattr(importlib.import_module(owner), name), path


def test_the_readme_names_only_make_targets_that_exist():
    makefile = (README.parent / "Makefile").read_text()
    targets = re.findall(r"^make (\w+)", README.read_text(), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
