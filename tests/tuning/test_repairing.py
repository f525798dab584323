"""Repair of whole programs."""

import keras
import numpy as np
import pytest

import trainwise as tw

pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax")


RANDOM = np.random.default_rng(0)


X = RANDOM.normal(size=(240, 3)).astype("float32")


BITS = (X[:, 0] * X[:, 1] > 0).astype(int)


REAL = 40 + 15 * X[:, 0] - 5 * np.abs(X[:, 1])


HELD = slice(180, 240)


def _build(layers, loss, optimizer):
    def build():
        made = [keras.layers.Dense(**settings) for settings in layers]
        model = keras.Sequential([keras.Input((3,)), *made])
        model.compile(optimizer(), loss)
        return model

    return build


def _repair(build, y, epochs=12, **rest):
    x = rest.pop("x", X)
    return tw.tuning.repair(
        build, x[:180], y[:180], validation_data=(x[HELD], y[HELD]), epochs=epochs, most_variants=3, **rest
    )


@pytest.fixture(scope="module")
def mended():
    layers = [{"units": 16, "activation": "relu"}, {"units": 1, "activation": "softmax"}]
    return _repair(_build(layers, "mse", lambda: keras.optimizers.SGD(1e-5)), BITS)


def test_an_end_that_cannot_answer_is_mended_and_the_proof_is_given(mended):
    assert mended.metric == "accuracy"
    assert {advice.parameter for advice in mended.changes} >= {"output_activation", "loss"}
    assert mended.model.layers[-1].activation.__name__ == "sigmoid"
    answers = mended.model.predict(X[HELD], verbose=0)[:, 0] > 0.5
    best = max(row["score"] for row in mended.rows)
    assert np.mean(answers == BITS[HELD]) == pytest.approx(best)
    assert best > np.mean(BITS[HELD]) + 0.15
    assert "beyond two standard errors" in mended.sentence
    assert mended.findings[0].symptom == "wrong_output_activation"


def test_the_table_has_the_untouched_program_first(mended):
    assert mended.rows[0]["changes"] == "untouched"
    assert mended.table()["score"][0] == mended.rows[0]["score"]
    assert mended.sentence in str(mended)


def test_targets_far_from_one_are_scaled_and_answered_in_their_units():
    layers = [{"units": 8, "activation": "relu"}, {"units": 1}]
    found = _repair(_build(layers, "mse", lambda: keras.optimizers.SGD(5.0)), REAL)
    answers = found.model.predict(X[HELD], verbose=0)[:, 0]
    error = float(np.mean((answers - REAL[HELD]) ** 2))
    assert error == pytest.approx(min(row["score"] for row in found.rows if np.isfinite(row["score"])), rel=1e-4)
    assert error < 0.2 * np.var(REAL[HELD])


def test_a_program_that_cannot_run_is_mended():
    layers = [{"units": 8, "activation": "relu"}, {"units": 3, "activation": "softmax"}]
    labels = np.eye(3)[np.digitize(X[:, 0], [-0.5, 0.5])]
    build = _build(layers, "sparse_categorical_crossentropy", lambda: keras.optimizers.Adam(0.01))
    found = _repair(build, labels)
    assert "cannot run" in found.rows[0]["changes"]
    assert found.model.loss == "categorical_crossentropy"
    assert found.sentence.startswith("The program could not run")


def test_a_healthy_program_is_not_made_worse_and_the_random_state_is_kept():
    layers = [{"units": 16, "activation": "relu"}, {"units": 1, "activation": "sigmoid"}]
    keras.utils.set_random_seed(5)
    expected = np.random.random()
    keras.utils.set_random_seed(5)
    found = _repair(_build(layers, "binary_crossentropy", lambda: keras.optimizers.Adam(0.01)), BITS, epochs=20)
    assert np.random.random() == expected
    assert max(row["score"] for row in found.rows) >= found.rows[0]["score"]


def test_a_part_of_the_rows_is_kept_out_where_none_are_given():
    layers = [{"units": 1, "activation": "sigmoid"}]
    build = _build(layers, "binary_crossentropy", lambda: keras.optimizers.SGD(0.1))
    found = tw.tuning.repair(build, X, (X[:, 0] > 0).astype(int), epochs=3, most_variants=1)
    assert "48" in found.sentence


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epochs": 0}, ValueError, "`epochs` must be at least 1, got 0"),
        ({"batch_size": 1.5}, TypeError, "`batch_size`"),
        ({"seed": -1}, ValueError, "`seed` must be at least 0, got -1"),
        ({"y": BITS[:10]}, ValueError, "`x` has 240 rows, `y` has 10"),
        ({"x": {"a": X}}, TypeError, "`x` must be one array, got dict"),
        ({"x": np.where(X > 3, X, np.nan)}, ValueError, "must be mended first"),
    ],
)
def test_bad_input_is_refused_before_training(change, error, message):
    build = _build([{"units": 1, "activation": "sigmoid"}], "binary_crossentropy", lambda: "sgd")
    arguments = {"x": X, "y": BITS, "epochs": 1, "most_variants": 1} | change
    with pytest.raises(error, match=message):
        tw.tuning.repair(build, arguments.pop("x"), arguments.pop("y"), **arguments)


def test_a_model_that_is_not_compiled_is_refused():
    with pytest.raises(ValueError, match="must return a compiled model"):
        tw.tuning.repair(lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]), X, BITS)
