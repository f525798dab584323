"""Models with new starting weights, that keep what was adapted to data."""

import keras
import numpy as np
import pytest

from trainwise.toolkit.models.copying import restarted

L = keras.layers


def _functional():
    adapted = L.Normalization(name="inner_normalization")
    adapted.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
    nest = keras.Sequential([keras.Input((2,)), adapted, L.Dense(3)], name="nest")
    inputs = keras.Input((2,))
    return keras.Model(inputs, L.Dense(1)(nest(inputs)))


def _sequential():
    adapted = L.Normalization()
    adapted.adapt(np.array([[1.0, 10.0], [3.0, 30.0]]))
    return keras.Sequential([keras.Input((2,)), adapted, L.Dense(3), L.BatchNormalization(), L.Dropout(0.5)])


@pytest.mark.parametrize("make", [_functional, _sequential])
def test_weights_are_drawn_anew_from_the_seed_and_statistics_stay(make):
    keras.utils.set_random_seed(0)
    model = make()
    before = model.get_weights()
    keras.utils.set_random_seed(1)
    first = restarted(model)
    keras.utils.set_random_seed(1)
    again = restarted(model)
    names = [weight.path.split("/")[-1] for weight in model.weights]
    for name, old, new, same in zip(names, before, first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(new, same)
        assert np.array_equal(old, new) == (name != "kernel"), name
    # The statistics are used, and not only kept: both rows lie one deviation from the mean.
    layers = [*first.layers, *(one for nest in first.layers for one in getattr(nest, "layers", []))]
    (normalization,) = [one for one in layers if isinstance(one, L.Normalization)]
    np.testing.assert_allclose(normalization(np.array([[3.0, 30.0]])), [[1.0, 1.0]], rtol=1e-6)
    for old, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, now)


def test_words_stay_known():
    inputs = keras.Input((1,), dtype="string")
    lookup = L.StringLookup(vocabulary=["cat", "dog"])
    model = keras.Model(inputs, L.Embedding(3, 2)(lookup(inputs)))
    answers = restarted(model)(keras.ops.convert_to_tensor([["cat"], ["dog"], ["owl"]]))
    assert len(np.unique(np.asarray(answers)[:, 0], axis=0)) == 3


def test_the_copy_is_compiled_as_the_model_and_has_an_optimizer_of_its_own():
    model = _sequential()
    assert not restarted(model).compiled
    model.compile(keras.optimizers.SGD(0.25, momentum=0.5), "mse", metrics=["mae"])
    made = restarted(model)
    assert made.get_compile_config() == model.get_compile_config()
    assert made.optimizer is not model.optimizer and float(made.optimizer.learning_rate) == 0.25
