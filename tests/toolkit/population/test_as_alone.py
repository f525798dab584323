"""Whole fits of members with masks, states, losses and metrics of the user's own; the oracle is each trained alone."""

import threading

import keras
import numpy as np
import pytest
from architectures import L
from keras import ops

import trainwise as tw
from trainwise.toolkit.layers.folded import carried_states
from trainwise.toolkit.population.shrinking import survivors

RATES, ROWS, STEPS = [0.1, 0.3], 24, 4
RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 5, (ROWS, STEPS))
TAGS = RNG.integers(0, 3, (ROWS, STEPS))
SERIES = RNG.normal(size=(ROWS, STEPS, 2))
TABLE = RNG.normal(size=(ROWS, 3))
SUMS = TABLE[:, :1] + TABLE[:, 1:2] ** 2
FIT = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0}


def both(build, x, y, run_eagerly=True, **fit):
    """A population, and each member trained alone; a few small batches are fastest without a graph."""
    fit = {**FIT, **fit}
    result = tw.fit_population(build, x, y, learning_rate=RATES, seed=1, run_eagerly=run_eagerly, **fit)
    alone = []
    for rate in RATES:
        keras.utils.set_random_seed(1)
        model = build()
        model.optimizer.learning_rate, model.run_eagerly = rate, run_eagerly
        alone.append((model, model.fit(x, y, **fit).history))
    return result, alone


def equal(build, x, y, **fit):
    """Fits both and demands that histories and weights agree."""
    result, alone = both(build, x, y, **fit)
    for k, (model, history) in enumerate(alone):
        assert set(result.histories[k]) == set(history)
        for name, values in history.items():
            np.testing.assert_allclose(result.histories[k][name], values, rtol=1e-9, atol=1e-9, err_msg=name)
        for ours, theirs in zip(result.models[k].get_weights(), model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)
    return result, alone


class Tagged(keras.losses.Loss):
    """A loss that reads the mask of the predictions, has an argument, and is not registered with Keras."""

    def __init__(self, power):
        super().__init__(name="tagged")
        self.power = power

    def call(self, y_true, y_pred):
        mask = getattr(y_pred, "_keras_mask", None)
        values = ops.abs(ops.one_hot(ops.cast(y_true, "int32"), 3, dtype=y_pred.dtype) - y_pred) ** self.power
        values = ops.mean(values, axis=-1)
        return values if mask is None else values * (1 + ops.cast(mask, values.dtype))


class Largest(keras.metrics.Metric):
    """A metric with an argument and no configuration, as users write them."""

    def __init__(self, factor):
        super().__init__(name="largest")
        self.factor = factor
        self.most = self.add_variable((), "zeros", name="most")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.most.assign(ops.maximum(self.most, self.factor * ops.cast(ops.max(y_pred), self.dtype)))

    def result(self):
        return self.most * 1.0


class NotZero(L.Layer):
    """A layer of the user's own that makes a mask."""

    def compute_mask(self, inputs, mask=None):
        return ops.any(inputs > -0.5, axis=-1)

    def call(self, inputs):
        return inputs * 1.0


def tagger(loss="sparse_categorical_crossentropy"):
    model = keras.Sequential(
        [
            keras.Input((STEPS,)),
            L.Embedding(5, 3, mask_zero=True),
            L.SimpleRNN(3, return_sequences=True),
            L.Dense(3, "softmax"),
        ]
    )
    weighted = [keras.metrics.SparseCategoricalAccuracy(), "sparse_categorical_crossentropy"]
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy", Largest(2.0)], weighted_metrics=weighted)
    return model


def test_masks_count_in_losses_metrics_and_weighted_metrics(double):
    weights = RNG.random((ROWS, STEPS))
    equal(tagger, TOKENS, TAGS, sample_weight=weights, validation_data=(TOKENS[:8], TAGS[:8]))


def test_a_loss_of_the_users_own_that_reads_the_mask_is_that_of_each_member(double):
    result, _ = equal(lambda: tagger(Tagged(3)), TOKENS, TAGS)
    assert np.isfinite(result.models[0].evaluate(TOKENS, TAGS, verbose=0)).all()


def test_a_layer_of_the_users_own_may_make_the_mask(double):
    def build():
        model = keras.Sequential([keras.Input((STEPS, 2)), NotZero(), L.GRU(2), L.Dense(1)])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        return model

    equal(build, SERIES, SERIES[:, 0, :1])


def test_ignored_classes_are_left_out_and_scores_of_each_class_are_arrays(double):
    y = np.where(RNG.random(ROWS) < 0.4, -1, RNG.integers(0, 3, ROWS))

    def build():
        model = keras.Sequential([keras.Input((3,)), L.Dense(3, "softmax")])
        loss = keras.losses.SparseCategoricalCrossentropy(ignore_class=-1)
        model.compile(
            keras.optimizers.SGD(0.1),
            loss,
            metrics=["acc", keras.metrics.SparseCategoricalCrossentropy(ignore_class=-1)],
        )
        return model

    equal(build, TABLE, y)

    def scored():
        model = keras.Sequential([keras.Input((3,)), L.Dense(3, "softmax")])
        model.compile(keras.optimizers.SGD(0.1), "categorical_crossentropy", metrics=[keras.metrics.F1Score()])
        return model

    result, _ = equal(scored, TABLE, np.eye(3)[TAGS[:, 0]])
    assert result.histories[0]["f1_score"][0].shape == (3,)
    assert "f1_score" in result.leaderboard()
    with pytest.raises(ValueError, match="'f1_score' has a value for each class"):
        result.leaderboard("f1_score", mode="max")


def stateful():
    model = keras.Sequential([keras.Input(batch_shape=(8, STEPS, 2)), L.LSTM(2, stateful=True), L.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


def test_stateful_layers_carry_a_state_for_each_member(double):
    y = SERIES[:, :, 0].sum(axis=1, keepdims=True)
    result, alone = equal(stateful, SERIES, y, validation_data=(SERIES[:8], y[:8]))
    for k, (model, _) in enumerate(alone):
        for ours, theirs in zip(carried_states(result.models[k]), carried_states(model), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    kept = survivors(result.populations[0], [1])
    np.testing.assert_allclose(carried_states(kept.member(0))[0], carried_states(alone[1][0])[0], rtol=1e-9)


def test_a_member_that_stopped_keeps_the_state_it_had(double):
    y = SERIES[:, :, 0].sum(axis=1, keepdims=True)
    stop = lambda: keras.callbacks.EarlyStopping("loss", patience=0, min_delta=0.2)  # noqa: E731
    result = tw.fit_population(
        stateful, SERIES, y, learning_rate=[0.01, 0.3], seed=1, callbacks=[stop()], **{**FIT, "epochs": 4}
    )
    assert len(result.histories[0]["loss"]) != len(result.histories[1]["loss"])
    for k, rate in enumerate((0.01, 0.3)):
        keras.utils.set_random_seed(1)
        model = stateful()
        model.optimizer.learning_rate = rate
        model.fit(SERIES, y, callbacks=[stop()], **{**FIT, "epochs": 4})
        np.testing.assert_allclose(carried_states(result.models[k])[0], carried_states(model)[0], rtol=1e-9)


def test_metrics_are_named_as_keras_names_them_and_a_metric_of_the_users_own_goes_with_each_member(double):
    def build():
        model = keras.Sequential([keras.Input((3,)), L.Dense(1)])
        functions = [
            "mae",
            lambda y, p: ops.max(ops.abs(y - p)),
            Largest(2.0),
            keras.metrics.MeanAbsoluteError(name="mae"),
        ]
        model.compile(keras.optimizers.SGD(0.01), "mse", metrics=functions, weighted_metrics=["mae", "mse"])
        return model

    result, _ = equal(build, TABLE, SUMS, run_eagerly=False, sample_weight=RNG.random(ROWS))
    first, second = result.models[0].metrics, result.models[1].metrics
    assert result.models[0].evaluate(TABLE, SUMS, verbose=0)
    assert first is not second


def test_members_of_a_chunk_take_their_own_columns_of_the_weights(double):
    def build():
        model = keras.Sequential([keras.Input((STEPS, 2)), L.Dense(3, "softmax")])
        model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
        return model

    weights = RNG.random((ROWS, 2, STEPS))
    result = tw.fit_population(
        build, SERIES, TAGS, learning_rate=RATES, seed=1, sample_weight=weights, memory_limit=4000, **FIT
    )
    assert result.chunks == (1, 1)
    for k, rate in enumerate(RATES):
        keras.utils.set_random_seed(1)
        model = build()
        model.optimizer.learning_rate = rate
        history = model.fit(SERIES, TAGS, sample_weight=weights[:, k], **FIT).history
        np.testing.assert_allclose(result.histories[k]["loss"], history["loss"], rtol=1e-9)


def test_two_threads_train_the_members_that_each_would_train_alone():
    def build():
        layers = [L.Dense(2, "relu"), L.Dropout(0.1), L.Dense(1)]
        return keras.Sequential([keras.Input((3,)), *layers])

    def fit(seed):
        result = tw.fit_population(build, TABLE, SUMS, seed=[seed, seed + 1], loss="mse", run_eagerly=True, verbose=0)
        found[seed] = result.histories

    found = {}
    for seed in (0, 10):
        fit(seed)
    alone, found = found, {}
    threads = [threading.Thread(target=fit, args=(seed,)) for seed in (0, 10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == alone


# What cannot be equal


def small(*layers, metrics=()):
    def build():
        model = keras.Sequential([keras.Input((3,)), *(make() for make in layers), L.Dense(1)])
        model.compile("sgd", "mse", metrics=list(metrics))
        return model

    return build


class Noisy(L.Layer):
    """Draws from Keras' global generator, of which there is one."""

    def call(self, inputs):
        return inputs + keras.random.normal(ops.shape(inputs), dtype=inputs.dtype)


def test_a_layer_that_changes_what_is_not_its_own_is_refused():
    with pytest.raises(ValueError, match="'noisy' .Noisy. changes a variable that Keras does not count"):
        tw.fit_population(small(lambda: Noisy(name="noisy")), TABLE, SUMS, size=2, verbose=0)


class Named(Largest):
    def result(self):
        return {"a": self.most, "b": self.most}


class Listed(keras.metrics.Metric):
    """Keeps its state in a Python list."""

    def __init__(self):
        super().__init__(name="listed")
        self.seen = []

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen.append(y_pred)

    def result(self):
        return len(self.seen)


@pytest.mark.parametrize(
    ("metric", "words"),
    [(Named, "'largest' answers a dictionary"), (Listed, "'listed' keeps no state in Keras variables")],
)
def test_a_metric_that_members_cannot_have_is_refused(metric, words):
    made = metric(1.0) if metric is Named else metric()
    with pytest.raises(ValueError, match=words):
        tw.fit_population(small(metrics=[made]), TABLE, SUMS, size=2, verbose=0)


def test_a_loss_with_a_value_for_each_row_is_refused():
    class Rows(keras.losses.Loss):
        def __call__(self, y_true, y_pred, sample_weight=None):
            return ops.mean(ops.square(y_true - y_pred), axis=-1)

    with pytest.raises(ValueError, match="`loss` must give one number for a batch"):
        tw.fit_population(small(), TABLE, SUMS, size=2, loss=Rows(), verbose=0)


def test_weights_that_may_be_of_members_or_of_steps_are_refused():
    build = lambda: keras.Sequential([keras.Input((STEPS, 2)), L.Dense(3, "softmax")])  # noqa: E731
    with pytest.raises(ValueError, match="may be weights of 4 members or of 4 steps"):
        tw.fit_population(
            build,
            SERIES,
            TAGS,
            size=4,
            loss="sparse_categorical_crossentropy",
            sample_weight=np.ones((ROWS, STEPS)),
            verbose=0,
        )


def test_validation_rows_of_another_form_are_refused():
    with pytest.raises(ValueError, match="`validation_data` must be .*, got 1 parts"):
        tw.fit_population(small(), TABLE, SUMS, size=2, validation_data=(TABLE,), verbose=0)
