"""Pages written again from their JSON, and runs side by side."""

import json

import pytest
import reports
from commands import in_this_process

from trainwise.toolkit.report import side_by_side
from trainwise.toolkit.report.page import write


@pytest.fixture
def runs(tmp_path):
    """Two runs of one data set and seed; the second with findings and another score."""
    write(reports.whole(), tmp_path / "first")
    other = reports.whole()
    other["evaluation"]["results"][1]["value"] = 0.9
    other["checks"] = [reports.UNSCALED.as_dict()]
    other["members"] = [reports.member(0, findings=[reports.OVERFITTING, reports.PLATEAU, reports.OVERFITTING])]
    write(other, tmp_path / "second")
    return tmp_path


def test_a_page_is_written_again_as_it_was(runs):
    page = runs / "first/report.html"
    before = page.read_bytes()
    page.unlink()
    done = in_this_process("report", "first", cwd=runs)
    assert done.returncode == 0 and done.stdout == "The report is in first/report.html.\n"
    assert page.read_bytes() == before
    done = in_this_process("report", "first/report.json", "--out", "pages/a.html", cwd=runs)
    assert done.returncode == 0 and (runs / "pages/a.html").read_bytes() == before


def test_runs_of_one_name_are_told_apart_by_the_folders_above(tmp_path):
    runs = [tmp_path / "a/iris", tmp_path / "b/iris", tmp_path / "digits"]
    for run in runs:
        write({"title": "t"}, run)
    assert side_by_side.names_apart(runs[:1]) == ["iris"]
    assert side_by_side.names_apart(runs) == ["a-iris", "b-iris", "digits"]
    with pytest.raises(ValueError, match="A run is named twice"):
        side_by_side.names_apart([runs[0], runs[0] / "report.json"])


def test_runs_side_by_side_say_score_interval_findings_and_what_was_exported(runs):
    done = in_this_process("report", "first", "second", cwd=runs)
    head, *lines = done.stdout.splitlines()
    assert done.returncode == 0 and head.split() == [
        "run", "data", "seed", "score", "interval", "seconds", "findings", "exported",
    ]  # fmt: skip
    assert [line.split()[0] for line in lines] == ["first", "second"]
    assert "accuracy 0.9785  0.9521 to 0.9911" in lines[0] and "none" in lines[0]
    assert "accuracy 0.9 " in lines[1] and "1 error, 2 warnings" in lines[1] and "models/digits/1" in lines[1]
    # Nothing was written beside them.
    assert sorted(path.name for path in runs.iterdir()) == ["first", "second"]


def test_the_table_is_a_page_and_json_too(runs):
    done = in_this_process("report", "first", "second", "--out", "both.html", "--json", cwd=runs)
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["page"] == "both.html"
    assert [row["score"] for row in found["runs"]] == [0.9785, 0.9]
    assert [(row["errors"], row["warnings"]) for row in found["runs"]] == [(0, 0), (1, 2)]
    assert found["runs"][0]["seconds"] == pytest.approx(sum(reports.whole()["seconds"].values()), abs=1e-3)
    text = (runs / "both.html").read_text(encoding="utf-8")
    assert "<h1>2 runs side by side</h1>" in text and "<td>1 error, 2 warnings</td>" in text
    # The page stands alone.
    assert "http" not in text and "<style>" in text and "no comparison" not in text


def test_names_are_escaped_on_the_page():
    row = side_by_side._row("<b>", {"title": "<i>"})
    assert "<b>" not in side_by_side.as_page([row]) and "&lt;i&gt;" in side_by_side.as_page([row])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ""),
        ({"metric": "r2"}, "scores of different kinds"),
        ({"fingerprint": "b"}, "different rows (other data)"),
        ({"seed": 1}, "different rows (another seed)"),
        ({"test_rows": 3}, "different rows (another split)"),
    ],
)
def test_scores_that_are_no_comparison_are_told(change, words):
    row = {"metric": "accuracy", "fingerprint": "a", "seed": 0, "test_rows": 9}
    told = side_by_side.comparable([row, {**row, **change}])
    assert words in told if words else told == ""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "holds no whole JSON"),
        (b"\xff\xfe", "holds no whole JSON"),
        (b"[]", "has no title"),
        (b'{"title": 3}', "has no title"),
        (b'{"title": "x", "data": 3}', "no report that this version writes"),
        (b'{"title": "x", "members": [3]}', "no report that this version writes"),
        (b'{"title": "x", "seed": [1]}', "no report that this version writes"),
        (b'{"title": "x", "checks": [{}]}', "no report that this version writes"),
        (b'{"title": "x", "evaluation": {"results": [{"winner": 1, "value": "good"}]}}', "no report that this version"),
    ],
)
def test_a_file_of_another_make_is_refused_in_one_sentence(content, message, tmp_path):
    (tmp_path / "report.json").write_bytes(content)
    for options in ([], ["--json"]):
        done = in_this_process("report", ".", *options, cwd=tmp_path)
        assert done.returncode == 2 and message in done.stderr, done.stderr
        assert len(done.stderr.splitlines()) == 1 and done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_folder_without_a_report_is_named(tmp_path):
    done = in_this_process("report", ".", "nowhere", cwd=tmp_path)
    assert done.returncode == 2 and "There is no report report.json: name the folder of a run" in done.stderr
    with pytest.raises(FileNotFoundError, match="There is no report nowhere"):
        side_by_side.read_report("nowhere")
