"""Reports as JSON and as files: whole or not there."""

import json
import math
import resource
import signal

import numpy as np
import pytest
from reports import sick, whole

from trainwise.toolkit.report import page as report


def test_json_is_strict_and_takes_numpy_values():
    values = {
        "nan": math.nan,
        "inf": np.float32(-math.inf),
        "small": np.int8(3),
        "half": np.float16(0.5),
        "true": np.bool_(True),
        "array": np.array([[1.0, np.nan]]),
        "scalar": np.array(4),
        "pair": (1, "two"),
        "long": np.longdouble(0.25),
        7: "key",
    }
    expected = {
        "nan": None,
        "inf": None,
        "small": 3,
        "half": 0.5,
        "true": True,
        "array": [[1.0, None]],
        "scalar": 4,
        "pair": [1, "two"],
        "long": 0.25,
        "7": "key",
    }

    def refuse(constant):
        raise AssertionError(constant)

    text = report.as_json(values)
    assert json.loads(text, parse_constant=refuse) == expected
    assert text.startswith('{\n  "nan": null,\n')


def test_a_value_that_is_not_plain_is_refused():
    with pytest.raises(TypeError, match=r"got set\. Turn it into a number or a text"):
        report.as_json({"classes": {1, 2}})


def test_write_makes_the_folder_and_both_files_alone(tmp_path):
    page, data = report.write(sick(), tmp_path / "deep" / "out")
    assert (page.name, data.name) == ("report.html", "report.json")
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.json"]
    assert page.read_text("utf-8") == report.as_html(sick())
    assert data.read_text("utf-8") == report.as_json(sick())


def test_a_name_that_is_no_text_can_be_written(tmp_path):
    page, data = report.write({"title": "measured_\udcff"}, tmp_path)
    assert "measured_&#56575;" in page.read_text("utf-8")
    assert json.loads(data.read_text("utf-8")) == {"title": "measured_\udcff"}


def test_a_full_disk_leaves_the_earlier_report_and_nothing_else(tmp_path):
    report.write(whole(), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            report.write(sick(), tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_in_place_of_the_folder_is_refused_and_kept(tmp_path):
    taken = tmp_path / "out"
    taken.write_text("mine")
    with pytest.raises(FileExistsError, match="out"):
        report.write(whole(), taken)
    with pytest.raises(NotADirectoryError, match="out"):
        report.write(whole(), taken / "below")
    assert [path.name for path in tmp_path.iterdir()] == ["out"] and taken.read_text() == "mine"


def test_a_folder_in_place_of_the_page_leaves_nothing_temporary(tmp_path):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError, match=r"report\.html"):
        report.write(whole(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
