import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.diagnosis.thresholds import THRESHOLDS, limit


def _model(units=3, activation="softmax", loss="sparse_categorical_crossentropy", features=4):
    model = keras.Sequential([keras.Input((features,)), keras.layers.Dense(units, activation=activation)])
    model.compile(loss=loss)
    return model


def _symptoms(findings):
    return {(finding.symptom, finding.level) for finding in findings}


@pytest.fixture(scope="module")
def x():
    return np.random.default_rng(0).normal(size=(60, 4))


INTS = np.arange(60) % 3
ONE_HOT = np.eye(3)[INTS]
BITS = np.arange(60) % 2
MANY = np.random.default_rng(0).integers(0, 2, (60, 3))
REAL = np.random.default_rng(0).normal(size=60) * 10
keras.utils.set_random_seed(0)  # Layers draw the seeds of their weights where they are made, here.


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y"),
    [
        (3, "softmax", "sparse_categorical_crossentropy", INTS),
        (3, "softmax", "categorical_crossentropy", ONE_HOT),
        (3, None, keras.losses.SparseCategoricalCrossentropy(from_logits=True), INTS),
        (1, "sigmoid", "binary_crossentropy", BITS),
        (3, "sigmoid", "binary_crossentropy", MANY),
        (1, None, "mse", REAL),
        (1, "relu", "mae", np.abs(REAL)),
        (3, None, "hinge", ONE_HOT),
    ],
)
def test_a_fitting_end_is_silent(units, activation, loss, y, x):
    assert tw.check(_model(units, activation, loss), x, y) == []


@pytest.mark.parametrize(
    ("units", "activation", "loss", "y", "expected"),
    [
        (1, "softmax", "binary_crossentropy", BITS, ("wrong_output_activation", "error")),
        (1, "softmax", "mse", BITS, ("wrong_output_activation", "error")),
        (3, None, "sparse_categorical_crossentropy", INTS, ("wrong_output_activation", "error")),
        (1, None, "binary_crossentropy", BITS, ("wrong_output_activation", "warning")),
        (3, "relu", "categorical_crossentropy", ONE_HOT, ("wrong_output_activation", "error")),
        (3, "sigmoid", "categorical_crossentropy", ONE_HOT, ("wrong_output_activation", "warning")),
        (3, "softmax", "binary_crossentropy", MANY, ("wrong_output_activation", "error")),
        (3, "softmax", "binary_crossentropy", ONE_HOT, ("wrong_loss", "warning")),
        (3, "softmax", keras.losses.SparseCategoricalCrossentropy(from_logits=True), INTS,
         ("wrong_output_activation", "info")),
        (1, "sigmoid", "mse", REAL, ("wrong_output_activation", "error")),
        (1, "relu", "mse", REAL, ("wrong_output_activation", "error")),
        (1, "sigmoid", "mse", BITS, ("wrong_loss", "info")),
        (1, "sigmoid", "binary_crossentropy", INTS, ("label_range", "error")),
        (2, "softmax", "sparse_categorical_crossentropy", INTS, ("label_range", "error")),
        (3, "softmax", "sparse_categorical_crossentropy", INTS / 255, ("label_range", "error")),
        (3, "softmax", "sparse_categorical_crossentropy", INTS - 1, ("label_range", "error")),
        (3, "softmax", "sparse_categorical_crossentropy", ONE_HOT, ("label_shape", "error")),
        (3, "softmax", "categorical_crossentropy", INTS, ("label_shape", "error")),
        (2, None, "mse", REAL, ("output_units", "error")),
        (4, "softmax", "categorical_crossentropy", ONE_HOT, ("output_units", "error")),
    ],
)  # fmt: skip
def test_an_end_that_does_not_fit_is_said_with_a_cure(units, activation, loss, y, expected, x):
    findings = tw.check(_model(units, activation, loss), x, y)
    assert expected in _symptoms(findings)
    assert all(finding.advice and finding.causes for finding in findings)


def test_a_softmax_layer_of_its_own_is_seen(x):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1), keras.layers.Softmax()])
    model.compile(loss="binary_crossentropy")
    assert tw.check(model, x, BITS)[0].causes[0] == "single_unit_softmax"


def test_targets_scaled_inside_the_model_may_have_any_range(x):
    back = tw.layers.MinMax(invert=True)
    back.adapt(REAL)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid"), back])
    model.compile(loss="mse")
    assert tw.check(model, x, REAL) == []


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_not_finite_are_found(bad, x):
    broken, targets = x.copy(), REAL.copy()
    broken[7, 2] = bad
    targets[9] = bad
    found = tw.check(_model(1, None, "mse"), broken, targets)
    assert [finding.symptom for finding in found] == ["non_finite_data", "non_finite_data"]
    assert [finding.evidence["row"] for finding in found] == [7, 9]


def test_unscaled_inputs_are_said_unless_the_model_normalises(x):
    assert ("unscaled_inputs", "warning") in _symptoms(tw.check(_model(), x * 100, INTS))
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
    assert tw.check(_model(), x, INTS, (few, INTS)) == []
    (finding,) = tw.check(_model(), x, INTS, (many, INTS))
    assert (finding.symptom, finding.level) == ("shared_rows", "warning")
    assert finding.evidence["share"] == pytest.approx(4 / 60)


def test_rows_that_repeat_by_nature_are_worth_a_remark_only():
    x = np.tile([[0.0, 0], [0, 1], [1, 0], [1, 1]], (20, 1))
    findings = tw.check(_model(features=2), x, np.arange(80) % 3, (x, np.arange(80) % 3))
    assert _symptoms(findings) == {("shared_rows", "info")}


def test_the_model_stays_bit_identical(x):
    model = _model()
    model.fit(x, INTS, verbose=0)
    before = [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]
    tw.check(model, x, INTS, (x, INTS), thorough=True)
    after = [keras.ops.convert_to_numpy(v) for v in (*model.variables, *model.optimizer.variables)]
    assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))


def test_columns_of_words_and_numbers_are_checked():
    inputs = {"city": keras.Input((1,), name="city", dtype="string"), "age": keras.Input((1,), name="age")}
    city = keras.layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(inputs["city"])
    out = keras.layers.Dense(1, "sigmoid")(keras.layers.Concatenate()([city, inputs["age"]]))
    model = keras.Model(inputs, out)
    model.compile(loss="binary_crossentropy")
    rows = {"city": np.array(["a", "b"] * 30, dtype=object), "age": np.arange(60.0)}
    assert _symptoms(tw.check(model, rows, BITS)) == {("unscaled_inputs", "warning")}


def test_bad_arguments_are_refused(x):
    with pytest.raises(TypeError, match="got str"):
        tw.check("model", x, INTS)
    with pytest.raises(ValueError, match="\\[60\\] rows, `y` has 59"):
        tw.check(_model(), x, INTS[:59])
    with pytest.raises(ValueError, match="no rows"):
        tw.check(_model(), x[:0], INTS[:0])


def test_only_a_part_of_many_rows_is_looked_at_unless_asked():
    most = int(limit("rows_looked_at"))
    x = np.zeros((most + 1, 1))
    x[-1] = np.nan
    y = np.arange(most + 1) % 2
    model = _model(1, "sigmoid", "binary_crossentropy", features=1)
    assert tw.check(model, x, y) == []
    assert tw.check(model, x, y, thorough=True)[0].symptom == "non_finite_data"


def test_every_threshold_names_its_source_and_what_healthy_runs_show():
    assert all(row.source and row.healthy for row in THRESHOLDS.values())


# What the model shows before its first update


def _deep(*layers, loss="mse", optimizer="adam", features=4):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((features,)), *layers])
    model.compile(optimizer, loss)
    return model


def _dense(units, activation="relu", **rest):
    return keras.layers.Dense(units, activation, **rest)


def _frozen():
    layer = _dense(4)
    layer.trainable = False
    return layer


STARTS = [
    ([_dense(8), _dense(8, kernel_initializer="zeros"), _dense(1, None)], "symmetric_weights", "constant_init"),
    ([_dense(8, "softmax"), _dense(1, None)], "vanishing_gradient", "wrong_hidden_activation"),
    ([_dense(8, kernel_initializer=keras.initializers.RandomNormal(stddev=1e-4)), _dense(1, None)],
     "poor_initialization", "tiny_init"),
    ([_dense(8, kernel_initializer=keras.initializers.RandomNormal(stddev=200.0)), _dense(1, None)],
     "poor_initialization", "large_init"),
    ([_dense(8, bias_initializer=keras.initializers.Constant(-100.0)), _dense(1, None)], "dead_relu", "dying_relu"),
    ([*(_dense(8, "sigmoid") for _ in range(10)), _dense(1, None)], "vanishing_gradient", "vanishing_gradient"),
    ([_dense(64, kernel_regularizer=keras.regularizers.L2(500.0)), _dense(1, None)], "regularizer_dominates",
     "over_regularized"),
    ([_dense(8), keras.layers.Dropout(0.95), _dense(1, None)], "regularizer_dominates", "over_regularized"),
]  # fmt: skip


@pytest.mark.parametrize(("layers", "symptom", "cause"), STARTS)
def test_a_bad_start_is_said_with_its_cause(layers, symptom, cause, x):
    found = [f for f in tw.check(_deep(*layers), x, REAL) if f.level != "info"]
    assert (found[0].symptom, found[0].causes[0]) == (symptom, cause)


def test_a_model_that_cannot_train_is_an_error(x):
    model = _deep(_frozen())
    found = tw.check(model, x, REAL)
    assert ("unchanged_weights", "error") in _symptoms(found)


def test_hidden_layers_without_activation_are_a_remark(x):
    found = tw.check(_deep(_dense(4, None), _dense(1, None)), x, REAL / 10)
    assert [(f.level, f.causes) for f in found] == [("info", ("missing_hidden_activation",))]


@pytest.mark.parametrize(("rate", "symptom"), [(5.0, "learning_rate_too_high"), (1e-7, "learning_rate_too_low")])
def test_a_rate_far_from_the_usual_is_a_remark(rate, symptom, x):
    found = tw.check(_deep(_dense(1, None), optimizer=keras.optimizers.Adam(rate)), x, REAL / 10)
    assert _symptoms(found) == {(symptom, "info")}


@pytest.mark.parametrize(
    "layers",
    [
        [_dense(8, kernel_initializer="he_normal"), _dense(8, kernel_initializer="he_normal"), _dense(1, None)],
        [_dense(8, "tanh"), _dense(8, "tanh"), _dense(1, None)],
        [_dense(8, kernel_regularizer=keras.regularizers.L2(1e-4)), keras.layers.Dropout(0.5), _dense(1, None)],
        [keras.layers.Dense(8), keras.layers.BatchNormalization(), keras.layers.Activation("relu"), _dense(1, None)],
        [_dense(1, None, kernel_initializer="zeros")],
    ],
)
def test_a_usual_start_is_silent(layers, x):
    assert [f for f in tw.check(_deep(*layers), x, REAL / 10, thorough=True) if f.level != "info"] == []


# What the rows show


def test_targets_that_are_all_equal_cannot_be_learnt(x):
    assert ("not_learning", "error") in _symptoms(tw.check(_deep(_dense(1, None)), x, np.full(60, 3.0)))


def test_large_targets_are_said_unless_the_model_scales_them(x):
    large = REAL * 1000
    assert ("unscaled_targets", "warning") in _symptoms(tw.check(_deep(_dense(1, None)), x, large))
    back = tw.layers.Standardize(invert=True)
    back.adapt(large)
    assert tw.check(_deep(_dense(1, None), back), x, large) == []


def test_rare_classes_are_a_warning_only_where_validation_is_even(x):
    rare, even = np.array([0] * 57 + [1, 1, 2]), np.arange(60) % 3
    others = np.random.default_rng(1).normal(size=(60, 4))
    assert _symptoms(tw.check(_model(), x, rare)) == {("class_imbalance", "info")}
    assert _symptoms(tw.check(_model(), x, rare, (others, even))) == {("class_imbalance", "warning")}


@pytest.mark.parametrize("prepare", [lambda x: x * 16, lambda x: x / 255, lambda x: x + 20])
def test_validation_rows_that_were_prepared_otherwise_are_said(prepare, x):
    others = np.random.default_rng(1).normal(size=(40, 4))
    assert tw.check(_model(), x, INTS, (others, INTS[:40])) == []
    found = tw.check(_model(), x, INTS, (prepare(others), INTS[:40]))
    assert [(f.symptom, f.causes[0]) for f in found] == [("validation_mismatch", "val_not_preprocessed")]


def test_softmax_for_labels_that_can_all_be_true_is_said_for_the_squared_error_too(x):
    found = tw.check(_model(3, "softmax", "mse"), x, MANY)
    assert found[0].causes[0] == "softmax_for_multilabel"


def test_nan_names_its_columns(x):
    broken = x.copy()
    broken[3, 2] = np.nan
    assert "in column 2" in tw.check(_model(), broken, INTS)[0].message


# A few rows by heart


def test_a_rate_at_which_eight_rows_cannot_be_learnt_is_found_and_mended_by_adam(x):
    model = _deep(_dense(16), _dense(1, None), optimizer=keras.optimizers.SGD(1e-7))
    before = model.get_weights()
    state = np.random.get_state()[1].copy()
    found = tw.check(model, x, REAL / 10, thorough=True)
    (learnt,) = [f for f in found if f.symptom == "not_learning"]
    assert learnt.advice[0].value == "Adam"
    assert learnt.causes[0] in ("lr_too_high", "lr_too_low")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(state, np.random.get_state()[1])


def test_an_architecture_that_cannot_learn_eight_rows_is_found(x):
    model = _deep(_dense(8, bias_initializer=keras.initializers.Constant(-100.0)), _dense(1, None))
    assert "not_learning" in {f.symptom for f in tw.check(model, x, REAL / 10, thorough=True)}
