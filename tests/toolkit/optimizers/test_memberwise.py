"""Optimizers with settings for each member; the oracle is each member trained alone (lone.py)."""

import keras
import numpy as np
import pytest
from architectures import CLASSES, LABELS, TABLE, WORDS, L, embedding, masked, mlp
from lone import compare, history_difference, largest_difference, trace_once

import trainwise as tw

OPTIMIZER_CASES = [
    ("sgd", {}, {"momentum": [0.0, 0.9]}),
    ("sgd", {"nesterov": True}, {"momentum": [0.5, 0.9]}),
    ("sgd", {}, {"weight_decay": [0.0, 0.1]}),
    ("sgd", {"use_ema": True, "ema_overwrite_frequency": 2}, {}),
    ("sgd", {"gradient_accumulation_steps": 2}, {}),
    ("adam", {}, {}),
    ("adam", {"amsgrad": True}, {}),
    ("adamw", {}, {"weight_decay": [0.01, 0.1]}),
    ("rmsprop", {"centered": True, "momentum": 0.5}, {}),
    ("sgd", {"clipnorm": 0.05}, {}),
    ("sgd", {"global_clipnorm": 0.05}, {}),
    ("sgd", {"clipvalue": 0.01}, {}),
    ("adam", {"global_clipnorm": 0.05}, {"weight_decay": [0.0, 0.1]}),
    ("adagrad", {}, {}),
    ("adadelta", {"rho": 0.9}, {}),
    ("adamax", {"clipnorm": 0.05}, {}),
    ("nadam", {}, {"weight_decay": [0.0, 0.1]}),
    ("lion", {}, {}),
    ("ftrl", {"l1_regularization_strength": 0.01, "beta": 0.1}, {}),
    ("lamb", {}, {"weight_decay": [0.0, 0.1]}),
    ("adafactor", {}, {}),
    ("adafactor", {"relative_step": False, "clip_threshold": 0.5}, {}),
]


@pytest.mark.parametrize(("optimizer", "options", "settings"), OPTIMIZER_CASES)
def test_every_optimizer_does_to_a_member_what_it_does_to_a_model(optimizer, options, settings, double):
    _, _, weights, curves = compare(mlp, TABLE, optimizer=optimizer, options=options, **settings)
    assert weights < 1e-9 and curves < 1e-9


EMBEDDED = [
    (embedding, "adam", {}),
    (embedding, "rmsprop", {}),
    (embedding, "sgd", {"global_clipnorm": 0.01}),
    (embedding, "lamb", {}),
    (embedding, "adafactor", {}),
    (masked, "adam", {}),
    (masked, "sgd", {"global_clipnorm": 0.01}),
    (masked, "adafactor", {}),
]


@pytest.mark.parametrize(("build", "optimizer", "options"), EMBEDDED)
def test_embeddings_get_the_updates_that_keras_gives_rows_that_repeat(build, optimizer, options, double):
    _, _, weights, curves = compare(build, WORDS, optimizer=optimizer, options=options)
    assert weights < 1e-9 and curves < 1e-9


def test_each_member_may_have_its_own_schedule(double):
    schedules = [
        keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5),
        keras.optimizers.schedules.CosineDecay(0.2, 6),
    ]
    _, _, weights, curves = compare(mlp, TABLE, learning_rate=schedules)
    assert weights < 1e-9 and curves < 1e-9


def test_under_loss_scaling_one_members_overflow_skips_its_step_alone():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        x, y = TABLE.astype("float32"), TABLE[:, :1].astype("float32")

        def build():
            inputs = keras.Input((6,))
            return keras.Model(inputs, L.Dense(1, dtype="float32")(L.Dense(4)(inputs)))

        fit = {"loss": "mse", "batch_size": 20, "epochs": 3, "shuffle": False, "verbose": 0}
        alone = tw.fit_population(build, x, y, learning_rate=[0.05], **fit)
        both = tw.fit_population(build, x, y, learning_rate=[0.05, 1e30], **fit)
        scale = np.asarray(both.populations[0].optimizer.scale)
    finally:
        keras.config.set_dtype_policy("float32")
    assert both.histories[0]["loss"] == pytest.approx(alone.histories[0]["loss"], rel=1e-3)
    assert alone.histories[0]["loss"][-1] < alone.histories[0]["loss"][0]
    assert not both.histories[1]["loss"][-1] < 1e3
    assert scale[1] < scale[0]


def test_setting_one_learning_rate_by_hand_is_refused():
    result = tw.fit_population(mlp, TABLE, LABELS, seed=[0, 1], loss=CLASSES, verbose=0)
    with pytest.raises((TypeError, ValueError), match="learning rate"):
        result.populations[0].optimizer.learning_rate = 0.5


def _named():
    return keras.Sequential(
        [keras.Input((6,)), L.Dense(8, "relu", name="first"), L.Dropout(0.0), L.Dense(3, "softmax", name="last")]
    )


def _masked_named():
    # Masks are not stacked: each member's layers are called by themselves.
    layers = [L.Embedding(10, 4, mask_zero=True, name="words"), L.LSTM(3, name="memory"), L.Dense(3, "softmax")]
    return keras.Sequential([keras.Input((9,), dtype="int32"), *layers])


LAYERWISE = [
    (_named, TABLE, keras.optimizers.SGD, {"momentum": 0.9}, {"first": 0.1}, 1.0),
    (_named, TABLE, keras.optimizers.Adam, {"global_clipnorm": 0.05}, {"la*": 2.0}, 0.5),
    (_named, TABLE, keras.optimizers.AdamW, {"weight_decay": 0.1}, {"last": 0.0}, 1.0),
    (_named, TABLE, keras.optimizers.Adafactor, {}, {"first": 3.0}, 1.0),
    (_masked_named, WORDS, keras.optimizers.Nadam, {}, {"memory": 0.1, "words": 2.0}, 1.0),
]


@pytest.mark.parametrize(("build", "x", "kind", "options", "multipliers", "default"), LAYERWISE)
def test_a_rate_for_each_layer_of_each_member_is_that_of_a_lone_model(
    build, x, kind, options, multipliers, default, double
):
    def optimizer(rate):
        return tw.optimizers.LayerwiseLearningRate(kind(rate, **options), multipliers, default)

    fit = {"batch_size": 16, "epochs": 2, "shuffle": False, "verbose": 0}
    rates = [0.03, 0.2]
    result = tw.fit_population(
        build, x, LABELS, optimizer=optimizer(0.1), learning_rate=rates, seed=[3, 4], loss=CLASSES, **fit
    )
    for k, (seed, rate) in enumerate(zip((3, 4), rates, strict=True)):
        keras.utils.set_random_seed(seed)
        model = build()
        model.compile(optimizer(rate), CLASSES)
        trace_once(model, x, LABELS, 16)
        history = model.fit(x, LABELS, **fit).history
        assert history_difference({"loss": result.histories[k]["loss"]}, history) < 1e-9
        assert largest_difference(result.models[k], model) < 1e-9
        # What it goes on with is the same optimizer in the same state.
        again = result.models[k].fit(x, LABELS, **{**fit, "epochs": 1}).history
        assert again["loss"][0] == pytest.approx(
            model.fit(x, LABELS, **{**fit, "epochs": 1}).history["loss"][0], abs=1e-9
        )


@pytest.mark.parametrize("optimizer", ["nadam", "lamb", "adafactor", "ftrl", "adadelta"])
def test_a_member_taken_out_goes_on_as_the_lone_model_does(optimizer, double):
    result, models, _, _ = compare(mlp, TABLE, optimizer=optimizer)
    fit = {"batch_size": 16, "epochs": 1, "shuffle": False, "verbose": 0}
    for k, model in enumerate(models):
        assert result.models[k].fit(TABLE, LABELS, **fit).history["loss"][0] == pytest.approx(
            model.fit(TABLE, LABELS, **fit).history["loss"][0], abs=1e-9
        )


def test_a_layer_that_no_member_has_is_named():
    optimizer = tw.optimizers.LayerwiseLearningRate("sgd", {"frist": 0.1})
    with pytest.raises(ValueError, match="'frist', which is no layer"):
        tw.fit_population(_named, TABLE, LABELS, optimizer=optimizer, seed=[0, 1], loss=CLASSES, verbose=0)
