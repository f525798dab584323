"""A population as a model; the oracle is one ordinary Keras model for each member (lone.py)."""

import keras
import lone
import numpy as np
import pytest
from architectures import (
    ARCHITECTURES,
    CLASSES,
    LABELS,
    RATES,
    ROWS,
    TABLE,
    WORDS,
    L,
    masked,
    mlp,
    normalised,
    two_by_two,
)
from lone import compare

import trainwise as tw


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_members_of_every_architecture_end_where_they_would_alone(name, double):
    build, x = ARCHITECTURES[name]
    result, models, weights, curves = compare(build, x)
    assert weights < 1e-9 and curves < 1e-9
    assert bool(result.unrolled) == ("unrolled" in name)
    answers = result.populations[0].predict(x, verbose=0)
    for k in range(2):
        np.testing.assert_allclose(answers[:, k], np.asarray(models[k](x, training=False)), atol=1e-9)


def test_several_inputs_and_outputs_and_a_layer_used_twice(double, rng):
    x = {"a": TABLE, "b": rng.normal(size=(ROWS, 3))}
    y = [rng.normal(size=ROWS), LABELS]
    result, _, weights, curves = compare(two_by_two, x, y, loss=["mse", CLASSES], metrics=[["mae"], ["accuracy"]])
    assert weights < 1e-9 and curves < 1e-9
    assert {"p_loss", "q_loss", "p_mae", "q_accuracy"} < set(result.histories[0])
    assert "p_re_lu" in " ".join(result.unrolled)


def test_frozen_layers_stay_as_they_are_in_every_member(double):
    def build():
        model = normalised()
        model.layers[0].trainable = False
        model.layers[1].trainable = False
        return model

    result, models, weights, curves = compare(build, TABLE, optimizer="adam")
    assert weights < 1e-9 and curves < 1e-9
    assert [layer.trainable for layer in result.models[0].layers] == [layer.trainable for layer in models[0].layers]
    assert len(result.models[0].trainable_weights) == len(models[0].trainable_weights)


def test_statistics_of_a_normalisation_made_outside_are_shared_and_copied(double):
    normalise, keras_own = tw.layers.Standardize(), L.Normalization()
    normalise.adapt(TABLE * 3 + 1)
    keras_own.adapt(TABLE)

    def build():
        return keras.Sequential([keras.Input((6,)), normalise, keras_own, L.Dense(3, "softmax")])

    result, models, weights, _ = compare(build, TABLE)
    assert weights < 1e-9 and result.unrolled == ()
    member = result.models[0]
    assert member.layers[0] is not normalise and member.layers[1] is not keras_own
    np.testing.assert_allclose(member.predict(TABLE, verbose=0), models[0].predict(TABLE, verbose=0), atol=1e-9)


def test_a_population_saves_and_loads_with_its_optimizer(tmp_path, double):
    result = tw.fit_population(
        masked, WORDS, LABELS, learning_rate=RATES, momentum=[0.5, 0.9], seed=1, loss=CLASSES,
        metrics=["accuracy"], verbose=0, run_eagerly=True,
    )  # fmt: skip
    population = result.populations[0]
    population.save(tmp_path / "population.keras")
    again = tw.load_model(tmp_path / "population.keras")
    np.testing.assert_array_equal(again.predict(WORDS, verbose=0), population.predict(WORDS, verbose=0))
    one = population.fit(WORDS, LABELS, shuffle=False, verbose=0).history
    two = again.fit(WORDS, LABELS, shuffle=False, verbose=0).history
    assert lone.history_difference(one, two) < 1e-9
    np.testing.assert_allclose(again.member_weights(1)[0], population.member_weights(1)[0], atol=1e-9)


def test_a_population_by_itself_compiles_fits_evaluates_and_predicts():
    population = tw.Population(mlp(), members=3)
    population.compile("adam", CLASSES, metrics=["accuracy"])
    history = population.fit(TABLE, LABELS, validation_split=0.25, epochs=2, verbose=0).history
    assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert population.predict(TABLE, verbose=0).shape == (ROWS, 3, 3)
    loss, accuracy = population.evaluate(TABLE, LABELS, verbose=0)
    assert loss == pytest.approx(population.by_member()["loss"].mean(), rel=1e-6)
    answers = population.predict(TABLE, verbose=0).argmax(axis=-1)
    assert accuracy == pytest.approx((answers == LABELS[:, None]).mean(), rel=1e-6)
    # All began alike and saw the same: they are alike.
    np.testing.assert_allclose(population.predict(TABLE, verbose=0)[:, 0], population.predict(TABLE, verbose=0)[:, 2])
