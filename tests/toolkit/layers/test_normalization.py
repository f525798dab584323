import copy

import keras
import numpy as np
import pytest
import sklearn.preprocessing
import tensorflow as tf

from trainwise import layers
from trainwise.toolkit.saving.loading import load_model


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal([5, -2, 100], [1, 10, 0.1], (60, 3)).astype("float32")


@pytest.mark.parametrize(
    ("make", "oracle"),
    [
        (layers.Standardize, sklearn.preprocessing.StandardScaler()),
        (layers.MinMax, sklearn.preprocessing.MinMaxScaler()),
        (lambda: layers.MinMax(-2.0, 3.0), sklearn.preprocessing.MinMaxScaler((-2, 3))),
        (lambda: layers.MinMax(feature_range=(-2.0, 3.0)), sklearn.preprocessing.MinMaxScaler((-2, 3))),
        (layers.Robust, sklearn.preprocessing.RobustScaler()),
        (lambda: layers.Robust((5.0, 95.0)), sklearn.preprocessing.RobustScaler(quantile_range=(5, 95))),
    ],
)
@pytest.mark.parametrize("gaps", [False, True])
def test_the_layers_agree_with_scikit_learn_both_ways(make, oracle, gaps, rows):
    if gaps:
        rows = np.where(np.random.default_rng(1).random(rows.shape) < 0.2, np.nan, rows).astype("float32")
    layer = make()
    layer.adapt(rows)
    np.testing.assert_allclose(layer(rows), oracle.fit_transform(rows.astype("float64")), atol=1e-3)
    np.testing.assert_allclose(layer.invert(layer(rows)), rows, rtol=1e-5)


def test_clipped_values_end_at_the_range_as_in_scikit_learn(rows):
    layer, oracle = layers.MinMax(-1.0, 1.0, clip=True), sklearn.preprocessing.MinMaxScaler((-1, 1), clip=True)
    layer.adapt(rows)
    oracle.fit(rows.astype("float64"))
    far = 3 * rows
    np.testing.assert_allclose(layer(far), oracle.transform(far.astype("float64")), atol=1e-3)


@pytest.mark.parametrize("make", [layers.Standardize, layers.MinMax, layers.Robust])
@pytest.mark.parametrize("kind", ["dataset", "tuples", "py_dataset", "generator"])
def test_a_stream_gives_the_statistics_of_its_rows(make, kind, rows):
    class Batches(keras.utils.PyDataset):
        def __len__(self):
            return 9

        def __getitem__(self, place):
            return rows[place * 7 : place * 7 + 7], np.zeros(len(rows[place * 7 : place * 7 + 7]))

    streams = {
        "dataset": lambda: tf.data.Dataset.from_tensor_slices(rows).batch(7),
        "tuples": lambda: tf.data.Dataset.from_tensor_slices((rows, np.zeros(60))).batch(7),
        "py_dataset": Batches,
        "generator": lambda: (rows[start : start + 7] for start in range(0, 60, 7)),
    }
    one, other = make(), make()
    one.adapt(rows)
    other.adapt(streams[kind]())
    np.testing.assert_allclose(other.get_weights(), one.get_weights(), rtol=1e-6)


def test_one_pass_keeps_the_digits_of_values_far_from_zero():
    # Their squares differ in the 17th digit: sums of them would leave no spread.
    rows = 1e8 + np.random.default_rng(0).normal(size=(10_000, 1))
    layer = layers.Standardize()
    layer.adapt(tf.data.Dataset.from_tensor_slices(rows).batch(64))
    np.testing.assert_allclose(layer.get_weights()[1], rows.std(axis=0), rtol=1e-6)


def test_padded_steps_do_not_count_and_stay_masked():
    steps = np.random.default_rng(0).normal(3, 2, (8, 5, 2)).astype("float32")
    there = np.arange(5) < np.arange(1, 9)[:, None] % 5 + 1
    layer = layers.Standardize()
    layer.adapt(np.where(there[..., None], steps, 0), mask=there)
    np.testing.assert_allclose(layer.get_weights()[0], steps[there].mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(layer.get_weights()[1], steps[there].std(axis=0), rtol=1e-5)
    # As by a recurrent layer that is handed the mask, and not as by one that reads the padding too.
    lstm, padded = keras.layers.LSTM(3), np.where(there[..., None], steps, 0)
    model = keras.Sequential([keras.Input((5, 2)), keras.layers.Masking(), layer, lstm])
    expected = np.asarray(lstm(layer(padded), mask=there))
    np.testing.assert_allclose(model.predict(padded, verbose=0), expected, atol=1e-6)
    assert np.abs(expected - np.asarray(lstm(layer(padded)))).max() > 0.01


def test_the_channels_of_images_share_their_statistics():
    images = np.random.default_rng(0).normal(3, 2, (10, 4, 5, 2)).astype("float32")
    layer = layers.Standardize()
    layer.adapt(images)
    expected = (images - images.mean(axis=(0, 1, 2))) / images.std(axis=(0, 1, 2))
    np.testing.assert_allclose(layer(images), expected, atol=1e-4)


def test_an_unadapted_layer_builds_and_answers_nan():
    model = keras.Sequential([keras.Input((3,)), layers.Standardize(), keras.layers.Dense(1)])
    assert np.isnan(model.predict(np.ones((2, 3)), verbose=0)).all()
    assert not model.layers[0].adapted


def test_the_inverse_layer_turns_standard_values_into_targets():
    y = np.array([10.0, 20.0, 30.0])
    layer = layers.Standardize(invert=True)
    layer.adapt(y)
    np.testing.assert_allclose(np.ravel(layer(np.array([[-1.0], [0.0], [1.0]]))), 20 + np.std(y) * np.array([-1, 0, 1]))


def test_statistics_are_weights_that_do_not_train(rows):
    layer = layers.MinMax()
    layer.adapt(rows)
    assert len(layer.non_trainable_weights) == 2
    assert layer.trainable_weights == []


def test_a_deep_copy_a_clone_and_a_reload_keep_the_statistics(rows, tmp_path):
    model = keras.Sequential([keras.Input((3,)), layers.Standardize(), layers.MinMax()])
    model.layers[0].adapt(rows)
    model.layers[1].adapt(np.asarray(model.layers[0](rows)))
    model.save(tmp_path / "scaled.keras")
    expected = np.asarray(model(rows))
    for other in (copy.deepcopy(model), keras.models.clone_model(model), load_model(tmp_path / "scaled.keras")):
        np.testing.assert_array_equal(other(rows), expected)
    np.testing.assert_array_equal(copy.deepcopy(model.layers[0])(rows), model.layers[0](rows))


def test_an_unadapted_clone_stays_unadapted(rows):
    model = keras.Sequential([keras.Input((3,)), layers.Standardize()])
    clone = keras.models.clone_model(model)
    clone.layers[0].adapt(rows)
    assert clone.layers[0].adapted
    assert not model.layers[0].adapted


def test_a_constant_feature_is_said_and_comes_out_as_zero(rows):
    constant = np.column_stack([rows, np.full(len(rows), 7.0)])
    for make in (layers.Standardize, lambda: layers.MinMax(-1.0, 1.0)):
        layer = make()
        with pytest.warns(UserWarning, match="constant.*feature 3"):
            layer.adapt(constant)
        np.testing.assert_array_equal(np.asarray(layer(constant))[:, 3], 0)


def test_infinity_and_features_without_a_value_are_refused_by_adapt(rows):
    broken = rows.copy()
    broken[4, 1] = np.inf
    with pytest.raises(ValueError, match="infinite values in feature 1"):
        layers.Standardize().adapt(broken)
    broken[:, 1] = np.nan
    with pytest.raises(ValueError, match="nothing but gaps in feature 1"):
        layers.Robust().adapt(broken)


def test_a_mask_that_does_not_fit_is_refused(rows):
    with pytest.raises(ValueError, match=r"shape \(60,\).*got \(3,\)"):
        layers.Standardize().adapt(rows, mask=[True, False, True])
    with pytest.raises(TypeError, match="goes with an array"):
        layers.Standardize().adapt(tf.data.Dataset.from_tensor_slices(rows).batch(7), mask=[True])
    with pytest.raises(ValueError, match="a stream without any"):
        layers.Standardize().adapt(iter([]))


def test_words_and_no_rows_are_refused_by_adapt():
    with pytest.raises(TypeError, match="<U1"):
        layers.Standardize().adapt(np.array([["a"]]))
    with pytest.raises(ValueError, match="\\(0, 3\\)"):
        layers.Standardize().adapt(np.zeros((0, 3)))


def test_another_number_of_features_is_refused(rows):
    layer = layers.Standardize()
    layer.adapt(rows)
    with pytest.raises(ValueError, match="expected 3 features, got 2"):
        layer.adapt(rows[:, :2])
    with pytest.raises(ValueError, match="must hold 2 values, one a feature, got 1"):
        layers.Standardize(center=[0.0], scale=[1.0]).build((None, 2))


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="got 1"):
        layers.Standardize(axis=1)
    with pytest.raises(ValueError, match="given together"):
        layers.Standardize(center=[0.0])
    with pytest.raises(ValueError, match="got 0"):
        layers.MinMax(1.0, 0)
    with pytest.raises(ValueError, match="`feature_range` must be two numbers"):
        layers.MinMax(feature_range=[1.0])
    with pytest.raises(TypeError, match="`clip`"):
        layers.MinMax(clip="yes")
    for pair in ([1.0], [50.0, 20.0], [-1.0, 50.0]):
        with pytest.raises(ValueError, match="`quantile_range`"):
            layers.Robust(pair)


def test_half_precision_keeps_the_statistics_in_full(rows):
    layer = layers.Standardize(dtype="mixed_float16")
    layer.adapt(rows)
    assert layer(rows).dtype == "float16"
    expected = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(np.asarray(layer(rows), "float32"), expected, atol=2e-2)
