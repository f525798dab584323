"""LARS against the paper's rule in numpy."""

import keras
import numpy as np
import pytest

import trainwise as tw

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("nesterov", [False, True])
def test_lars_is_the_rule_of_the_paper_written_out(nesterov):
    kernel, bias = GENERATOR.normal(size=(3, 2)), GENERATOR.normal(size=2)
    variables = [
        keras.Variable(kernel, name="kernel", dtype="float64"),
        keras.Variable(bias, name="bias", dtype="float64"),
    ]
    optimizer = tw.optimizers.LARS(0.5, momentum=0.9, weight_decay=0.01, trust_coefficient=0.02, nesterov=nesterov)
    values, velocities = [kernel.copy(), bias.copy()], [np.zeros((3, 2)), np.zeros(2)]
    for _ in range(4):
        gradients = [GENERATOR.normal(size=(3, 2)), GENERATOR.normal(size=2)]
        optimizer.apply([keras.ops.array(gradient, "float64") for gradient in gradients], variables)
        for place, name in enumerate(("kernel", "bias")):
            gradient = gradients[place]
            if name == "kernel":
                gradient = gradient + 0.01 * values[place]
                gradient = gradient * 0.02 * np.linalg.norm(values[place]) / np.linalg.norm(gradient)
            velocities[place] = 0.9 * velocities[place] - 0.5 * gradient
            values[place] = values[place] + (
                0.9 * velocities[place] - 0.5 * gradient if nesterov else velocities[place]
            )
    for variable, value in zip(variables, values, strict=True):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(variable), value, rtol=1e-6)


def test_lars_takes_a_plain_step_where_a_norm_is_zero():
    weight = keras.Variable([0.0, 0.0], name="kernel")
    tw.optimizers.LARS(0.5, momentum=0.0).apply([keras.ops.array([1.0, -1.0])], [weight])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(weight), [-0.5, 0.5])


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"momentum": 1.0}, "`momentum` must be in .*got 1"),
     ({"trust_coefficient": 0}, "`trust_coefficient` must be in .*got 0"),
     ({"weight_decay": -1}, "`weight_decay` must be in .*got -1"), ({"epsilon": -1}, "`epsilon` must be in .*got -1")],
)  # fmt: skip
def test_lars_refuses_what_is_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        tw.optimizers.LARS(0.1, **settings)
