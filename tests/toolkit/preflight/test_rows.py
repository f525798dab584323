"""What the rows show before a fit."""

import keras
import numpy as np
import pytest
from tiny import one_layer, symptoms_of

import trainwise as tw

INTS = np.arange(60) % 3


REAL = np.random.default_rng(0).normal(size=60) * 10


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_found(bad, x):
    broken, targets = x.copy(), REAL.copy()
    broken[7, 2] = bad
    targets[9] = bad
    found = tw.check(one_layer(1, None, "mse"), broken, targets)
    assert [finding.symptom for finding in found] == ["non_finite_data", "non_finite_data"]
    assert [finding.evidence["row"] for finding in found] == [7, 9]


def test_unscaled_inputs_are_said_unless_the_model_normalises(x):
    assert ("unscaled_inputs", "warning") in symptoms_of(tw.check(one_layer(), x * 100, INTS))
    layer = tw.layers.Standardize()
    layer.adapt(x * 100)
    for first in (layer, keras.layers.Rescaling(0.01), keras.layers.BatchNormalization()):
        model = keras.Sequential([keras.Input((4,)), first, keras.layers.Dense(3, "softmax")])
        model.compile(loss="sparse_categorical_crossentropy")
        assert tw.check(model, x * 100, INTS) == []


def test_an_unadapted_layer_is_said_in_words(x):
    for layer, level in ((tw.layers.Standardize(name="scale"), "error"), (tw.layers.MinMax(name="scale"), "error"),
                         (keras.layers.Normalization(name="scale"), "warning")):  # fmt: skip
        model = keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(3, "softmax")])
        model.compile(loss="sparse_categorical_crossentropy")
        (finding,) = tw.check(model, x, INTS)
        assert (finding.symptom, finding.level, finding.layer) == ("unadapted_normalization", level, "scale")
        assert "never adapted" in finding.message


def test_shared_rows_above_five_percent_are_said(x):
    others = np.random.default_rng(1).normal(size=(57, 4))
    few, many = np.vstack([x[:3], others]), np.vstack([x[:4], others[:56]])
    assert tw.check(one_layer(), x, INTS, (few, INTS)) == []
    (finding,) = tw.check(one_layer(), x, INTS, (many, INTS))
    assert (finding.symptom, finding.level) == ("shared_rows", "warning")
    assert finding.evidence["share"] == pytest.approx(4 / 60)


def test_rows_that_repeat_by_nature_are_worth_a_remark_only():
    x = np.tile([[0.0, 0], [0, 1], [1, 0], [1, 1]], (20, 1))
    findings = tw.check(one_layer(features=2), x, np.arange(80) % 3, (x, np.arange(80) % 3))
    assert symptoms_of(findings) == {("shared_rows", "info")}


def _deep(*layers, loss="mse", optimizer="adam", features=4):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((features,)), *layers])
    model.compile(optimizer, loss)
    return model


def _dense(units, activation="relu", **rest):
    return keras.layers.Dense(units, activation, **rest)


def test_targets_that_are_all_equal_cannot_be_learnt(x):
    assert ("not_learning", "error") in symptoms_of(tw.check(_deep(_dense(1, None)), x, np.full(60, 3.0)))


def test_large_targets_are_said_unless_the_model_scales_them(x):
    large = REAL * 1000
    assert ("unscaled_targets", "warning") in symptoms_of(tw.check(_deep(_dense(1, None)), x, large))
    back = tw.layers.Standardize(invert=True)
    back.adapt(large)
    assert tw.check(_deep(_dense(1, None), back), x, large) == []


def test_rare_classes_are_a_warning_only_where_validation_is_even(x):
    rare, even = np.array([0] * 57 + [1, 1, 2]), np.arange(60) % 3
    others = np.random.default_rng(1).normal(size=(60, 4))
    assert symptoms_of(tw.check(one_layer(), x, rare)) == {("class_imbalance", "info")}
    assert symptoms_of(tw.check(one_layer(), x, rare, (others, even))) == {("class_imbalance", "warning")}


@pytest.mark.parametrize("prepare", [lambda x: x * 16, lambda x: x / 255, lambda x: x + 20])
def test_validation_rows_that_were_prepared_otherwise_are_said(prepare, x):
    others = np.random.default_rng(1).normal(size=(40, 4))
    assert tw.check(one_layer(), x, INTS, (others, INTS[:40])) == []
    found = tw.check(one_layer(), x, INTS, (prepare(others), INTS[:40]))
    assert [(f.symptom, f.causes[0]) for f in found] == [("validation_mismatch", "val_not_preprocessed")]


def test_nan_names_its_columns(x):
    broken = x.copy()
    broken[3, 2] = np.nan
    assert "in column 2" in tw.check(one_layer(), broken, INTS)[0].message


def test_rows_sorted_by_class_are_not_taken_for_one_class():
    y = np.repeat([0, 1], 125_000)
    x = np.linspace(-1, 1, len(y), dtype="float32")[:, None]
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy")
    assert [finding for finding in tw.check(model, x, y) if finding.level != "info"] == []


def test_equal_targets_are_a_remark_where_the_loss_is_the_users(x):
    def margin(truth, answers):
        return keras.ops.maximum(answers + 0.5, 0)

    found = symptoms_of(tw.check(_deep(_dense(1, None), loss=margin), x, np.zeros(60)))
    assert found == {("not_learning", "info")}


class Table(keras.Model):
    """Learns a number for each row by its place, in a way that no graph shows."""

    def __init__(self, places):
        super().__init__()
        self.places, self.dense = places, keras.layers.Dense(1)

    def call(self, nodes):
        return keras.ops.take(self.dense(self.places), keras.ops.cast(nodes, "int32"), axis=0)


@pytest.mark.parametrize("built", [False, True])
def test_the_numbers_of_nodes_are_no_unscaled_inputs(built):
    model = Table(keras.ops.convert_to_tensor(np.random.default_rng(0).normal(size=(200, 3)).astype("float32")))
    model.compile("adam", "mse")
    if built:
        model(np.arange(2))
    nodes = np.arange(200)
    assert symptoms_of(tw.check(model, nodes, np.sin(nodes))) == {("not_judged", "info")}
    # Quantities are still held to a scale there.
    assert ("unscaled_inputs", "warning") in symptoms_of(tw.check(model, nodes.astype("float32"), np.sin(nodes)))
