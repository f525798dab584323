"""Every example of the documentation runs, and what it says in Korean is built as what it says in English."""

import ast
import doctest
import importlib
import inspect
import itertools
import pkgutil
import posixpath
import re
import warnings
from pathlib import Path

import pytest

import trainwise

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
# Each page is one program from top to bottom.
PAGES = [README, ROOT / "docs/python.md", ROOT / "docs/keras_tuner.md"]
# Each page in Korean, and the one it translates.
KOREAN = {path: ROOT / "docs" / path.relative_to(ROOT / "docs/ko") for path in (ROOT / "docs/ko").rglob("*.md")}
KOREAN[ROOT / "README.ko.md"] = README
FOLDER = Path(trainwise.__file__).parent
MODULES = [
    module.name
    for module in pkgutil.walk_packages([str(FOLDER)], "trainwise.")
    if not module.ispkg and not module.name.endswith(("__main__", "fresh_process", "runtime_process"))
]


# Modules that work on others' state, which an example would have to build up: their tests do.
WITHOUT_EXAMPLES = {
    "trainwise.command_line.endings": "ends a command",
    "trainwise.command_line.options": "read by typer; the commands show them",
    "trainwise.command_line.printing": "prints for a command",
    "trainwise.toolkit.data.tfds_builders": "registers builders with tfds",
    "trainwise.toolkit.population.layer_looks": "a callback of one population's fit",
    "trainwise.toolkit.population.tracking": "a callback of one population's fit",
    "trainwise.toolkit.saving.onnx_format": "needs packages of an extra",
    "trainwise.tuning.measuring": "a step of a run that has trained its members",
    "trainwise.tuning.publishing": "a step of a run that has measured its models",
    "trainwise.tuning.run_training": "a step of a run, which trains its members",
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
    # One table leads to all three.
    table = (ROOT / "examples/README.md").read_text(encoding="utf-8")
    rows = [re.findall(r"\]\(([^)]+)\)", line) for line in table.splitlines() if "[page]" in line]
    assert [[path for path in row if not (ROOT / "examples" / path).is_file()] for row in rows] == [[]] * len(rows)
    found = {Path(script).stem: (Path(page).stem, Path(picture).stem) for page, script, picture in rows}
    assert found == {name: (name, name) for name in subjects} | {
        "keras_tuner_moves_over": ("keras_tuner", "keras_tuner_moves_over")
    }


def test_the_page_of_exports_has_a_row_for_each_layer_that_the_bench_measures():
    bench = ast.parse((ROOT / "tests/bench/exports.py").read_text(encoding="utf-8"))
    made = (one for one in bench.body if isinstance(one, ast.Assign))
    layers = next(one.value for one in made if ast.unparse(one.targets[0]) == "LAYERS")
    page = (ROOT / "docs/exports.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| ([\w, ]+?) \|.*\de[-+]\d", page, re.MULTILINE) == [key.value for key in layers.keys]


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


CODE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _page(path):
    """The text of a page, with what the docstring of its script tells where it stands for it."""
    text = path.read_text(encoding="utf-8")
    if "{{ docstring }}" in text:
        script = (ROOT / "examples" / f"{path.stem}.py").read_text(encoding="utf-8")
        text = text.replace("{{ docstring }}", ast.get_docstring(ast.parse(script)).partition("\n\n")[2])
    return text


def _structure(text):
    """The levels of the headings, the programs without their comments, the columns of each row of each table."""
    programs = [(kind, _program(kind, body)) for kind, body in CODE.findall(text)]
    lines = CODE.sub("", text).splitlines()
    levels = [len(line) - len(line.lstrip("#")) for line in lines if line.startswith("#")]
    rows = [line.count("|") if line.startswith("|") else 0 for line in lines]
    tables = [list(table) for inside, table in itertools.groupby(rows, bool) if inside]
    steps = [line[0] for line in lines if re.match(r"(\d+\.|-) ", line)]
    return {"levels": levels, "programs": programs, "tables": tables, "steps": steps}


def _program(kind, body):
    if kind == "python":
        return ast.dump(ast.parse(body))
    return [line.partition("#")[0].strip() for line in body.splitlines()]


def _links(path):
    """Where a page leads, from the root."""
    folder = path.parent.relative_to(ROOT).as_posix()
    found = re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8"))
    return [posixpath.normpath(posixpath.join(folder, link)) for link in found]


def _in_korean(link):
    english = {page.relative_to(ROOT).as_posix(): path.relative_to(ROOT).as_posix() for path, page in KOREAN.items()}
    return english.get(link, link)


def test_the_readme_every_subject_and_the_first_pages_are_there_in_korean():
    subjects = set((ROOT / "docs/subjects").glob("*.md"))
    assert len(subjects) >= 18
    first = ("index", "install", "first_run", "own_data", "python", "symptoms", "keras_tuner")
    assert set(KOREAN.values()) == {README} | subjects | {ROOT / f"docs/{name}.md" for name in first}


@pytest.mark.parametrize("path", sorted(KOREAN), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_in_korean_is_built_as_its_english_one(path):
    english, korean = _page(KOREAN[path]), _page(path)
    assert _structure(korean) == _structure(english)
    filled = re.compile(r"{{ \w+ }}")
    assert filled.findall(korean) == filled.findall(english)
    # Names in code and numbers are told in both.
    for told in (r"(?<!`)`([^`\n]+)`(?!`)", r"\d+(?:[.,]\d+)*"):
        assert set(re.findall(told, CODE.sub("", english))) - set(re.findall(told, CODE.sub("", korean))) == set()
    # Sources are named as they are printed; most of the rest is Korean.
    assert english.partition("## Sources\n")[2] == korean.partition("## 출처\n")[2]
    words = re.sub(r"`[^`]*`|\]\([^)]*\)", "", CODE.sub("", korean).partition("## 출처\n")[0])
    assert len(re.findall("[가-힣]", words)) > len(re.findall("[A-Za-z]", words))


@pytest.mark.parametrize("path", sorted(KOREAN), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_in_korean_leads_where_its_english_one_does_in_korean_where_there_is_a_page(path):
    ours, theirs = _links(path), _links(KOREAN[path])
    if KOREAN[path] == README:
        # Each leads to the other.
        assert ours.pop(0) == "README.md"
        assert theirs.pop(0) == "README.ko.md"
    assert ours == [_in_korean(link) for link in theirs]
    # The building of the pages brings the pictures, and refuses links that lead nowhere.
    links = [link for link in ours if not link.startswith("docs/pictures/")]
    assert [link for link in links if not (ROOT / link).is_file()] == []


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("\n## 하는 일\n", "\n### 하는 일\n"),
        ("\n## 하지 않는 일\n", "\n"),
        ("\n```sh\nmake demo ", "\n```sh\nmake it "),
        ("epochs=20", "epochs=21"),
        ("\n| **보팅** |", "\n| **보팅** | |"),
        ("\n| **보팅** |", "\n|  |  |  |\n| **보팅** |"),
        ("\n| 무엇을 | 측정값 |\n", "\n\n| 무엇을 | 측정값 |\n\n"),
        ("\n- TensorFlow", "\nTensorFlow"),
    ],
)
def test_a_page_built_otherwise_is_seen(line, instead):
    text = (ROOT / "README.ko.md").read_text(encoding="utf-8")
    assert text.count(line) == 1
    assert _structure(text.replace(line, instead)) != _structure(text)
    comment = text.replace("# 학습하기 전에", "# 그 전에")
    assert comment != text
    assert _structure(comment) == _structure(text)
