"""The search is a line, not a circle: no file of it imports one that imports it, for types either."""

import ast
from pathlib import Path

import trainwise.tuning.searching

FOLDER = Path(trainwise.tuning.searching.__file__).parent
SOURCES = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py")}


def _imported(source):
    """The files of this folder that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            found |= {node.module.split(".")[0]} if node.module else {alias.name for alias in node.names}
    return found & set(SOURCES)


def _reached(graph, start):
    reached, waiting = set(), list(graph[start])
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += graph[name]
    return reached


def test_no_file_of_the_search_stands_in_a_circle():
    graph = {name: _imported(source) for name, source in SOURCES.items()}
    assert graph["driver"] >= {"journal", "workers", "result"}
    assert [name for name in graph if name in _reached(graph, name)] == []


def test_no_import_of_the_search_is_for_types_alone():
    assert [name for name, source in SOURCES.items() if "TYPE_CHECKING" in source] == []


def test_what_trains_a_trial_knows_neither_the_face_nor_the_driver():
    graph = {name: _imported(source) for name, source in SOURCES.items()}
    for name in ("trial", "training", "follower", "trial_stopping", "trainables", "workers"):
        assert not _reached(graph, name) & {"tuner", "driver", "preparing", "result"}
