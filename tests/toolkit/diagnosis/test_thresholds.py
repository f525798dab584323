"""The table of thresholds."""

import inspect
import math
from pathlib import Path

import pytest

from trainwise.toolkit.diagnosis import curve_rules, thresholds
from trainwise.toolkit.diagnosis.thresholds import THRESHOLDS


def test_every_threshold_names_its_source_and_what_healthy_runs_show():
    assert len(THRESHOLDS) >= 40
    for name, threshold in THRESHOLDS.items():
        assert math.isfinite(threshold.value), name
        assert len(threshold.source) > 10, name
        assert len(threshold.healthy) > 3, name


def test_the_thresholds_cannot_be_changed():
    with pytest.raises(TypeError, match="does not support item assignment"):
        THRESHOLDS["spike_ratio"] = thresholds.Threshold(1.0, "", "")


def test_every_threshold_is_read_by_a_rule():
    source = "".join(path.read_text() for path in Path(curve_rules.__file__).parents[2].rglob("*.py"))
    source = source.replace(inspect.getsource(thresholds), "")
    assert [name for name in THRESHOLDS if f'"{name}"' not in source] == []
