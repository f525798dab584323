"""Side-by-side comparisons; the oracle is gradient descent with momentum on a quadratic, written in numpy."""

import io

import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.tuning import comparing

L = keras.layers
CURVATURES = np.array([1.0, 100.0])


def _quadratic():
    """Mean of squares whose Hessian has the eigenvalues 1 and 100: features scaled, no bias."""
    x = np.array([[1.0, 0.0], [0.0, 10.0]], "float64")
    return x, np.zeros((2, 1))


def _build():
    return keras.Sequential([keras.Input((2,)), L.Dense(1, use_bias=False, kernel_initializer="ones")])


def _norms(momentum, nesterov, rate=0.01, steps=100):
    """Norm of the weights after each update, by Keras' form of momentum written out."""
    w, v, norms = np.ones(2), np.zeros(2), []
    for _ in range(steps + 1):
        norms.append(np.linalg.norm(w))
        step = rate * CURVATURES * w
        v = momentum * v - step
        w = w + (momentum * v - step if nesterov else v)
    return np.array(norms)


def test_contraction_on_a_quadratic_of_condition_100_is_the_known_one():
    # Published anchors at rate 1 / L: contraction of the weights for each update, here from update 50 to 100.
    known = {
        (0.0, False): 0.985, (0.5, False): 0.975, (0.6, False): 0.970, (0.7, False): 0.961, (0.8, False): 0.927,
        (0.8, True): 0.935, (0.9, False): 0.941, (0.9, True): 0.917,
    }  # fmt: skip
    x, y = _quadratic()
    momenta = [0.0, 0.5, 0.6, 0.7, 0.8, 0.9]
    norms = {}
    for updates in (50, 100):
        found = tw.tuning.compare_momentum(
            _build, x, y, momenta=momenta, learning_rate=0.01, seeds=1, loss="mse", batch_size=2, epochs=updates,
            shuffle=False, verbose=0,
        )  # fmt: skip
        for form, result in zip((False, True), found.results, strict=True):
            for momentum, model in zip(momenta, result.models, strict=True):
                norms[momentum, form, updates] = np.linalg.norm(model.get_weights()[0])
        assert found.best is None and "One seed is no comparison" in found.sentence
    factor = {key: (norms[*key, 100] / norms[*key, 50]) ** (1 / 50) for key in known}
    for key, value in known.items():
        by_hand = _norms(*key)
        assert factor[key] == pytest.approx((by_hand[100] / by_hand[50]) ** (1 / 50), abs=2e-3)
        assert factor[key] == pytest.approx(value, abs=0.02)
    # From 0.8 to 0.9 classical momentum gets worse and Nesterov's better.
    assert factor[0.9, False] > factor[0.8, False] and factor[0.9, True] < factor[0.8, True]


def test_effective_rates_are_the_rate_times_one_less_the_momentum():
    x, y = _quadratic()
    found = tw.tuning.compare_momentum(
        _build, x, y, momenta=[0.0, 0.9], nesterov=[False], learning_rate=[0.01], equal="effective", seeds=1,
        loss="mse", epochs=1, verbose=0,
    )  # fmt: skip
    assert {row["momentum"]: round(row["learning_rate"], 9) for row in found.rows} == {0.0: 0.01, 0.9: 0.001}


GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(96, 5)).astype("float32")
Y = (X[:, :1] - X[:, 1:2]).astype("float32")


def _mlp():
    return keras.Sequential([keras.Input((5,)), L.Dense(8, "tanh"), L.Dense(1)])


def test_the_best_is_named_only_where_it_is_separated():
    arguments = {"loss": "mse", "epochs": 4, "validation_data": (X, Y), "verbose": 0}
    clear = tw.tuning.compare_rates(_mlp, X, Y, learning_rates=[1e-5, 0.1], seeds=4, **arguments)
    assert clear.best["learning_rate"] == 0.1 and "is better than" in clear.sentence and clear.metric == "val_loss"
    same = tw.tuning.compare_rates(_mlp, X, Y, learning_rates=[0.1, 0.1], seeds=4, **arguments)
    assert same.best is None and "not separated" in same.sentence


def test_diverged_runs_are_counted_and_never_best():
    found = tw.tuning.compare_rates(
        _mlp, X, 1e3 * Y, learning_rates=[1e-6, 1e9], seeds=2, loss="mse", epochs=3, verbose=0
    )
    assert [row["diverged"] for row in found.rows] == [0, 2]
    assert found.rows[1]["mean"] == np.inf and found.rows[1]["updates"] is None
    assert found.best["learning_rate"] == 1e-6 and "did not diverge" in found.sentence
    none = tw.tuning.compare_rates(_mlp, X, 1e3 * Y, learning_rates=[1e9], seeds=2, loss="mse", epochs=3, verbose=0)
    assert none.best is None and "Every setting diverged" in none.sentence


def test_updates_to_the_target_are_counted_and_the_mean_and_spread_are_those_of_the_seeds():
    found = tw.tuning.compare_rates(
        _mlp, X, Y, learning_rates=[0.01, 0.1], seeds=3, loss="mse", epochs=6, batch_size=32, target=0.9, verbose=0
    )
    (result,) = found.results
    for row in found.rows:
        place = [0.01, 0.1].index(row["learning_rate"])
        curves = [history["loss"] for history in result.histories[3 * place : 3 * place + 3]]
        last = [curve[-1] for curve in curves]
        assert row["mean"] == pytest.approx(np.mean(last)) and row["spread"] == pytest.approx(np.std(last, ddof=1))
        epochs = [1 + int(np.argmax(np.array(curve) <= 0.9)) for curve in curves if min(curve) <= 0.9]
        assert row["updates"] == (round(np.mean(epochs) * 3) if epochs else None)
    assert "losses" not in found.table() and "mean" in str(found)


def test_the_plot_has_a_line_for_each_form_with_the_spread():
    x, y = _quadratic()
    found = tw.tuning.compare_momentum(
        _build, x, y, momenta=[0.0, 0.5], learning_rate=0.01, seeds=2, loss="mse", epochs=2, verbose=0
    )
    axes, beside = found.plot().axes
    assert [container.get_label() for container in axes.containers] == ["classical", "Nesterov"]
    assert axes.get_xlabel() == "momentum"
    # Beside it the mean over the seeds after each epoch, a line a setting.
    assert len(beside.lines) == len(beside.collections) == 4
    momentum = found.rows[0]["momentum"], found.rows[0]["nesterov"]
    result = found.results[int(momentum[1])]
    place = 2 * [0.0, 0.5].index(momentum[0])
    mean = np.mean([history["loss"] for history in result.histories[place : place + 2]], axis=0)
    np.testing.assert_allclose(beside.lines[0].get_ydata(), mean)
    assert beside.lines[0].get_xdata().tolist() == [1, 2]


def test_what_always_diverged_is_drawn_as_nothing_and_one_setting_has_no_rival():
    arguments = {"loss": "mse", "epochs": 2, "seeds": 2, "verbose": 0}
    none = tw.tuning.compare_rates(_mlp, X, 1e3 * Y, learning_rates=[1e9], **arguments)
    figure = none.plot()
    figure.savefig(io.BytesIO())
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "linear"] and not figure.axes[1].lines
    assert none.as_dict()["rows"][0]["diverged"] == 2 and none.as_dict()["best"] is None
    one = tw.tuning.compare_rates(_mlp, X, Y, learning_rates=[0.01], **arguments)
    assert "is the only setting: there is none to compare it with" in one.sentence
    assert len(one.as_dict()["rows"][0]["curves"]) == 2 and one.as_dict()["best"]["learning_rate"] == 0.01


def test_a_mean_curve_leaves_out_what_diverged_and_ends_with_the_shortest_run():
    mean, spread = comparing._mean_curve([[4.0, 2.0, 1.0], [2.0, 1.0], [1.0, float("nan")]])
    np.testing.assert_allclose(mean, [3.0, 1.5])
    np.testing.assert_allclose(spread, [np.std([4, 2], ddof=1), np.std([2, 1], ddof=1)])


BAD = [
    (tw.tuning.compare_momentum, {"momenta": []}, ValueError, "`momenta` must hold at least one value"),
    (tw.tuning.compare_momentum, {"momenta": [1.0]}, ValueError, "`momenta` must be in .*got 1"),
    (tw.tuning.compare_momentum, {"equal": "both"}, ValueError, "`equal` must be .*got 'both'"),
    (tw.tuning.compare_momentum, {"learning_rate": [0.0]}, ValueError, "`learning_rate` must be in .*got 0"),
    (tw.tuning.compare_rates, {"learning_rates": [-1.0]}, ValueError, "`learning_rates` must be in .*got -1"),
    (tw.tuning.compare_rates, {"seeds": 0}, ValueError, "`seeds` must be at least 1, got 0"),
    (tw.tuning.compare_rates, {"learning_rates": ["a"]}, TypeError, "`learning_rates` must be a number, got 'a'"),
]


@pytest.mark.parametrize(("compare", "arguments", "error", "message"), BAD)
def test_bad_arguments_are_refused_with_their_value(compare, arguments, error, message):
    with pytest.raises(error, match=message):
        compare(_mlp, X, Y, loss="mse", verbose=0, **arguments)


@pytest.mark.parametrize(
    ("curve", "diverged"),
    [([2.0, 1.0], 0), ([2.0, 3.1], 1), ([-0.1, -0.9], 0), ([-0.9, -0.95], 0), ([-0.9, -0.1], 1), ([0.1, -0.5], 0),
     ([-0.1, 0.5], 1), ([1.0, float("nan")], 1)],
)  # fmt: skip
def test_a_run_diverges_where_it_ends_worse_than_it_began_whatever_the_sign_of_its_loss(curve, diverged):
    assert comparing._row({"learning_rate": 0.1}, "loss", 1, [curve])["diverged"] == diverged


def test_one_diverged_seed_leaves_the_mean_to_the_others_and_the_setting_behind_those_that_hold():
    one = [[2.0, 1.0], [2.0, float("inf")], [2.0, 1.2]]
    other = [[2.0, 1.5], [2.0, 1.6], [2.0, 1.4]]
    rows = [comparing._row({"learning_rate": r}, "loss", 2, c) for r, c in ((1.0, one), (0.1, other))]
    assert rows[0]["mean"] == pytest.approx(1.1) and rows[0]["diverged"] == 1
    found = comparing._compared(rows, None, [])
    assert [row["learning_rate"] for row in found.rows] == [0.1, 1.0]
    # Of the pairs of seeds in which both ran, the one behind was the lower: nothing is said to be better.
    assert found.best is None and "not separated" in found.sentence


def test_a_loss_below_zero_is_compared_and_drawn():
    found = tw.tuning.compare_rates(
        lambda: keras.Sequential([keras.Input((5,)), L.Dense(3)]), X, np.repeat(Y, 3, axis=1) * [1, -1, 2],
        learning_rates=[1e-3, 1e-1], loss="cosine_similarity", epochs=3, seeds=3, verbose=0,
    )  # fmt: skip
    assert [row["diverged"] for row in found.rows] == [0, 0] and found.rows[0]["mean"] < 0
    assert found.plot().axes[0].get_yscale() == "linear"
