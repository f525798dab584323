"""Optimizers with settings for each member; the oracle is each member trained alone (lone.py)."""

import keras
import numpy as np
import pytest
from architectures import CLASSES, LABELS, TABLE, WORDS, L, embedding, masked, mlp
from lone import compare

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
]


@pytest.mark.parametrize(("optimizer", "options", "settings"), OPTIMIZER_CASES)
def test_every_optimizer_does_to_a_member_what_it_does_to_a_model(optimizer, options, settings, double):
    _, _, weights, curves = compare(mlp, TABLE, optimizer=optimizer, options=options, **settings)
    assert weights < 1e-9 and curves < 1e-9


@pytest.mark.parametrize("build", [embedding, masked], ids=["stacked", "unrolled"])
@pytest.mark.parametrize(("optimizer", "options"), [("adam", {}), ("rmsprop", {}), ("sgd", {"global_clipnorm": 0.01})])
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
