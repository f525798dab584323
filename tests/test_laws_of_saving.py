"""What Keras saves of us comes back from JSON as it was, and gives the same numbers."""

import inspect
import json

import keras
import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.layers.folded import Place

L = keras.layers
K = keras.optimizers.schedules
GENERATOR = np.random.default_rng(0)


def _rows(*shape):
    return GENERATOR.normal(size=shape).astype("float32")


def _classes(module):
    return [name for name in module.__all__ if inspect.isclass(getattr(module, name))]


def _adapted(layer):
    layer.adapt(np.array([[1.0, 5.0], [3.0, 9.0]]))
    return layer


def _built(layer, shape):
    layer.build(shape)
    return layer


# How each layer is made, and a call of it
TABLES = _rows(2, 4, 6)
SERIES = _rows(2, 4, 5, 3)
IMAGES = _rows(4, 6, 6, 2, 3)
DATES = keras.ops.convert_to_tensor([["2020-02-29"], ["2021-12-31"], ["soon"]], dtype="string")
LAYERS = {
    "CategoryEncoding": (lambda: tw.layers.CategoryEncoding([3, 40], ordered=[0]), GENERATOR.integers(0, 3, (4, 2))),
    "CategoryNumbers": (lambda: tw.layers.CategoryNumbers(7), np.array([[0.0], [3 / 7], [6 / 7]])),
    "DateEncoding": (lambda: tw.layers.DateEncoding("%Y-%m-%d", 18_000.0, 19_000.0), DATES),
    "DropoutSampling": (lambda: tw.layers.DropoutSampling(L.Dropout(0.5, seed=1)), _rows(4, 6)),
    "Folded": (lambda: tw.layers.Folded(L.Flatten(), 2), SERIES),
    "DecisionTrees": (
        lambda: tw.layers.DecisionTrees.from_arrays(
            feature=[0, 0, 0],
            threshold=[0.5, 0, 0],
            left=[1, 1, 2],
            right=[2, 1, 2],
            missing_left=[True, False, False],
            value=[[0.0], [10.0], [20.0]],
            roots=[0],
            depth=1,
        ),
        _rows(4, 3),
    ),
    "HardVoting": (lambda: tw.layers.HardVoting(weights=[1, 2, 3], ties="first"), [_rows(4, 3) for _ in range(3)]),
    "Merged": (lambda: tw.layers.Merged(L.MaxPooling2D(2), 2), IMAGES),
    "MinMax": (lambda: _adapted(tw.layers.MinMax(-1.0, 2.0)), _rows(4, 2)),
    "NumberEncoding": (
        lambda: tw.layers.NumberEncoding([1.0, 2.0], [0.0, 1.0], [0.0, 2.0], [0.5, 0.1], [2.0, 3.0], [1], [[0, 1.0]]),
        np.array([[1.0, np.nan], [3.0, 50.0]]),
    ),
    "SoftVoting": (lambda: tw.layers.SoftVoting(weights=[1, 2, 3]), [_rows(4, 3) for _ in range(3)]),
    "StackedBatchNormalization": (lambda: tw.layers.StackedBatchNormalization(L.BatchNormalization(), 2), TABLES),
    "StackedBidirectional": (lambda: tw.layers.StackedBidirectional(L.Bidirectional(L.GRU(3)), 2), SERIES),
    "StackedConv1D": (lambda: tw.layers.StackedConv1D(L.Conv1D(4, 3), 2), _rows(4, 6, 2, 3)),
    "StackedConv2D": (lambda: tw.layers.StackedConv2D(L.Conv2D(4, 3), 2), IMAGES),
    "StackedDense": (lambda: tw.layers.StackedDense(L.Dense(4, "tanh", kernel_constraint="max_norm"), 2), TABLES),
    "StackedDepthwiseConv2D": (lambda: tw.layers.StackedDepthwiseConv2D(L.DepthwiseConv2D(3), 2), IMAGES),
    "StackedDropout": (lambda: tw.layers.StackedDropout(L.Dropout(0.5, seed=1), 2, rates=(0.1, 0.4)), TABLES),
    "StackedEmbedding": (lambda: tw.layers.StackedEmbedding(L.Embedding(9, 4), 2), GENERATOR.integers(0, 9, (1, 4, 5))),
    "StackedGRU": (lambda: tw.layers.StackedGRU(L.GRU(3), 2), SERIES),
    "StackedLSTM": (lambda: tw.layers.StackedLSTM(L.LSTM(3), 2), SERIES),
    "StackedLayerNormalization": (lambda: tw.layers.StackedLayerNormalization(L.LayerNormalization(), 2), TABLES),
    "StackedSimpleRNN": (lambda: tw.layers.StackedSimpleRNN(L.SimpleRNN(3), 2), SERIES),
    "SwapNoise": (lambda: tw.layers.SwapNoise(0.3, seed=2), _rows(4, 6)),
    "TimeMasking": (lambda: tw.layers.TimeMasking(2, 3, -1.0, seed=2), _rows(4, 5, 3)),
    "PaddingMask": (lambda: tw.layers.PaddingMask(fill=[1.0, 2.0]), _rows(4, 3, 2)),
    "Robust": (lambda: _adapted(tw.layers.Robust((10.0, 90.0))), _rows(4, 2)),
    "Standardize": (lambda: _adapted(tw.layers.Standardize()), _rows(4, 2)),
    "Unrolled": (lambda: tw.layers.Unrolled(_built(L.PReLU(), (None, 6)), 2, seeds=[3, 4]), [TABLES]),
}
# Their subclasses do the work, and are registered.
BASES = {"Stacked"}


def test_every_public_layer_has_its_row():
    assert set(LAYERS) | BASES == set(_classes(tw.layers))
    assert len(LAYERS) >= 20


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_comes_back_from_json_with_its_config_and_its_numbers(name):
    make, x = LAYERS[name]
    kind = getattr(tw.layers, name)
    assert keras.saving.get_registered_name(kind) == f"trainwise>{name}"
    assert keras.saving.get_registered_object(f"trainwise>{name}") is kind
    layer = make()
    config = json.loads(json.dumps(layer.get_config()))
    # Keras takes parts out of what it is given.
    again = kind.from_config(json.loads(json.dumps(config)))
    assert json.loads(json.dumps(again.get_config())) == config

    def answer(one):
        if name != "Unrolled":
            return keras.ops.convert_to_numpy(one(x, training=name == "StackedDropout"))
        site = one.add_site((Place(0),), {})
        return keras.ops.convert_to_numpy(one(x, site=site))

    # A call builds both; then they are given the same weights, and random layers the same state.
    answer(layer), answer(again)
    assert [v.shape for v in layer.variables] == [v.shape for v in again.variables]
    for own, other in zip(layer.variables, again.variables, strict=True):
        value = own if "seed" in own.path else GENERATOR.uniform(0.1, 1.0, own.shape)
        own.assign(value)
        other.assign(value)
    first, second = answer(layer), answer(again)
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", sorted(BASES))
def test_a_base_of_layers_says_what_a_subclass_must_do(name):
    with pytest.raises(NotImplementedError, match=r"must override `compute\(inputs, training\)`"):
        getattr(tw.layers, name)(L.Dense(2), 2)(TABLES)


RATES = [0.1, K.ExponentialDecay(0.1, 2, 0.5)]
OPTIMIZERS = {
    "AccumulatedGradients": lambda o: o.AccumulatedGradients(keras.optimizers.Adam(0.1), 2),
    "LARS": lambda o: o.LARS(0.1, weight_decay=0.01, exclude=("bias",)),
    "LayerwiseLearningRate": lambda o: o.LayerwiseLearningRate("adam", {"dense": 0.5}),
    "MemberAdam": lambda o: o.MemberAdam(2, o.memberwise.MemberRates(RATES), beta_1=0.8),
    "MemberAdamW": lambda o: o.MemberAdamW(2, o.memberwise.MemberRates(RATES), weight_decay=[0.1, 0.2]),
    **{
        name: lambda o, name=name: getattr(o, name)(2, o.memberwise.MemberRates(RATES), weight_decay=[0.1, 0.2])
        for name in (
            "MemberAdadelta",
            "MemberAdafactor",
            "MemberAdagrad",
            "MemberAdamax",
            "MemberFtrl",
            "MemberLamb",
            "MemberLion",
            "MemberNadam",
        )
    },
    "MemberRMSprop": lambda o: o.MemberRMSprop(2, o.memberwise.MemberRates(RATES), rho=0.8),
    "MemberSGD": lambda o: o.MemberSGD(2, o.memberwise.MemberRates(RATES), momentum=[0.5, 0.9], nesterov=True),
    "MomentumSGD": lambda o: o.MomentumSGD(0.1, momentum=tw.schedules.JoinedSchedule([0.1, 0.9], [2])),
}


def test_every_public_optimizer_has_its_row():
    assert set(OPTIMIZERS) == set(_classes(tw.optimizers))
    assert len(OPTIMIZERS) >= 8


def _trained(optimizer):
    """A kernel of two members after five updates with known gradients."""
    layer = L.Dense(3, use_bias=False, name="dense", kernel_initializer="ones")
    layer.build((None, 2))
    optimizer.build(layer.trainable_variables)
    for step in range(5):
        optimizer.apply([keras.ops.convert_to_tensor(np.full((2, 3), 1.0 + step, "float32"))])
    return keras.ops.convert_to_numpy(layer.kernel)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_comes_back_from_json_with_its_config_and_its_steps(name):
    kind, optimizer = getattr(tw.optimizers, name), OPTIMIZERS[name](tw.optimizers)
    assert keras.saving.get_registered_name(kind) == f"trainwise>{name}"
    config = json.loads(json.dumps(optimizer.get_config()))
    again = kind.from_config(json.loads(json.dumps(config)))
    assert json.loads(json.dumps(again.get_config())) == config
    expected = _trained(optimizer)
    assert np.abs(expected - 1).min() > 0
    np.testing.assert_array_equal(_trained(again), expected)


S = tw.schedules
SCHEDULES = {
    "BatchSizeSchedule": S.BatchSizeSchedule([2, 5], [8, 16, 64]),
    "CyclicalLearningRate": S.CyclicalLearningRate(0.1, 0.5, 5, mode="exp_range", gamma=0.9),
    "InverseSqrtDecay": S.InverseSqrtDecay(0.3, 4),
    "JoinedSchedule": S.JoinedSchedule([1, K.ExponentialDecay(8.0, 1, 0.5), S.LinearWarmup(0.5, 3)], [2, 5]),
    "LinearWarmup": S.LinearWarmup(K.CosineDecay(0.5, 10), 3, start=0.1),
    "OneCycle": S.OneCycle(0.8, 12, warmup_share=0.4, anneal="linear"),
    "PiecewiseDecay": S.PiecewiseDecay(0.5, [3, 8], [0.1, 1.0, 0.0]),
    "WarmupStableDecay": S.WarmupStableDecay(2.0, 4, 3, 5, minimum=0.2, decay="1-sqrt"),
}
# Not asked for by an optimizer, so Keras saves none with a model.
UNREGISTERED = {"BatchSizeSchedule"}


def test_every_public_schedule_has_its_row():
    assert set(SCHEDULES) == set(_classes(tw.schedules))
    assert len(SCHEDULES) >= 8


@pytest.mark.parametrize("name", SCHEDULES)
def test_every_schedule_comes_back_from_json_with_its_config_and_its_values(name):
    kind, schedule = getattr(S, name), SCHEDULES[name]
    config = json.loads(json.dumps(schedule.get_config()))
    again = kind.from_config(config) if name not in UNREGISTERED else kind(**config)
    assert json.loads(json.dumps(again.get_config())) == config
    if name in UNREGISTERED:
        assert [again.at(epoch) for epoch in range(12)] == [schedule.at(epoch) for epoch in range(12)]
        return
    assert keras.saving.get_registered_name(kind) == f"trainwise>{name}"
    assert len(set(schedule.preview(12).tolist())) > 2
    np.testing.assert_array_equal(again.preview(12), schedule.preview(12))
