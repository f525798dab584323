"""Draws of dropout."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import classifier, three_classes

import trainwise as tw


def test_dropout_draws_average_to_the_mean_of_masked_passes():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.array([[1.0], [3.0]])])
    x = np.ones((400, 2), "float32")
    found = tw.mc_dropout(model, samples=64, output="all", uncertainty=True).predict(x, verbose=0)
    # Each input is 0 or 2 with even chances: mean 4, variance 1 + 9.
    assert found["values"].mean() == pytest.approx(4, abs=0.1)
    assert (found["standard_deviation"] ** 2).mean() == pytest.approx(10 * 63 / 64, rel=0.05)
    np.testing.assert_array_equal(model.predict(x[:1], verbose=0), [[4.0]])


def test_dropout_draws_repeat_with_their_seed_and_leave_the_model_alone(tmp_path):
    (x, y), model = three_classes(), classifier(norm=True, dropout=0.5)
    model.fit(x, y, epochs=2, verbose=0)
    before = [w.copy() for w in model.get_weights()]
    one, two = (tw.mc_dropout(model, 8, seed=3) for _ in range(2))
    other = tw.mc_dropout(model, 8, seed=4).predict(x, verbose=0)
    one.save(tmp_path / "drawn.keras")
    first = one.predict(x, verbose=0)
    np.testing.assert_array_equal(first, two.predict(x, verbose=0))
    np.testing.assert_array_equal(first, tw.load_model(tmp_path / "drawn.keras").predict(x, verbose=0))
    assert np.abs(first - other).max() > 0
    np.testing.assert_array_equal(
        ops.convert_to_numpy(one.get_layer("draws").layer.layers[1].moving_mean),
        ops.convert_to_numpy(model.layers[1].moving_mean),
    )
    for left, right in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(left, right)


def test_augmentation_is_off_while_dropout_is_drawn():
    flip = keras.layers.RandomTranslation(0.5, 0.5)
    layers = [keras.Input((4, 4, 1)), flip, keras.layers.Flatten(), keras.layers.Dropout(1e-6), keras.layers.Dense(2)]
    model = keras.Sequential(layers)
    x = np.random.default_rng(0).normal(size=(5, 4, 4, 1)).astype("float32")
    drawn = tw.mc_dropout(model, 4).predict(x, verbose=0)
    np.testing.assert_allclose(drawn, model.predict(x, verbose=0), atol=1e-4)


def test_a_model_without_dropout_has_nothing_to_draw():
    with pytest.raises(ValueError, match="it has none"):
        tw.mc_dropout(classifier())
    idle = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.0), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="all its rates are 0"):
        tw.mc_dropout(idle)
    with pytest.raises(ValueError, match="at least 1, got 0"):
        tw.mc_dropout(classifier(dropout=0.5), samples=0)


def test_recurrent_dropout_is_drawn_too():
    model = keras.Sequential([keras.Input((5, 2)), keras.layers.LSTM(4, dropout=0.5), keras.layers.Dense(2, "softmax")])
    x = np.ones((3, 5, 2), "float32")
    found = tw.mc_dropout(model, 16, output="all", uncertainty=True).predict(x, verbose=0)
    assert found["mutual_information"].min() > 0


@pytest.mark.parametrize(("units", "activation"), [(3, "softmax"), (2, "sigmoid"), (1, "sigmoid")])
def test_a_thousand_draws_make_one_graph_with_the_statistics_of_all(units, activation):
    task = "multilabel" if units == 2 else "auto"
    layers = [keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(units, activation)]
    model = keras.Sequential(layers)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    one, two = (tw.mc_dropout(model, 1000, output="all", uncertainty=True, task=task) for _ in range(2))
    found = one.predict(x, verbose=0)
    # The same seed draws the same masks.
    p = keras.Model(two.inputs, two.get_layer("draws").output).predict(x, verbose=0).reshape(5, 1000, units)
    mean = p.mean(axis=1)
    np.testing.assert_allclose(found["probabilities"], mean, atol=1e-5)
    if activation == "softmax":
        votes = np.eye(3)[p.argmax(axis=-1)].mean(axis=1)
        entropy, expected = (-(q * np.log(q)).sum(axis=-1) for q in (mean, p))
        agreement = (votes**2).sum(axis=-1)
    else:
        votes = (p > 0.5).mean(axis=1)
        entropy, expected = (-(q * np.log(q) + (1 - q) * np.log(1 - q)) for q in (mean, p))
        agreement = votes**2 + (1 - votes) ** 2
    np.testing.assert_allclose(found["votes"], votes, atol=1e-5)
    entropy, gain = entropy.reshape(found["entropy"].shape), entropy - expected.mean(axis=1)
    np.testing.assert_allclose(found["entropy"], entropy, atol=1e-5)
    np.testing.assert_allclose(found["mutual_information"], gain.reshape(found["entropy"].shape), atol=1e-5)
    differ = (1 - agreement) / (1 - 1 / 1000)
    np.testing.assert_allclose(found["disagreement"], differ.reshape(found["entropy"].shape), atol=1e-4)


def test_the_spread_of_a_thousand_gaussians_is_that_of_their_mixture():
    layers = [keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(2, "softplus")]
    model = keras.Sequential(layers)
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    one, two = (tw.mc_dropout(model, 1000, output="all", uncertainty=True, task="gaussian") for _ in range(2))
    found = one.predict(x, verbose=0)
    drawn = keras.Model(two.inputs, two.get_layer("draws").output).predict(x, verbose=0).reshape(5, 1000, 2)
    variance = drawn[..., 1].mean(axis=1) + drawn[..., 0].var(axis=1)
    np.testing.assert_allclose(found["standard_deviation"].ravel(), np.sqrt(variance), rtol=1e-4)
