"""Figures of one style, whose curves all readers tell apart."""

import inspect
import itertools
import pkgutil
import runpy
from importlib import import_module
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import trainwise
from trainwise.toolkit.diagnosis.shapes import shape
from trainwise.toolkit.runtime.figures import COLOURS, panels

# Machado, Oliveira and Fernandes 2009, tables 1 and 2: what readers without one kind of cones see, of linear RGB.
BLIND = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}


def _linear(colour):
    values = np.array(to_rgb(colour))
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _lab(linear):
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    xyz = np.array(to_xyz) @ np.clip(linear, 0, 1) / [0.9505, 1.0, 1.089]
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_colour_blind_readers_tell_the_colours_apart():
    for matrix in (np.eye(3), *map(np.array, BLIND.values())):
        seen = [_lab(matrix @ _linear(colour)) for colour in COLOURS]
        # 2.3 is the least that a reader sees side by side (CIE 1976).
        assert min(np.linalg.norm(one - other) for one, other in itertools.combinations(seen, 2)) > 10


def test_curves_beyond_the_last_colour_are_other_lines():
    _, (axes,) = panels()
    drawn = [axes.plot([0, 1])[0] for _ in range(3 * len(COLOURS))]
    assert len({(line.get_color(), line.get_linestyle()) for line in drawn}) == len(drawn)


def test_the_pictures_of_the_course_have_the_colours_of_the_package():
    drawing = runpy.run_path(str(Path(__file__).parents[3] / "examples/drawing.py"))
    assert drawing["COLOURS"] == COLOURS


def _plots():
    """Every function that draws, found by its name."""
    for module in pkgutil.walk_packages(trainwise.__path__, "trainwise."):
        if ".tests" in module.name or module.name.endswith("__main__"):
            continue
        for name, thing in vars(import_module(module.name)).items():
            if inspect.isclass(thing) and thing.__module__ == module.name and "plot" in vars(thing):
                yield f"{module.name}.{name}", vars(thing)["plot"]
            elif name in ("plot", "heat_map") and getattr(thing, "__module__", "") == module.name:
                yield module.name, thing


def test_every_figure_is_drawn_in_the_one_style():
    # What hands over to another plot has no style to set.
    handing_over = {"Schedule", "GradientWatch", "SearchResult", "BatchSizeSchedule"}
    found = {name: draw for name, draw in _plots() if name.split(".")[-1] not in handing_over}
    assert len(found) >= 6
    assert [name for name, draw in found.items() if not hasattr(draw, "__wrapped__")] == []


@pytest.mark.parametrize("style", [{"axes.facecolor": "black"}, {"font.size": 30}])
def test_the_users_own_style_changes_no_figure_and_stays(style):
    with matplotlib.rc_context(style):
        before = dict(matplotlib.rcParams)
        figure = shape({"loss": [1.0, 0.5, 0.3, 0.2, 0.15, 0.12]}).plot()
        assert dict(matplotlib.rcParams) == before
    (axes,) = figure.axes
    assert axes.get_facecolor() == (1, 1, 1, 1) and axes.xaxis.label.get_fontsize() == 10
    assert axes.lines[0].get_color() == COLOURS[0]
