"""The shape of a run: curves made on purpose, whose shape is known from how they were made."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainwise as tw
from trainwise.toolkit.diagnosis.loss_shapes import RATE_OF_SHAPE
from trainwise.toolkit.diagnosis.shapes import SHAPES, Shape

EPOCHS = np.arange(30.0)


def _noise(size, seed=0):
    return size * np.random.default_rng(seed).normal(size=len(EPOCHS))


def _towards(end, pace, start=0.3):
    return end - (end - start) * np.exp(-EPOCHS / pace)


MADE = [
    *(("straight_line", 2.3 - (2.3 - end) * EPOCHS / 29) for end in (2.28, 1.8, 1.2, 0.6)),
    ("straight_line", 2.3 - 0.5 * EPOCHS / 29 + _noise(0.01)),
    ("straight_line", 1 - EPOCHS[:20] / 40),
    ("straight_line", 0.01 - 0.0002 * EPOCHS),  # whatever the unit
    ("drops_and_stays", 1.4 + 0.9 * np.exp(-EPOCHS / 1.5) + _noise(0.01)),
    ("drops_and_stays", 0.5 + 0.2 * np.exp(-EPOCHS / 2) + _noise(0.003)),
    ("oscillates", 0.8 + 0.6 * np.exp(-EPOCHS / 4) + _noise(0.15)),
    ("oscillates", 1 + 0.3 * (-1) ** EPOCHS),
    ("bends_to_floor", 0.05 + 2.2 * np.exp(-EPOCHS / 5)),
    ("bends_to_floor", 0.3 + 2 * np.exp(-EPOCHS / 6) + _noise(0.01)),
    ("bends_to_floor", 2.0 * 0.8**EPOCHS),
    ("rises", np.linspace(1, 3.9, 30)),
    ("rises", 0.7 + 0.02 * EPOCHS),
    ("breaks_down", np.array([1, 0.9, np.nan, np.nan])),
    ("breaks_down", 1.5**EPOCHS),
    ("stands_still", 2.3 + _noise(0.005)),
    ("stands_still", np.full(10, 0.69)),
    ("too_short", np.array([1.0, 0.5, 0.4])),
]


@pytest.mark.parametrize(("name", "loss"), MADE)
def test_a_loss_made_in_a_shape_is_told_by_it(name, loss):
    assert tw.shape({"loss": loss.tolist()}).name == name


@pytest.mark.parametrize(
    ("name", "train", "held"),
    [
        ("gap", _towards(0.95, 5), _towards(0.65, 5)),
        ("both_low", _towards(0.55, 3), _towards(0.54, 3)),
        ("falls_back", _towards(0.95, 3), _towards(0.9, 3) - 0.004 * np.maximum(0, EPOCHS - 8)),
        ("bends_to_floor", _towards(0.97, 5), _towards(0.95, 5)),
        ("straight_line", 0.3 + 0.01 * EPOCHS, 0.3 + 0.0095 * EPOCHS),
    ],
)
def test_accuracies_alone_have_a_shape(name, train, held):
    assert tw.shape({"accuracy": train, "val_accuracy": held}).name == name
    # So have accuracies of other names, beside a loss that falls as it should.
    named = {"loss": 2 * np.exp(-EPOCHS / 5) + 0.05, "sparse_acc": train, "val_sparse_acc": held}
    if name != "straight_line":
        assert tw.shape(named).name == name


def test_a_validation_loss_that_leaves_the_training_loss_is_a_gap_without_any_accuracy():
    loss = 0.05 + 1.5 * np.exp(-EPOCHS / 5)
    assert tw.shape({"loss": loss, "val_loss": loss + 0.03 * EPOCHS}).name == "gap"
    assert tw.shape({"loss": loss, "val_loss": loss * 1.1}).name == "bends_to_floor"


@settings(max_examples=60, deadline=None)
@given(
    scale=st.floats(1e-6, 1e6), fall=st.floats(0.02, 0.95), count=st.integers(8, 300), bend=st.floats(0, 0.15)
)  # fmt: skip
def test_a_line_is_straight_whatever_its_unit_its_fall_and_its_length(scale, fall, count, bend):
    time = np.linspace(0, 1, count)
    assert tw.shape({"loss": scale * (1 - fall * (time + bend * time * (1 - time)))}).name == "straight_line"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1, max_size=40))
def test_every_run_has_one_shape_with_words_in_both_languages(loss):
    found = tw.shape({"loss": loss})
    assert found.name in SHAPES and found.sentence in found.words() and len(found.words("ko")) > 10
    assert all(isinstance(value, float) for value in found.evidence.values())


def test_each_shape_has_the_cure_of_the_course():
    first = {name: advice[0] for name, (_, _, advice) in SHAPES.items() if advice}
    assert (first["straight_line"].parameter, first["straight_line"].change) == ("learning_rate", "raise")
    for name in ("drops_and_stays", "rises", "breaks_down"):
        assert (first[name].parameter, first[name].change) == ("learning_rate", "lower")
    assert (first["oscillates"].parameter, first["oscillates"].change) == ("batch_size", "raise")
    assert first["gap"].parameter == "dropout" and first["both_low"].parameter == "units"
    told = tw.shape({"loss": 2.3 - 0.02 * EPOCHS})
    assert told.words() == (
        "The loss falls in a straight line: steps are too short. Cure: raise learning_rate 3 times, "
        "or raise epochs 3 times."
    )
    with pytest.raises(ValueError, match="`language` must be 'en' or 'ko', got 'fr'"):
        told.words("fr")
    # A minimum that only other starting weights leave.
    assert any(advice.parameter == "seed" for advice in SHAPES["drops_and_stays"][2])


def test_the_plot_draws_each_curve_under_the_sentence():
    figure = tw.shape({"loss": 2.3 - 0.02 * EPOCHS, "val_loss": 2.4 - 0.02 * EPOCHS, "acc": 0.01 * EPOCHS}).plot()
    loss, accuracy = figure.axes
    assert [line.get_label() for line in loss.lines] == ["loss", "val_loss"]
    np.testing.assert_allclose(loss.lines[0].get_ydata(), 2.3 - 0.02 * EPOCHS)
    assert [line.get_label() for line in accuracy.lines] == ["acc"]
    assert figure.get_suptitle() == SHAPES["straight_line"][0]
    assert Shape("too_short").plot().axes


@pytest.mark.parametrize(
    ("history", "error", "message"),
    [
        ({"wealth": [1.0, 2.0]}, ValueError, "a curve `loss` or an accuracy, got \\['wealth'\\]"),
        ({"loss": []}, ValueError, "at least one epoch, got none"),
        ({"loss": ["a"]}, TypeError, "must hold one number an epoch, got \\['a'\\]"),
        (7, TypeError, "its dictionary or a path, got int"),
        ("nowhere.csv", FileNotFoundError, "no file or folder nowhere.csv"),
    ],
)
def test_what_holds_no_curves_is_refused(history, error, message):
    with pytest.raises(error, match=message):
        tw.shape(history)


def test_rows_that_are_not_learnt_yet_have_no_gap():
    # Few validation rows may lie below by chance, with a lower loss.
    young = {
        "accuracy": [0.41, 0.45, 0.45, 0.47, 0.51], "loss": [1.11, 1.09, 1.06, 1.04, 1.01],
        "val_accuracy": [0.25, 0.29, 0.29, 0.37, 0.41], "val_loss": [1.08, 1.05, 1.03, 1.01, 0.99],
    }  # fmt: skip
    assert tw.shape(young).name != "gap"
    learnt = {"accuracy": [0.7, 0.8, 0.9, 0.93, 0.95], "val_accuracy": [0.6, 0.62, 0.65, 0.65, 0.65]}
    assert tw.shape({**young, **learnt}).name != "gap"
    assert tw.shape({**young, **learnt, "val_loss": [1.1, 1.1, 1.15, 1.2, 1.2]}).name == "gap"


def test_the_way_that_a_shape_turns_the_rate_is_that_of_its_first_advice():
    first = {name: given[2][0] for name, given in SHAPES.items() if given[2]}
    assert {name: one.change for name, one in first.items() if one.parameter == "learning_rate"} == RATE_OF_SHAPE


def _drawn_curve(rng, epochs):
    """A line, a bend, a drop, a rise, a flat or a swinging curve, with or without noise."""
    time, start, floor = np.linspace(0, 1, epochs), rng.uniform(0.3, 3), rng.uniform(0, 0.9)
    forms = [
        1 - (1 - floor) * time,
        floor + (1 - floor) * np.exp(-time * rng.uniform(1, 30)),
        1 + rng.uniform(0, 2) * time,
        np.ones(epochs),
        np.exp(-3 * time) * (1 + 0.5 * np.abs(np.sin(30 * time))),
        floor + (1 - floor) * np.exp(-8 * time) + np.maximum(0, time - 0.5),
    ]
    noise = rng.normal(0, rng.choice([0, 0.005, 0.05, 0.3]), epochs)
    return np.maximum(1e-6, start * forms[rng.integers(len(forms))] * (1 + noise))


def test_no_two_cures_of_any_curves_pull_the_same_setting_both_ways(rng):
    for _ in range(150):
        epochs = int(rng.integers(8, 40))
        history = {"loss": _drawn_curve(rng, epochs).tolist()}
        if rng.random() < 0.5:
            history["val_loss"] = _drawn_curve(rng, epochs).tolist()
        found = tw.diagnose(history)
        told = [one.advice[:1] for one in found]
        # A warning is surer than the shape, which is information.
        if all(one.level == "info" for one in found):
            told.append(tw.shape(history).advice[:1])
        ways = {}
        for advice in (one for first in told for one in first):
            ways.setdefault(advice.parameter, set()).add(advice.change)
        assert not any({"raise", "lower"} <= changes for changes in ways.values()), (history, ways)
