"""The lessons run from top to bottom, show what they say, and are kept with their outputs."""

import json
from pathlib import Path

import pytest

LESSONS = Path(__file__).parents[1] / "examples/lessons"
NAMES = ["1_recurrent_networks", "2_training_that_goes_wrong", "3_from_data_to_a_served_vote"]


def _cells(name):
    return json.loads((LESSONS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


def _run(name):
    """What the cells leave behind; lines for the notebook alone are left out."""
    code = ["".join(cell["source"]) for cell in _cells(name) if cell["cell_type"] == "code"]
    lines = [line for line in "\n".join(code).splitlines() if not line.startswith("%")]
    space = {}
    exec(compile("\n".join(lines), name, "exec"), space)
    return space


@pytest.mark.parametrize("name", NAMES)
def test_a_lesson_is_kept_with_its_outputs_and_without_errors(name):
    cells = [cell for cell in _cells(name) if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert len(outputs) >= 5
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output["output_type"] == "error" for output in outputs)
    # Neither folders of the machine that ran it nor TensorFlow's notes.
    assert "site-packages" not in json.dumps(outputs) and "INFO:" not in json.dumps(outputs)


@pytest.mark.slow
def test_the_lesson_on_recurrent_networks_shows_what_it_says():
    left = _run(NAMES[0])
    assert left["plain"].ratio < 1e-3 < 0.1 < left["gated"].ratio
    assert left["accuracy"]["SimpleRNN"] < 0.5 < 0.7 < left["accuracy"]["LSTM, gates open"]
    assert left["found"]["one direction"] < 0.5 < 0.95 < left["found"]["both"]


@pytest.mark.slow
def test_the_lesson_on_training_that_goes_wrong_shows_what_it_says():
    left = _run(NAMES[1])
    assert [shape.name for shape in left["shapes"].values()] == ["straight_line", "bends_to_floor", "drops_and_stays"]
    assert "vanishing_gradient" in [finding.symptom for finding in left["layers"].findings]
    assert left["end"] < left["start"] and any(attempt.kept for attempt in left["watch"].repairs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`adapt` of min_max")  # some pixels of the digits are always white
def test_the_lesson_from_data_to_a_served_vote_shows_what_it_says():
    left = _run(NAMES[2])
    assert left["report"].max_difference <= 1e-5
    assert left["answer"].numpy().argmax(axis=1).tolist() == left["held_y"][:5].tolist()
