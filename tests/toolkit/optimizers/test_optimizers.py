"""Laws of all optimizers."""

import json

import keras
import numpy as np
import pytest

import trainwise as tw

L = keras.layers


GENERATOR = np.random.default_rng(0)


X = GENERATOR.normal(size=(96, 5)).astype("float32")


Y = GENERATOR.normal(size=(96, 2)).astype("float32")


def _difference(one, other):
    return max(float(np.abs(a - b).max()) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


@pytest.mark.parametrize(
    "make",
    [
        lambda: tw.optimizers.MomentumSGD(0.1, momentum=0.5, nesterov=True),
        lambda: tw.optimizers.MomentumSGD(0.1, momentum=tw.schedules.JoinedSchedule([0.1, 0.2], [3])),
        lambda: tw.optimizers.LARS(0.1, weight_decay=0.01, exclude=("bias",)),
        lambda: tw.optimizers.AccumulatedGradients(tw.optimizers.LayerwiseLearningRate("adam", {"dense*": 0.5}), 3),
    ],
)
def test_every_optimizer_round_trips_through_json_and_is_saved_with_its_model(make, tmp_path):
    optimizer = make()
    config = json.loads(json.dumps(optimizer.get_config()))
    assert json.loads(json.dumps(type(optimizer).from_config(config).get_config())) == config
    model = keras.Sequential([keras.Input((5,)), L.Dense(2, name="dense")])
    model.compile(make(), "mse")
    model.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = tw.load_model(tmp_path / "model.keras")
    for one in (model, again):
        one.fit(X, Y, batch_size=16, shuffle=False, verbose=0)
    assert _difference(model, again) == 0
