"""Losses and metrics of members; the oracle is each member trained alone (lone.py)."""

import keras
import lone
import numpy as np
import pytest
from architectures import CLASSES, LABELS, RATES, ROWS, SERIES, TABLE, L, mlp, nested, two_by_two
from lone import compare

import trainwise as tw


def test_outputs_may_be_named_in_dictionaries(double, rng):
    x = {"a": TABLE, "b": rng.normal(size=(ROWS, 3))}
    y = {"p": rng.normal(size=ROWS), "q": LABELS}
    result = tw.fit_population(
        two_by_two, x, y, learning_rate=RATES, loss={"p": "mse", "q": CLASSES}, metrics={"q": "accuracy"},
        loss_weights={"p": 0.5, "q": 2.0}, shuffle=False, verbose=0,
    )  # fmt: skip
    history = result.histories[1]
    assert history["loss"][0] == pytest.approx(0.5 * history["p_loss"][0] + 2 * history["q_loss"][0], rel=0.2)
    assert "q_accuracy" in history


def test_weights_of_rows_for_each_member_make_bootstrap_samples(double, rng):
    weights = rng.integers(0, 3, (ROWS, 2)).astype("float64")
    result = tw.fit_population(
        mlp, TABLE, LABELS, learning_rate=RATES, seed=[3, 4], loss=CLASSES, sample_weight=weights, epochs=2,
        batch_size=16,
        weighted_metrics=["accuracy"], shuffle=False, verbose=0,
    )  # fmt: skip
    for k in range(2):
        keras.utils.set_random_seed(3 + k)
        model = mlp()
        model.compile(keras.optimizers.SGD(RATES[k]), CLASSES, weighted_metrics=["accuracy"])
        fit = {"epochs": 2, "batch_size": 16, "shuffle": False, "verbose": 0}
        history = model.fit(TABLE, LABELS, sample_weight=weights[:, k], **fit).history
        assert lone.largest_difference(result.models[k], model) < 1e-9
        assert lone.history_difference(result.histories[k], history) < 1e-9


def test_class_weights_and_validation_data_work_as_in_fit(double):
    _, _, weights, curves = compare(
        mlp, TABLE, class_weight={0: 1.0, 1: 2.0, 2: 0.5}, validation_data=(TABLE[:10], LABELS[:10])
    )
    assert weights < 1e-9 and curves < 1e-9


LOSSES = [
    ("mae", "regression"), ("huber", "regression"), (lambda y, p: keras.ops.mean((y - p) ** 4, axis=-1), "regression"),
    (lambda y, p: keras.ops.mean((y - p) ** 2) + keras.ops.std(p), "regression"),
    ((keras.losses.MeanSquaredError, {"reduction": "sum"}), "regression"),
    ((keras.losses.MeanSquaredError, {"reduction": "mean_with_sample_weight"}), "regression"),
    ((keras.losses.CategoricalCrossentropy, {"label_smoothing": 0.1}), "one hot"),
    ("categorical_crossentropy", "one hot"), ((keras.losses.Dice, {}), "one hot"), ("crossentropy", "labels"),
    ((keras.losses.SparseCategoricalCrossentropy, {"from_logits": True}), "logits"),
]  # fmt: skip


def highest(y, p):
    return keras.ops.max(p)


METRICS = ["mae", keras.metrics.RootMeanSquaredError, keras.metrics.CosineSimilarity, highest]


@pytest.mark.parametrize(("loss", "kind"), LOSSES)
def test_every_loss_gives_each_member_its_own_value(loss, kind, double):
    targets = {"regression": TABLE[:, :3], "one hot": np.eye(3)[LABELS], "labels": LABELS, "logits": LABELS}[kind]

    def build():
        last = L.Dense(3, "softmax" if kind in ("one hot", "labels") else None)
        return keras.Sequential([keras.Input((6,)), L.Dense(4, "tanh"), last])

    # Objects are made here, for they keep the precision of their making.
    loss = loss[0](**loss[1]) if isinstance(loss, tuple) else loss
    metrics = METRICS if kind == "regression" else ["accuracy"]
    _, _, weights, curves = compare(build, TABLE, targets, loss=loss, metrics=metrics)
    assert weights < 1e-9 and curves < 1e-9


@pytest.mark.parametrize("metric", [keras.metrics.AUC, keras.metrics.Precision, "accuracy", "binary_crossentropy"])
def test_metrics_of_a_binary_task_are_those_of_each_member(metric, double):
    build = lambda: keras.Sequential([keras.Input((6,)), L.Dense(1, "sigmoid")])  # noqa: E731
    y = (LABELS > 0)[:, None] * 1.0
    _, _, weights, curves = compare(build, TABLE, y, loss="binary_crossentropy", metrics=[metric])
    assert weights < 1e-9 and curves < 1e-9


def test_sequences_as_targets_with_weights_of_time_steps(double, rng):
    build = lambda: keras.Sequential([keras.Input((9, 4)), L.GRU(3, return_sequences=True), L.Dense(2, "softmax")])  # noqa: E731
    y, weights = rng.integers(0, 2, (ROWS, 9)), rng.uniform(size=(ROWS, 9))
    fit = {"sample_weight": weights, "epochs": 1, "batch_size": 16, "shuffle": False, "verbose": 0}
    result = tw.fit_population(build, SERIES, y, learning_rate=RATES, seed=1, loss=CLASSES, **fit)
    keras.utils.set_random_seed(1)
    model = build()
    model.compile(keras.optimizers.SGD(RATES[1]), CLASSES)
    assert lone.history_difference(result.histories[1], model.fit(SERIES, y, **fit).history) < 1e-9
    assert lone.largest_difference(result.models[1], model) < 1e-9


def test_a_model_compiled_with_a_lambda_gives_members_compiled_with_it():
    for base in (mlp, nested):

        def build(base=base):
            model = base()
            model.compile("sgd", lambda y, p: keras.ops.mean((y - p) ** 2), metrics=["mae"])
            return model

        result = tw.fit_population(build, TABLE, TABLE[:, :3], seed=[0, 1], verbose=0)
        assert np.isfinite(result.models[1].evaluate(TABLE, TABLE[:, :3], verbose=0)[0])
