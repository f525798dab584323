"""An epoch as one call; the oracles are lone models, Keras' own batches, and the same fit batch by batch."""

import itertools

import keras
import lone
import numpy as np
import pytest
import tensorflow as tf
from architectures import CLASSES, LABELS, RATES, TABLE, L, mlp
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

import trainwise as tw
from trainwise.toolkit.population.whole_epochs import ResidentRows, end_of_part, needs_batches, pays, resident_rows

WAYS = {"one call": {"jit_compile": False}, "by XLA": {"jit_compile": True}, "stepwise": {"steps_per_execution": 1}}
ROWS = len(TABLE)


def _normalised():
    return keras.Sequential([keras.Input((6,)), L.Dense(5, "tanh"), L.BatchNormalization(), L.Dense(3, "softmax")])


def _whole(result):
    return result.populations[0]._whole.content


@pytest.mark.parametrize("way", WAYS)
def test_members_equal_models_trained_alone_in_every_way_to_run(way, double):
    # Rows that 16 does not divide, weights of classes, an early end: all that an epoch may hold.
    fit = {"batch_size": 16, "epochs": 4, "class_weight": {0: 1.0, 1: 2.0, 2: 0.5}, "validation_data": (TABLE, LABELS)}
    stop = {"monitor": "loss", "patience": 0, "min_delta": 0.05, "restore_best_weights": True}
    result = tw.fit_population(
        _normalised, TABLE, LABELS, learning_rate=RATES, seed=[3, 4], loss=CLASSES, metrics=["accuracy"], verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(**stop)], **fit, **WAYS[way],
    )  # fmt: skip
    for k, seed in enumerate([3, 4]):
        keras.utils.set_random_seed(seed)
        model = _normalised()
        model.compile(keras.optimizers.SGD(RATES[k]), CLASSES, metrics=["accuracy"])
        # The batches of all members are those after the first seed.
        keras.utils.set_random_seed(3)
        history = model.fit(TABLE, LABELS, verbose=0, callbacks=[keras.callbacks.EarlyStopping(**stop)], **fit).history
        assert len(history["loss"]) == len(result.histories[k]["loss"])
        assert lone.history_difference(result.histories[k], history) < 1e-9
        assert lone.largest_difference(result.models[k], model) < 1e-9
    whole = _whole(result)
    assert (whole is None) == (way == "stepwise")
    assert whole is None or whole.by_xla == (way == "by XLA")


@pytest.mark.parametrize("shuffle", [True, False])
def test_resident_rows_come_in_the_batches_of_keras(shuffle):
    x, y, weights = {"a": TABLE, "b": TABLE[:, 0]}, [LABELS, TABLE[:, 1]], None
    keras.utils.set_random_seed(5)
    theirs = list(ArrayDataAdapter(x, y, weights, batch_size=7, shuffle=shuffle).get_tf_dataset())
    keras.utils.set_random_seed(5)
    rows = resident_rows(x, y, weights, None, 7, shuffle)
    order = rows.orders
    assert sorted(order) == list(range(ROWS))
    assert list(order) != list(range(ROWS)) or not shuffle
    for number, batch in enumerate(theirs):
        places = order[number * 7 : (number + 1) * 7]
        ours = keras.tree.map_structure(lambda part, at=places: part.numpy()[at], rows.parts)
        pairs = zip(keras.tree.flatten(ours), keras.tree.flatten(batch), strict=True)
        assert all(np.array_equal(own, other) and own.dtype == other.numpy().dtype for own, other in pairs)
    assert rows.steps == len(theirs)


@pytest.mark.parametrize("seed", [5, None])
def test_epochs_are_shuffled_alike_where_a_seed_was_set_and_else_anew(seed):
    tf.random.set_seed(seed)
    theirs = ArrayDataAdapter(TABLE, batch_size=ROWS, shuffle=True).get_tf_dataset()
    assert _all_alike(np.asarray(batch[0]) for _ in range(3) for batch in theirs) == (seed is not None)
    ours = resident_rows(TABLE, LABELS, None, None, 8, True).dataset()
    assert _all_alike(next(iter(ours))["order_of_rows"].numpy() for _ in range(3)) == (seed is not None)


def _all_alike(arrays):
    first, *others = arrays
    return all(np.array_equal(first, other) for other in others)


def test_weights_of_classes_become_weights_of_rows():
    rows = resident_rows(TABLE, LABELS, None, {0: 1.0, 1: 3.0, 2: 5.0}, 8, False)
    np.testing.assert_array_equal(rows.parts[2], np.array([1.0, 3.0, 5.0])[LABELS])


@pytest.mark.parametrize(
    "x", [np.array(["a", "b"]), np.array([object(), object()]), [[1.0, 2.0]], tf.ones((2, 1)), np.ones((0, 3)), None]
)
def test_what_is_no_array_of_numbers_in_memory_is_left_to_keras(x):
    assert resident_rows(x, None, None, None, 2, False) is None


def test_arrays_of_unlike_length_are_refused_as_keras_does():
    with pytest.raises(ValueError, match="Data cardinality is ambiguous"):
        resident_rows(TABLE, LABELS[:-1], None, None, 8, True)
    with pytest.raises(ValueError, match="Data cardinality is ambiguous"):
        tw.fit_population(mlp, TABLE, LABELS[:-1], seed=[0, 1], loss=CLASSES, verbose=0)


def test_the_last_rows_are_held_out_as_keras_does(double):
    fit = {"validation_split": 0.3, "batch_size": 16, "epochs": 2, "shuffle": False, "verbose": 0}
    result = tw.fit_population(mlp, TABLE, LABELS, learning_rate=RATES, seed=2, loss=CLASSES, **fit)
    keras.utils.set_random_seed(2)
    model = mlp()
    model.compile(keras.optimizers.SGD(RATES[1]), CLASSES)
    assert lone.history_difference(result.histories[1], model.fit(TABLE, LABELS, **fit).history) < 1e-9


def test_a_column_of_weights_a_member_counts_for_that_member(double):
    columns = np.random.default_rng(0).uniform(0.1, 2, (ROWS, 2))
    fit = {"batch_size": 16, "epochs": 2, "verbose": 0, "shuffle": False}
    result = tw.fit_population(mlp, TABLE, LABELS, seed=2, size=2, loss=CLASSES, sample_weight=columns, **fit)
    keras.utils.set_random_seed(2)
    model = mlp()
    model.compile("sgd", CLASSES)
    history = model.fit(TABLE, LABELS, sample_weight=columns[:, 1], **fit).history
    assert lone.history_difference(result.histories[1], history) < 1e-9


def test_a_callback_that_looks_at_batches_sees_each():
    class Counting(keras.callbacks.Callback):
        seen = 0

        def on_train_batch_end(self, batch, logs=None):
            self.seen += 1

    counting = Counting()
    tw.fit_population(
        mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, batch_size=16, epochs=2, callbacks=[counting], verbose=0
    )
    assert counting.seen == 2 * -(-ROWS // 16)


@pytest.mark.parametrize(
    ("callback", "looks"),
    [
        (None, False),
        (keras.callbacks.CSVLogger("log.csv"), False),
        (keras.callbacks.ModelCheckpoint("a.keras"), False),
        (keras.callbacks.ModelCheckpoint("a.keras", save_freq=3), True),
        (keras.callbacks.BackupAndRestore("folder"), False),
        (keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None), False),
        (keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None), True),
        (keras.callbacks.TerminateOnNaN(), True),
    ],
)
def test_it_is_known_which_callbacks_look_at_batches(callback, looks):
    assert needs_batches([callback]) is looks


def test_the_losses_of_all_batches_come_out_as_one_array():
    arguments = {"loss": CLASSES, "metrics": ["accuracy"]}
    both = []
    for steps in (None, 1):
        keras.utils.set_random_seed(0)
        population = tw.Population(mlp(), 2)
        population.compile("sgd", steps_per_execution=steps, **arguments)
        rows, seen = [], keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)
        seen.reads_whole_epochs = True
        seen.on_train_batch_end = lambda batch, logs, rows=rows, made=population: rows.extend(made.batch_losses())
        population.fit(TABLE, LABELS, batch_size=16, shuffle=False, verbose=0, callbacks=[seen])
        both.append(np.array(rows))
    assert both[0].shape == (-(-ROWS // 16), 2)
    np.testing.assert_allclose(both[0], both[1], rtol=1e-6)


@keras.saving.register_keras_serializable(package="tests")
class Clipped(L.Layer):
    """A layer that asks numpy, which XLA cannot compile."""

    def call(self, x):
        y = tf.numpy_function(lambda values: np.clip(values, -1, 1), [tf.stop_gradient(x)], x.dtype)
        return x + 0 * tf.reshape(y, tf.shape(x))


def test_a_graph_that_xla_cannot_compile_runs_without_it():
    def build():
        return keras.Sequential([keras.Input((6,)), Clipped(), L.Dense(3, "softmax")])

    fit = {"seed": [0, 1], "loss": CLASSES, "epochs": 2, "verbose": 0}
    forced = tw.fit_population(build, TABLE, LABELS, jit_compile=True, **fit)
    plain = tw.fit_population(build, TABLE, LABELS, jit_compile=False, **fit)
    assert _whole(forced).by_xla is False
    assert lone.largest_difference(forced.models[1], plain.models[1]) == 0


def test_xla_is_used_for_long_fits_of_dense_layers_alone():
    dense, other = tw.Population(mlp(), 2), tw.Population(keras.Sequential([keras.Input((6,)), L.Dropout(0.5)]), 2)
    assert pays(dense, 10_000)
    assert not pays(dense, 10)
    assert not pays(other, 10_000)


def test_a_member_that_went_through_whole_epochs_goes_on_as_it_would_alone(double):
    fit = {"batch_size": 16, "epochs": 2, "shuffle": False, "verbose": 0}
    result = tw.fit_population(mlp, TABLE, LABELS, learning_rate=RATES, seed=1, optimizer="adam", loss=CLASSES, **fit)
    member = result.models[0]
    member.fit(TABLE, LABELS, **fit)
    keras.utils.set_random_seed(1)
    model = mlp()
    model.compile(keras.optimizers.Adam(RATES[0]), CLASSES)
    for _ in range(2):
        model.fit(TABLE, LABELS, **fit)
    assert lone.largest_difference(member, model) < 1e-9


class _Watching(keras.callbacks.Callback):
    """Looks at the second and the fifth update of each epoch."""

    reads_whole_epochs = True

    def __init__(self):
        super().__init__()
        self.seen = []

    def looks_in(self, updates):
        assert updates == -(-ROWS // 4)
        return [1, 4]

    def begin_updates(self, first):
        self.seen.append(("begin", first, int(self.model.optimizer.iterations)))

    def end_updates(self, last):
        self.seen.append(("end", last, int(self.model.optimizer.iterations)))


def test_an_epoch_with_updates_that_are_looked_at_ends_bit_for_bit_as_one_call():
    watching, ends = _Watching(), []
    for callbacks in ([], [watching]):
        result = tw.fit_population(
            _normalised, TABLE, LABELS, learning_rate=RATES, seed=[3, 4], loss=CLASSES, metrics=["accuracy"], epochs=2,
            batch_size=4, verbose=0, jit_compile=False, callbacks=callbacks, validation_data=(TABLE, LABELS),
        )  # fmt: skip
        ends.append((result, result.populations[0].batch_losses()))
    (one, losses), (other, losses_of_parts) = ends
    assert one.histories == other.histories and np.array_equal(losses, losses_of_parts)
    assert lone.largest_difference(one.models[1], other.models[1]) == 0
    steps = -(-ROWS // 4)
    first = [("begin", 0, 0), ("end", 0, 1), ("begin", 1, 1), ("end", 1, 2), ("begin", 2, 2), ("end", 3, 4)]
    assert watching.seen[:6] == first
    assert watching.seen[9] == ("end", steps - 1, steps) and watching.seen[10] == ("begin", 0, steps)
    assert len(watching.seen) == 2 * 10


def test_a_part_of_an_epoch_is_never_long():
    ends, looked = [0], {0, 1, 500, 999}
    while ends[-1] < 1000:
        ends.append(end_of_part(ends[-1], 1000, looked, most=128))
    assert ends[-1] == 1000 and max(np.diff(ends)) == 128
    assert {(0, 1), (1, 2), (500, 501), (999, 1000)} <= set(itertools.pairwise(ends))


def test_calls_grow_shorter_where_updates_are_slow(monkeypatch):
    watching, now = _Watching(), itertools.count(step=8.0)
    # Each call takes eight seconds, as far as anybody knows.
    monkeypatch.setattr("trainwise.toolkit.population.whole_epochs.time.monotonic", lambda: next(now))
    monkeypatch.setattr(watching, "looks_in", lambda updates: [])
    fit = {"epochs": 2, "batch_size": 1, "verbose": 0, "callbacks": [watching]}
    tw.fit_population(mlp, TABLE, LABELS, size=2, loss=CLASSES, **fit)
    begun, ended = ([place for _, place, _ in watching.seen[k::2]] for k in (0, 1))
    lengths = [end + 1 - first for first, end in zip(begun, ended, strict=True)]
    assert sum(lengths) == 2 * ROWS and lengths[0] == ROWS < 128
    assert lengths[1] == ROWS // 8 and lengths[-1] == 1


def test_a_population_lets_go_of_its_rows_when_it_was_fitted():
    result = tw.fit_population(mlp, TABLE, LABELS, size=2, loss=CLASSES, verbose=0)
    assert result.populations[0].resident is None
    assert len(result.populations[0].batch_losses()) == -(-ROWS // 32)


class _Reading(tw.callbacks.Progress):
    """A callback of a user's own, made of one that reads whole epochs."""

    def on_train_batch_begin(self, batch, logs=None):
        pass


def test_what_reads_whole_epochs_is_said_of_the_functions_of_a_class_alone():
    assert not needs_batches(tw.callbacks.Progress()) and needs_batches(_Reading())
    told = keras.callbacks.LambdaCallback(on_train_batch_end=print)
    assert needs_batches(told)
    told.reads_whole_epochs = True
    assert not needs_batches(told)


def test_a_batch_larger_than_the_rows_is_all_rows():
    assert resident_rows(TABLE, LABELS, None, None, 10 * ROWS, False).batch_size == ROWS


def test_rows_know_their_batches():
    rows = ResidentRows((tf.ones((5, 2)), tf.zeros((5,))), 2, np.arange(5))
    assert (rows.count, rows.steps) == (5, 3)
