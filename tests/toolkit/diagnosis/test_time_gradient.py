"""The gradient of a loss at each time step, against backpropagation through time written in numpy."""

import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.diagnosis.time_gradient import TimeGradient

STEPS = 6
X = np.random.default_rng(0).normal(size=(5, STEPS, 2)).astype("float32")
Y = np.random.default_rng(1).normal(size=(5, 1)).astype("float32")


def _network(layer, **compiled):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((STEPS, 2)), layer, keras.layers.Dense(1, name="end")])
    model.compile(**({"optimizer": "sgd", "loss": "mse"} | compiled))
    return model


def _by_hand(model):
    """The norm at each step: errors sent back through h = tanh(x W + h U + b), one step after the other."""
    into, across, bias, out, end = (weight.astype("float64") for weight in model.get_weights())
    states = [np.zeros((len(X), across.shape[0]))]
    for step in range(STEPS):
        states.append(np.tanh(X[:, step] @ into + states[-1] @ across + bias))
    back = 2 * (states[-1] @ out + end - Y) / len(X) @ out.T
    norms = []
    for step in range(STEPS, 0, -1):
        through = back * (1 - states[step] ** 2)
        norms.append(np.linalg.norm(through @ into.T))
        back = through @ across.T
    return norms[::-1]


def test_the_norms_are_those_of_backpropagation_through_time_by_hand():
    model = _network(keras.layers.SimpleRNN(3, name="rnn"))
    found = tw.tuning.gradient_over_time(model, X, Y)
    np.testing.assert_allclose(found.norms, _by_hand(model), rtol=1e-5)
    assert found.layer == "rnn"
    assert found.ratio == pytest.approx(found.norms[0] / found.norms[-1])
    assert f"factor of {found.ratio:.2g}" in found.sentence


def test_a_recurrent_weight_of_half_halves_the_gradient_at_each_step_back():
    half = keras.layers.SimpleRNN(
        1, "linear", kernel_initializer="ones", recurrent_initializer=keras.initializers.Constant(0.5)
    )
    found = tw.tuning.gradient_over_time(_network(half), X, Y)
    np.testing.assert_allclose(np.array(found.norms) / found.norms[-1], 0.5 ** np.arange(STEPS - 1, -1, -1), rtol=1e-5)


@pytest.mark.parametrize("frozen", [False, True])
def test_before_an_embedding_steps_are_words_and_masked_ones_have_no_gradient(frozen):
    keras.utils.set_random_seed(0)
    words = keras.layers.Embedding(7, 4, mask_zero=True, trainable=not frozen)
    both = keras.layers.Bidirectional(keras.layers.GRU(3), name="both")
    model = keras.Sequential([keras.Input((4,), dtype="int32"), words, both, keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    found = tw.tuning.gradient_over_time(model, np.array([[1, 2, 3, 0], [4, 5, 6, 0]]), np.ones((2, 1)))
    assert found.layer == "both"
    assert min(found.norms[:3]) > 0 and found.norms[3] == 0
    assert np.isinf(found.ratio)
    assert found.plot().axes[0].get_yscale() == "log"


def test_the_model_its_counters_and_the_random_state_stay_as_they_are():
    model = _network(keras.layers.LSTM(3, dropout=0.5), metrics=["mae"])
    model.fit(X, Y, verbose=0)
    before, logs = [w.copy() for w in model.get_weights()], model.get_metrics_result()
    np.random.seed(5)
    expected = np.random.RandomState(5).rand()
    first, second = (tw.tuning.gradient_over_time(model, X, Y).norms for _ in range(2))
    assert np.random.rand() == expected
    assert first == second
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert {name: float(value) for name, value in logs.items()} == {
        name: float(value) for name, value in model.get_metrics_result().items()
    }


def test_of_many_rows_as_many_are_looked_at_as_asked():
    model = _network(keras.layers.SimpleRNN(2))
    repeated = np.repeat(X[:1], 50, axis=0), np.repeat(Y[:1], 50, axis=0)
    # The mean of n equal rows gives each 1/n of the gradient, and the norm over them 1/sqrt(n) of it.
    one, four = (tw.tuning.gradient_over_time(model, *repeated, rows=rows).norms for rows in (1, 4))
    np.testing.assert_allclose(np.array(one) / four, 2.0, rtol=1e-5)


def test_what_cannot_be_measured_is_refused():
    plain = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="end")])
    with pytest.raises(ValueError, match="`model` must be compiled"):
        tw.tuning.gradient_over_time(plain, X, Y)
    plain.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"must have a recurrent layer.*got \['end'\]"):
        tw.tuning.gradient_over_time(plain, X, Y)
    unbuilt = keras.Sequential([keras.layers.SimpleRNN(2)])
    unbuilt.compile("sgd", "mse")
    with pytest.raises(ValueError, match="must be a built Functional or Sequential model"):
        tw.tuning.gradient_over_time(unbuilt, X, Y)


def test_other_backends_are_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    with pytest.raises(NotImplementedError, match="on TensorFlow, not on jax"):
        tw.tuning.gradient_over_time(_network(keras.layers.SimpleRNN(2)), X, Y)


def test_a_gradient_that_is_zero_at_all_steps_has_no_ratio_and_is_drawn():
    found = TimeGradient("rnn", (0.0, 0.0))
    assert np.isnan(found.ratio)
    assert found.plot().axes[0].get_yscale() == "linear"
