import copy

import keras
import numpy as np
import pytest
import sklearn.preprocessing

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
    ],
)
def test_the_layers_agree_with_scikit_learn_both_ways(make, oracle, rows):
    layer = make()
    layer.adapt(rows)
    np.testing.assert_allclose(layer(rows), oracle.fit_transform(rows.astype("float64")), atol=1e-3)
    np.testing.assert_allclose(layer.invert(layer(rows)), rows, rtol=1e-5)


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


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused_by_adapt(bad, rows):
    broken = rows.copy()
    broken[4, 1] = bad
    with pytest.raises(ValueError, match="NaN or infinite values in feature 1"):
        layers.Standardize().adapt(broken)


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


def test_half_precision_keeps_the_statistics_in_full(rows):
    layer = layers.Standardize(dtype="mixed_float16")
    layer.adapt(rows)
    assert layer(rows).dtype == "float16"
    expected = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    np.testing.assert_allclose(np.asarray(layer(rows), "float32"), expected, atol=2e-2)
