"""The card beside a published model: true, whole, and its lines run as they stand."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from commands import in_this_process

import trainwise as tw
from trainwise.toolkit.saving.card import load_lines, request, write_card
from trainwise.toolkit.saving.ports import ports_of


def test_the_card_says_what_the_model_takes_and_answers_and_what_it_was_given(flowers):
    _, rows, report = flowers
    card = json.loads((report.path / "card.json").read_text())
    assert card["inputs"] == [
        {
            "name": "flower",
            "own_name": "flower",
            "dtype": "float32",
            "shape": [None, 4],
            "example": pytest.approx(rows[0], rel=1e-6),
        }
    ]
    assert card["outputs"][0]["meaning"] == "probability of each class: setosa, versicolor, virginica"
    assert card["parameters"] == 4 * 3 + 3
    assert (card["license"], card["task"], card["name"]) == ("CC0-1.0", "multiclass", "flowers")
    assert card["versions"]["keras"] == keras.__version__
    assert card["proof"]["rows"] == 32
    page = (report.path / "card.md").read_text()
    for part in ("# flowers", "- Licence: CC0-1.0", "| vote | 0.93 |", "(rows, 4)", "## Proof", *card["files"]):
        assert part in page, part


def test_the_sums_of_the_card_are_those_of_an_independent_tool(flowers):
    _, _, report = flowers
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=report.path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    sums = dict(line.split("  ")[::-1] for line in (report.path / "SHA256SUMS").read_text().splitlines())
    card = json.loads((report.path / "card.json").read_text())
    assert card["files"].items() <= sums.items()
    assert set(sums) - set(card["files"]) == {"card.json", "card.md"}


def test_the_lines_of_the_card_run_in_a_fresh_process_with_tensorflow_alone(flowers):
    model, rows, report = flowers
    page = (report.path / "card.md").read_text()
    lines = page.split("```python\n")[1].split("```")[0]
    assert len(lines.splitlines()) == 5
    code = (
        "import sys; sys.modules['trainwise'] = None; sys.modules['keras'] = None\nfrom numpy import array, float32\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code + lines], cwd=report.path, capture_output=True, text=True, timeout=300
    )
    answered = eval(done.stdout, {"array": np.array, "float32": np.float32})
    np.testing.assert_allclose(answered["species"], model.predict(rows[:1], verbose=0), atol=1e-6)


def test_the_request_has_the_form_of_tensorflow_servings_rest_interface(flowers):
    _, rows, report = flowers
    asked = json.loads((report.path / "assets.extra/request.json").read_text())
    assert asked["signature_name"] == "serving_default"
    np.testing.assert_allclose(asked["instances"][0]["flower"], rows[0], rtol=1e-6)
    assert f"models/{report.path.parent.name}:predict" in (report.path / "card.md").read_text()


def test_rows_with_gaps_words_and_of_many_numbers_are_written_so_that_they_can_be_run():
    inputs = [
        keras.Input((1,), name="gap"), keras.Input((1,), dtype="string", name="word"),
        keras.Input((1,), dtype="bool", name="yes"), keras.Input((9, 9), name="many"),
    ]  # fmt: skip
    ports = ports_of(keras.Model(inputs, inputs))
    columns = {
        "gap": np.array([[np.nan]], "float32"),
        "word": np.array([['a "quoted" \\ one']]),
        "yes": np.array([[True]]),
        "many": np.ones((1, 9, 9), "float32"),
    }
    space = {}
    exec(load_lines(ports, columns)[2], {"tf": __import__("tensorflow")}, space)
    row = space["row"]
    assert np.isnan(row["gap"].numpy()).all() and row["yes"].numpy().all()
    assert row["word"].numpy()[0, 0].decode() == 'a "quoted" \\ one'
    assert row["many"].shape == (1, 9, 9)
    assert request(columns)["instances"][0]["word"] == ['a "quoted" \\ one']


def test_names_of_the_user_break_neither_table_nor_page(tmp_path):
    card = {
        "name": "<b>|x",
        "inputs": [],
        "outputs": [],
        "load": [],
        "parameters": 1,
        "versions": {},
        "findings": ["a|b\nc"],
    }
    write_card(tmp_path, card, {"x": np.ones((1, 1))})
    page = (tmp_path / "card.md").read_text()
    assert "# &lt;b>\\|x" in page and "- a\\|b c" in page


@pytest.mark.slow
def test_the_card_of_a_run_holds_data_scores_calibration_and_findings_and_no_rows_where_they_are_private(tmp_path):
    ended = in_this_process(
        "run", "--data", "iris", "--epochs", 2, "--members", 1, "--private", "--out", "r", cwd=tmp_path
    )
    assert ended.returncode == 0, ended.stderr
    folder = tmp_path / "r/models/iris/1"
    card, report = json.loads((folder / "card.json").read_text()), json.loads((tmp_path / "r/report.json").read_text())
    assert card["data"]["fingerprint"] == report["data"]["fingerprint"]
    assert card["data"]["rows to test"] == report["data"]["rows"]["test"]
    assert [row["accuracy"] for row in card["scores"]] == [r["value"] for r in report["evaluation"]["results"]]
    assert [row["name"] for row in card["beside"]["models"]] == [r["name"] for r in report["beside"]["results"]]
    assert 0 <= card["calibration"]["expected calibration error"] <= 1
    assert card["findings"] and card["seed"] == 0
    assert not (folder / "assets.extra/trainwise-rows.npz").exists()
    with pytest.raises(ValueError, match="keeps no rows .*give `x`"):
        tw.verify(folder)
