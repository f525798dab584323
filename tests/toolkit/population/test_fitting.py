"""Fits of populations; the oracle is each member trained alone (lone.py)."""

import keras
import lone
import numpy as np
import pytest
from architectures import CLASSES, LABELS, RATES, TABLE, L, mlp
from lone import compare

import trainwise as tw


def test_one_step_in_float32_differs_by_rounding_only():
    x = TABLE[:16].astype("float32")
    result, models, _, _ = compare(mlp, x, LABELS[:16], epochs=1)
    for k in range(2):
        for own, expected in zip(result.models[k].get_weights(), models[k].get_weights(), strict=True):
            np.testing.assert_allclose(own, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_one_members_nan_touches_no_other(double):
    result = tw.fit_population(
        mlp, TABLE, 1e10 * TABLE[:, :3], learning_rate=[1e-13, 1e300], seed=5, loss="mse", batch_size=16, epochs=3,
        shuffle=False, verbose=0,
    )  # fmt: skip
    models, histories = lone.train(
        mlp, TABLE, 1e10 * TABLE[:, :3], [5], [{"learning_rate": 1e-13}], loss="mse", batch_size=16, epochs=3
    )
    assert not np.isfinite(result.histories[1]["loss"][-1])
    assert lone.largest_difference(result.models[0], models[0]) < 1e-9
    np.testing.assert_allclose(result.histories[0]["loss"], histories[0]["loss"], rtol=1e-12)
    assert "non_finite" in [finding.symptom for finding in result.findings[1]]
    assert "non_finite" not in [finding.symptom for finding in result.findings[0]]


def test_a_dataset_of_tensorflow_is_taken_as_by_fit(double):
    import tensorflow as tf

    batches = tf.data.Dataset.from_tensor_slices((TABLE, LABELS)).batch(16)
    fit = {"epochs": 2, "verbose": 0}
    result = tw.fit_population(mlp, batches, learning_rate=RATES, seed=1, loss=CLASSES, validation_data=batches, **fit)
    keras.utils.set_random_seed(1)
    model = mlp()
    model.compile(keras.optimizers.SGD(RATES[0]), CLASSES)
    history = model.fit(batches, validation_data=batches, shuffle=False, **fit).history
    assert lone.history_difference(result.histories[0], history) < 1e-9


def test_shuffled_batches_come_in_the_order_of_a_lone_fit_after_the_first_seed(double):
    result = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=RATES, seed=7, loss=CLASSES, epochs=2, batch_size=8, verbose=0
    )
    keras.utils.set_random_seed(7)
    model = mlp()
    model.compile(keras.optimizers.SGD(RATES[1]), CLASSES)
    history = model.fit(TABLE, LABELS, epochs=2, batch_size=8, verbose=0).history
    assert lone.history_difference(result.histories[1], history) < 1e-9


def test_the_settings_of_the_compiled_model_are_used():
    def build():
        model = mlp()
        model.compile(keras.optimizers.RMSprop(0.003), CLASSES, metrics=["accuracy"])
        return model

    result = tw.fit_population(build, TABLE, LABELS, seed=[0, 1], verbose=0)
    assert set(result.histories[0]) == {"loss", "accuracy"}
    member = result.models[0]
    assert isinstance(member.optimizer, keras.optimizers.RMSprop)
    assert float(member.optimizer.learning_rate) == pytest.approx(0.003)
    assert member.evaluate(TABLE, LABELS, verbose=0, return_dict=True).keys() == {"loss", "accuracy"}


def test_callbacks_see_means_and_those_that_read_logs_work(tmp_path):
    callbacks = [
        keras.callbacks.CSVLogger(tmp_path / "log.csv"), keras.callbacks.TensorBoard(tmp_path / "board"),
        keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", monitor="loss"), keras.callbacks.TerminateOnNaN(),
    ]  # fmt: skip
    result = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=RATES, loss=CLASSES, epochs=2, callbacks=callbacks, verbose=0
    )
    header, first, _ = (tmp_path / "log.csv").read_text().splitlines()
    assert header.startswith("epoch,loss")
    means = np.mean([history["loss"] for history in result.histories], axis=0)
    assert float(first.split(",")[1]) == pytest.approx(means[0], rel=1e-6)
    assert (tmp_path / "best.keras").is_file()


def test_a_callback_that_sets_one_learning_rate_is_refused():
    callback = keras.callbacks.LearningRateScheduler(lambda epoch: 0.1)
    with pytest.raises(ValueError, match="LearningRateScheduler sets one learning rate"):
        tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, callbacks=[callback], verbose=0)
    population = tw.Population(mlp(), 2)
    population.compile("sgd", loss=CLASSES)
    with pytest.raises(ValueError, match="gives each member a ReduceLROnPlateau of its own"):
        population.fit(TABLE, LABELS, callbacks=[keras.callbacks.ReduceLROnPlateau()], verbose=0)


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_reduce_lr_on_plateau_cuts_each_members_rate_as_a_lone_models(optimizer, double):
    # One member falls, the other rises or stands: their rates are cut at other epochs.
    rates, seeds = [0.01, 0.5], [3, 4]
    make = lambda: keras.callbacks.ReduceLROnPlateau("loss", factor=0.3, patience=1, min_delta=0.1)  # noqa: E731
    fit = {"batch_size": 16, "epochs": 6, "shuffle": False, "verbose": 0}
    result = tw.fit_population(
        mlp,
        TABLE,
        LABELS,
        optimizer=optimizer,
        learning_rate=rates,
        seed=seeds,
        loss=CLASSES,
        callbacks=[make()],
        **fit,
    )
    for k in range(2):
        keras.utils.set_random_seed(seeds[k])
        model = mlp()
        model.compile(lone.OPTIMIZERS[optimizer](rates[k]), CLASSES)
        lone.trace_once(model, TABLE, LABELS, 16)
        history = model.fit(TABLE, LABELS, callbacks=[make()], **fit).history
        assert lone.history_difference(result.histories[k], history) < 1e-9
        assert lone.largest_difference(result.models[k], model) < 1e-9
        assert float(result.models[k].optimizer.learning_rate) == pytest.approx(float(model.optimizer.learning_rate))
    cut = [history["learning_rate"] for history in result.histories]
    assert cut[1][-1] < cut[1][0] and np.divide(*map(np.array, cut)).round(9).tolist() != [0.005] * 6


def test_plateau_callbacks_and_a_schedule_of_a_member_are_refused():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    with pytest.raises(ValueError, match="A member's learning rate follows a schedule"):
        tw.fit_population(
            mlp, TABLE, LABELS, learning_rate=[0.1, schedule], loss=CLASSES, verbose=0,
            callbacks=[keras.callbacks.ReduceLROnPlateau("loss")],
        )  # fmt: skip


@pytest.mark.parametrize("settings", [{"run_eagerly": True}, {"steps_per_execution": 2}, {"jit_compile": True}])
def test_ways_to_run_change_no_result(settings, double):
    plain = tw.fit_population(mlp, TABLE, LABELS, learning_rate=RATES, loss=CLASSES, batch_size=8, verbose=0)
    other = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=RATES, loss=CLASSES, batch_size=8, verbose=0, **settings
    )
    assert lone.largest_difference(plain.models[1], other.models[1]) < 1e-9
    assert lone.history_difference(plain.histories[1], other.histories[1]) < 1e-9


class Subclassed(keras.Model):
    """A model whose layers cannot be seen."""

    def __init__(self):
        super().__init__()
        self.dense = L.Dense(3)

    def call(self, x):
        return self.dense(x)


def _shared_layer():
    layer = L.Dense(6)
    return lambda: keras.Sequential([keras.Input((6,)), layer, L.Dense(3, "softmax")])


def _growing():
    sizes = iter(range(4, 100))
    return lambda: keras.Sequential([keras.Input((6,)), L.Dense(next(sizes)), L.Dense(3, "softmax")])


BAD = [
    (mlp, {"learning_rate": [0.1, 0.2], "momentum": [0.1, 0.2, 0.3]}, ValueError, "`learning_rate` 2, `momentum` 3"),
    (mlp, {"learning_rate": [0.1, 0.2], "size": 3}, ValueError, "`size` 3"),
    (mlp, {"learning_rate": []}, ValueError, "`learning_rate` must hold at least one value"),
    (mlp, {"size": 0}, ValueError, "`size` must be at least 1, got 0"),
    (mlp, {"learning_rate": [0.1, -1.0]}, ValueError, "`learning_rate` must be in .*got -1"),
    (mlp, {"learning_rate": [0.1, float("nan")]}, ValueError, "`learning_rate` must be in .*got nan"),
    (mlp, {"learning_rate": "fast"}, TypeError, "`learning_rate` must be a number, got 'fast'"),
    (mlp, {"momentum": [0.5, 1.2]}, ValueError, "`momentum` must be in .*got 1.2"),
    (mlp, {"weight_decay": -0.1}, ValueError, "`weight_decay` must be in .*got -0.1"),
    (mlp, {"dropout": [0.1]}, ValueError, "no Dropout layer"),
    (mlp, {"dropout": 1.0}, ValueError, "`dropout` must be in .*got 1.0"),
    (mlp, {"seed": [0, -1]}, ValueError, "`seed` must be at least 0, got -1"),
    (mlp, {"seed": ["a"]}, TypeError, "`seed` must be a whole number, got 'a'"),
    (mlp, {"momentum": [0.5], "optimizer": "adam"}, ValueError, "`momentum` is a setting of SGD, got optimizer Adam"),
    (mlp, {"optimizer": "muon"}, ValueError, "'SGD'. for a population, got Muon"),
    (mlp, {"loss": None}, ValueError, "`loss` must be given"),
    (mlp, {"loss": keras.losses.MeanSquaredError(reduction="none")}, ValueError, "got reduction 'none'"),
    (mlp, {"metrics": {"z": "mae"}}, ValueError, r"`metrics` names \['z'\]; the model's outputs are"),
    (
        lambda: keras.Sequential([keras.Input((6,)), L.SpectralNormalization(L.Dense(3))]),
        {},
        ValueError,
        "SpectralNormalization. sets its weights while it is called",
    ),
    (Subclassed, {}, TypeError, "subclassed model Subclassed"),
    (lambda: 3, {}, TypeError, "`build_model` must return a Keras model, got int"),
    (lambda: keras.Sequential([L.Dense(3)]), {}, ValueError, "begin the Sequential with `keras.Input"),
    (_shared_layer(), {"seed": [0, 1]}, ValueError, "is made outside `build_model`.*make it inside"),
    (_growing(), {"seed": [0, 1]}, ValueError, "A setting that changes shapes, such as units"),
]


@pytest.mark.parametrize(("build", "arguments", "error", "message"), BAD)
def test_bad_input_is_refused_with_the_value_and_the_cure(build, arguments, error, message):
    with pytest.raises(error, match=message):
        tw.fit_population(build, TABLE, LABELS, **{"loss": CLASSES, "verbose": 0, **arguments})
