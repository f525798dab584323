"""Which epoch a resumed fit takes for its best."""

import keras
import numpy as np
import pytest

from trainwise.callbacks import Resume


def test_the_best_epoch_of_an_accuracy_is_its_highest(tmp_path):
    resume = Resume(tmp_path, monitor="val_accuracy")
    resume.model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    resume.model.compile("sgd", "mse")
    for epoch, accuracy in enumerate([0.5, 0.9, 0.7]):
        resume.on_epoch_begin(epoch)
        resume.on_epoch_end(epoch, {"val_accuracy": accuracy})
    resume.on_train_end()
    assert resume.best_epoch == 1 and Resume(tmp_path, monitor="val_accuracy").best_epoch == 1


def test_a_monitor_that_nobody_knows_needs_its_mode(tmp_path):
    with pytest.raises(ValueError, match="'wealth' is better high or low cannot be told"):
        Resume(tmp_path, monitor="wealth")
    assert Resume(tmp_path, monitor="wealth", mode="max").best_epoch is None


def test_a_loss_below_zero_is_better_the_lower_it_is(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.SGD(0.1), "cosine_similarity")
    resume = Resume(tmp_path, monitor="loss")
    x = np.random.default_rng(0).normal(size=(32, 2))
    history = model.fit(x, x[:, ::-1], epochs=4, callbacks=[resume], verbose=0).history
    assert resume.best_epoch == int(np.argmin(history["loss"]))
