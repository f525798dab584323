"""Members that stop one by one; the oracle is early stopping in each member's own fit."""

import keras
import lone
import numpy as np
from architectures import CLASSES, LABELS, TABLE, mlp, normalised

import trainwise as tw


def test_each_member_stops_by_itself_as_with_early_stopping_alone(double):
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(60, 6)), generator.integers(0, 3, 60)
    fit = {"batch_size": 20, "epochs": 12, "validation_data": (x[40:], y[40:])}
    make = lambda: keras.callbacks.EarlyStopping("val_loss", patience=1, restore_best_weights=True)  # noqa: E731
    rates = [0.01, 1.5]
    result = tw.fit_population(
        normalised, x[:40], y[:40], learning_rate=rates, seed=3, loss=CLASSES, callbacks=[make()],
        shuffle=False, verbose=0, **fit,
    )  # fmt: skip
    lengths = [len(history["loss"]) for history in result.histories]
    assert lengths[0] != lengths[1]
    for k, rate in enumerate(rates):
        keras.utils.set_random_seed(3)
        model = normalised()
        model.compile(keras.optimizers.SGD(rate), CLASSES)
        history = model.fit(x[:40], y[:40], shuffle=False, verbose=0, callbacks=[make()], **fit).history
        assert lone.history_difference(result.histories[k], history) < 1e-9
        # Batch-norm statistics are among the weights: those of a stopped member stand still.
        assert lone.largest_difference(result.models[k], model) < 1e-9


def test_a_stopped_members_weights_stand_still_while_the_others_go_on():
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(self.model.weights_by_member())

    stop = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=1e-3)
    result = tw.fit_population(
        normalised,
        TABLE,
        LABELS,
        learning_rate=[1e-9, 0.1],
        loss=CLASSES,
        epochs=5,
        callbacks=[stop, Watch()],
        verbose=0,
    )
    assert [len(history["loss"]) for history in result.histories] == [2, 5]
    for early, late in zip(seen[1], seen[4], strict=True):
        np.testing.assert_array_equal(early[0], late[0])
    assert any(not np.array_equal(early[1], late[1]) for early, late in zip(seen[1], seen[4], strict=True))


def test_the_fit_ends_when_all_members_have_stopped():
    stop = keras.callbacks.EarlyStopping("loss", patience=1, min_delta=10.0)
    result = tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, epochs=50, callbacks=[stop], verbose=0)
    assert [len(history["loss"]) for history in result.histories] == [2, 2]
