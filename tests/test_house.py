"""Imports of the installed package make no circle, whatever stands under `TYPE_CHECKING`."""

from pathlib import Path

import house
import pytest

import trainwise

FOLDER = Path(trainwise.__file__).parent


def test_modules_import_one_another_in_no_circle():
    arrows = house.graph(FOLDER)
    # The count only grows: a reader that finds no imports finds no circle either.
    assert len(arrows) >= 150
    assert sum(map(len, arrows.values())) >= 400
    assert house.circles(arrows) == []


def test_rooms_import_one_another_in_no_circle():
    arrows = house.rooms(house.graph(FOLDER))
    assert len(arrows) >= 20
    assert sum(map(len, arrows.values())) >= 70
    assert house.circles(arrows) == []


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("from .b import x", "", []),
        ("from .b import x", "from . import a", [["made.a", "made.b"]]),
        ("from . import b", "from .a import x", [["made.a", "made.b"]]),
        ("import made.b", "from made.a import x", [["made.a", "made.b"]]),
        ("def f():\n    from .b import x", "from .a import x", [["made.a", "made.b"]]),
        ("if TYPE_CHECKING:\n    from .b import x", "if TYPE_CHECKING:\n    from .a import x", [["made.a", "made.b"]]),
        ("from .c.d import x", "", [["made.a", "made.c", "made.c.d"]]),
    ],
)
def test_circles_are_seen_however_they_are_written(first, second, expected, tmp_path):
    folder = tmp_path / "made"
    (folder / "c").mkdir(parents=True)
    files = {"__init__": "", "a": first, "b": second, "c/__init__": "from ..a import x", "c/d": "from . import y"}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    assert house.circles(house.graph(folder)) == expected


def test_longer_circles_and_several_are_told_apart():
    arrows = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a"}}
    assert house.circles(arrows) == [["d", "e"], ["a", "b", "c"]]
