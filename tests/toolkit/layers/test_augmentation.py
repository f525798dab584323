"""Rows changed at random in training alone, and nothing of it in what is exported."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import trainwise as tw

L = keras.layers


def _trained(layer, x):
    return np.asarray(layer(keras.ops.convert_to_tensor(x), training=True))


def test_swapped_values_are_of_their_own_column_and_as_many_as_asked_for():
    # Each value tells its column, and its row.
    x = (np.arange(4)[None, :] * 10_000 + np.arange(2_000)[:, None]).astype("float32")
    found = _trained(tw.layers.SwapNoise(0.25, seed=0), x)
    np.testing.assert_array_equal(found // 10_000, x // 10_000)
    # 8,000 draws: a standard error of 0.005.
    assert np.mean(found != x) == pytest.approx(0.25, abs=0.02)
    # Columns are swapped apart from one another.
    both = np.mean((found != x)[:, 0] & (found != x)[:, 1])
    assert both == pytest.approx(0.25**2, abs=0.03)
    np.testing.assert_array_equal(_trained(tw.layers.SwapNoise(0.0), x), x)


def test_hidden_steps_are_runs_of_all_lengths_up_to_the_longest_and_reach_every_step():
    x = np.ones((4_000, 7, 2), "float32")
    found = _trained(tw.layers.TimeMasking(longest=3, fill=-5.0, seed=0), x)
    hidden = found[..., 0] == -5.0
    np.testing.assert_array_equal(hidden, found[..., 1] == -5.0)
    assert np.all(found[~hidden] == 1.0)
    lengths = hidden.sum(axis=1)
    np.testing.assert_allclose(np.bincount(lengths, minlength=4) / len(x), 0.25, atol=0.03)
    # One run: hiding begins at most once.
    assert np.all(np.diff(np.pad(hidden, ((0, 0), (1, 0))).astype(int), axis=1).clip(0).sum(axis=1) <= 1)
    assert np.all(hidden.any(axis=0))


def test_a_run_longer_than_the_sequence_and_several_runs_stay_inside_it():
    x = np.ones((50, 3, 1), "float32")
    found = _trained(tw.layers.TimeMasking(longest=10, runs=2, seed=1), x)
    assert set(np.unique(found)) <= {0.0, 1.0} and found.shape == x.shape


def test_the_same_seed_draws_the_same_and_the_next_batch_another():
    x = np.random.default_rng(0).normal(size=(8, 6, 2)).astype("float32")
    for make in (lambda: tw.layers.SwapNoise(0.5, seed=3), lambda: tw.layers.TimeMasking(3, seed=3)):
        one, other = make(), make()
        first = _trained(one, x)
        np.testing.assert_array_equal(first, _trained(other, x))
        assert not np.array_equal(first, _trained(one, x))


def test_nothing_of_them_is_in_the_export_and_answers_are_those_without(tmp_path):
    inputs = keras.Input((None, 2), name="series")
    changed = tw.layers.TimeMasking(2, seed=0)(tw.layers.SwapNoise(0.3, seed=0)(L.GaussianNoise(0.5, seed=0)(inputs)))
    pooled, dense = L.GlobalAveragePooling1D(), L.Dense(1)
    model = keras.Model(inputs, dense(pooled(changed)))
    plain = keras.Model(inputs, dense(pooled(inputs)))
    rows = np.random.default_rng(0).normal(size=(5, 6, 2)).astype("float32")
    report = tw.export(model, tmp_path / "m", rows)
    loaded = tf.saved_model.load(str(report.path))
    serve = loaded.signatures["serving_default"]
    (answer,) = serve(series=tf.constant(rows)).values()
    np.testing.assert_array_equal(answer.numpy(), plain.predict(rows, verbose=0))
    graph = serve.graph.as_graph_def()
    inside = [node.op for function in graph.library.function for node in function.node_def]
    nodes = [node.op for node in graph.node] + inside
    assert "MatMul" in nodes and not [op for op in nodes if "Random" in op]


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: tw.layers.SwapNoise(1.5), r"`rate` must be .*got 1.5"),
        (lambda: tw.layers.SwapNoise("a"), "`rate` must be a number, got 'a'"),
        (lambda: tw.layers.TimeMasking(0), "`longest` .*got 0"),
        (lambda: tw.layers.TimeMasking(2, runs=0), "`runs` .*got 0"),
        (lambda: tw.layers.TimeMasking(2, fill="mean"), "`fill` must be a number, got 'mean'"),
        (lambda: tw.layers.TimeMasking(2, seed=-1), "`seed` .*got -1"),
    ],
)
def test_arguments_outside_their_range_are_refused(make, match):
    with pytest.raises((TypeError, ValueError), match=match):
        make()
