"""Every figure of a result is drawn in one style, and the user's own stays."""

import inspect
import pkgutil
from importlib import import_module

import matplotlib
import pytest

import trainwise
from trainwise.toolkit.diagnosis.shapes import shape
from trainwise.toolkit.runtime.figure_style import COLOURS


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
