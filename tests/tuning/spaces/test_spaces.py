"""Spaces of architectures: shapes, heads, limits, and that populations and KerasTuner itself take them."""

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf

import trainwise as tw
from trainwise.tuning import CNN, MLP, RNN

IMAGES, SERIES, ROWS = (12, 6, 6), (12, 5, 2), (12, 4)
TARGETS = {
    "regression": (np.arange(12) / 7, 1, "linear"),
    "binary": (np.arange(12) % 2, 1, "sigmoid"),
    "multiclass": (np.arange(12) % 3, 3, "softmax"),
    "multilabel": (np.eye(12, 4) + np.eye(12, 4, 1) + np.eye(12, 4, -2), 4, "sigmoid"),
}


def _adapted(space, shape, y=None):
    space.adapt(np.random.default_rng(0).normal(size=shape), TARGETS["multiclass"][0] if y is None else y)
    return space


def _random(space, count, seed=0):
    """Models of random points of the space, drawn by KerasTuner itself."""
    oracle = keras_tuner.oracles.RandomSearchOracle(objective="val_loss", max_trials=count, seed=seed + 1)
    hp = keras_tuner.HyperParameters()
    space.build(hp)
    oracle.update_space(hp)
    for _ in range(count):
        values = oracle.populate_space("0")["values"]
        point = oracle.get_space()
        point.values = values
        yield space.build(point)


@pytest.mark.parametrize("task", TARGETS)
@pytest.mark.parametrize(("space", "shape"), [(MLP, ROWS), (CNN, IMAGES), (RNN, SERIES)])
def test_every_space_gives_every_task_its_head(space, shape, task):
    y, units, activation = TARGETS[task]
    made = _adapted(space(), shape, y)
    model = made.build(keras_tuner.HyperParameters())
    assert made.head.task == task
    assert model.output_shape == (None, units)
    assert not model.compiled
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][-1]
    assert dense.activation.__name__ == activation


@pytest.mark.parametrize(
    ("space", "shape"),
    [(MLP(), ROWS), (MLP(augmentation=("none", "noise")), IMAGES), (CNN(augmentation="shift_flip"), IMAGES),
     (CNN(series=True), SERIES), (RNN(), SERIES), (RNN(), (12, 6, 6, 1))],
)  # fmt: skip
def test_any_point_of_a_space_builds_and_answers_finite_numbers(space, shape):
    _adapted(space, shape)
    x = np.random.default_rng(1).normal(size=shape)
    for model in _random(space, 5):
        answers = np.asarray(model(x))
        assert answers.shape == (12, 3)
        assert np.isfinite(answers).all()


def test_the_choices_of_a_space_are_hyperparameters_and_single_values_are_not():
    hp = keras_tuner.HyperParameters()
    _adapted(MLP(depth=2, units=(8, 16), activation="relu", normalization="none", dropout=0, l2=0), ROWS).build(hp)
    assert list(hp.values) == ["units"]
    assert hp.space[0].values == [8, 16]


def test_the_batch_size_of_a_space_is_a_question_of_the_search():
    space = _adapted(MLP(depth=1, units=4, batch_size=(4, 8)), ROWS)
    hp = keras_tuner.HyperParameters()
    space.build(hp)
    assert hp.values["batch_size"] == 4
    assert next(one for one in hp.space if one.name == "batch_size").values == [4, 8]
    x = np.zeros((12, 4))
    result = tw.tuning.search(
        MLP(depth=1, units=4, batch_size=(4, 12), normalization="none", activation="relu", dropout=0, l2=0),
        x, TARGETS["multiclass"][0], validation_data=(x, TARGETS["multiclass"][0]), oracle="grid", trials=2, epochs=1,
        population=2, verbose=0,
    )  # fmt: skip
    assert sorted(outcome.values["batch_size"] for outcome in result.outcomes.values()) == [4, 12]
    with pytest.raises(ValueError, match="`batch_size` must be at least 1, got 0"):
        MLP(batch_size=0)


def test_depth_units_normalisation_dropout_and_l2_stand_in_the_model():
    space = MLP(depth=3, units=7, normalization="batch", dropout=0.3, l2=0.01, activation="tanh")
    model = _adapted(space, ROWS).build(keras_tuner.HyperParameters())
    kinds = [type(layer).__name__ for layer in model.layers]
    assert (kinds.count("BatchNormalization"), kinds.count("Dropout"), kinds.count("Dense")) == (3, 3, 4)
    hidden = model.get_layer("hidden_1")
    assert hidden.units == 7
    assert float(hidden.kernel_regularizer.l2) == pytest.approx(0.01)


def test_bidirectional_and_stacked_cells_have_the_parameters_of_their_formula():
    space = RNN(
        cell="lstm", depth=2, units=8, bidirectional=True, pooling="last", normalization="none", dropout=0, l2=0
    )
    model = _adapted(space, SERIES).build(keras_tuner.HyperParameters())
    # One LSTM has 4 gates of (inputs + units + 1) x units weights; both directions feed the second layer.
    gates = [2 * 4 * (inputs + 8 + 1) * 8 for inputs in (2, 16)]
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == sum(gates) + 16 * 3 + 3


def test_inputs_and_targets_of_a_regression_are_standardised_inside(rng):
    x, y = rng.normal(50, 9, (200, 2)), rng.normal(-1000, 300, 200)
    space = MLP(depth=1, units=4)
    space.adapt(x, y)
    model = space.build(keras_tuner.HyperParameters())
    assert np.asarray(model.get_layer("standardize")(x)).std(axis=0) == pytest.approx([1, 1], rel=1e-4)
    answers = np.asarray(model(x))
    assert -2200 < answers.mean() < 200


def test_a_model_beyond_the_limit_of_parameters_fails_its_trial():
    space = _adapted(MLP(units=64, most_parameters=100), ROWS)
    with pytest.raises(keras_tuner.errors.FailedTrialError, match="more than `most_parameters`=100"):
        space.build(keras_tuner.HyperParameters())


def test_a_space_serves_keras_tuner_itself(tmp_path, rng):
    x, y = rng.normal(size=(40, 3)), rng.integers(0, 2, 40)
    space = MLP(depth=1, units=(2, 4))
    space.adapt(x, y)
    tuner = keras_tuner.RandomSearch(
        space, "val_loss", max_trials=1, directory=tmp_path, optimizer="adam", loss="binary_crossentropy", seed=1,
    )  # fmt: skip
    hp = tuner.oracle.get_space()
    assert set(hp.values) >= {"units", "dropout"}


def test_a_space_is_a_population_without_unrolled_layers():
    model = _adapted(CNN(filters=4, augmentation="none"), IMAGES).build(keras_tuner.HyperParameters())
    assert tw.Population(model, 3).unrolled == ()


def test_bad_spaces_and_rows_are_refused():
    with pytest.raises(ValueError, match="`units` must be at least 1, got 0"):
        MLP(units=(8, 0))
    with pytest.raises(ValueError, match="`depth` must hold at least one value"):
        MLP(depth=())
    with pytest.raises(ValueError, match="'swoosh'"):
        MLP(activation="swoosh")
    with pytest.raises(TypeError, match="3"):
        MLP(activation=[3])
    with pytest.raises(ValueError, match="got 'transformer'"):
        RNN(cell="transformer")
    with pytest.raises(ValueError, match="'shift'"):
        MLP(augmentation="shift")
    with pytest.raises(ValueError, match="has seen no data"):
        MLP().build(keras_tuner.HyperParameters())
    with pytest.raises(ValueError, match=r"\(12, 4\)"):
        _adapted(CNN(), ROWS)
    with pytest.raises(ValueError, match=r"\(12, 6, 6, 1\)"):
        _adapted(CNN(series=True), (12, 6, 6, 1))
    with pytest.raises(ValueError, match=r"\(12, 4\)"):
        _adapted(RNN(), ROWS)
    with pytest.raises(TypeError, match="dict"):
        MLP().adapt({"a": np.zeros(3)}, np.arange(3) % 2)
    whole = tf.data.Dataset.from_tensor_slices((np.zeros((4, 3)), np.arange(4) % 2))
    with pytest.raises(ValueError, match="holds single rows"):
        MLP().adapt(whole)
    with pytest.raises(ValueError, match="has no end"):
        MLP().adapt(whole.batch(2).repeat())
    with pytest.raises(ValueError, match="no rows"):
        MLP().adapt(whole.batch(2).take(0))
    with pytest.raises(TypeError, match="inputs, targets"):
        MLP().adapt(whole.batch(2).map(lambda x, y: x))
    with pytest.raises(TypeError, match="encode words"):
        MLP().adapt(np.array([["a"], ["b"]]), np.arange(2))
    with pytest.raises(ValueError, match="at least one row"):
        MLP().adapt(np.zeros((0, 2)), np.zeros(0))
    with pytest.raises(ValueError, match="one class"):
        MLP().adapt(np.zeros((5, 2)), np.ones(5, int))
