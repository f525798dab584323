"""Activations: what a unit makes of its sum, and what that does to the gradient through many layers.

Sigmoid 1 / (1 + exp(-z)) has a slope of 1/4 at most, tanh of 1, ReLU max(0, z) of 0 or 1, GELU z Phi(z) one near these.
Backwards, each layer multiplies the gradient by its weights and by that slope. With a start that fits the activation
(Glorot for tanh, He for ReLU) the product stays near 1; weights that start too large drive sigmoid and tanh into their
flat ends, too small ones let everything fade.
"""

import drawing
import keras
import numpy as np
import tensorflow as tf

NAMES = ("sigmoid", "tanh", "relu", "gelu")
# The spread of the starting weights, as a multiple of 1 / sqrt(inputs of a unit).
STARTS = {"good": {"sigmoid": 1.0, "tanh": 1.0, "relu": 2**0.5, "gelu": 2**0.5}, "too large": 6.0, "too small": 0.2}


def through_depth(name, spread, depth, seed, width=64):
    """The norm of the gradient at each layer's input, first to last, and the share of units at their flat ends."""
    keras.utils.set_random_seed(seed)
    start = keras.initializers.RandomNormal(stddev=spread / width**0.5, seed=seed)
    layers = [keras.layers.Dense(width, name, kernel_initializer=start.clone()) for _ in range(depth)]
    signal = tf.random.stateless_normal((128, width), (seed, 1))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(signal)
        signals = [signal]
        for layer in layers:
            signals.append(layer(signals[-1]))
        end = tf.reduce_sum(signals[-1] * tf.random.stateless_normal((128, width), (seed, 2)))
    norms = [float(np.linalg.norm(np.array(tape.gradient(end, one), "float64"))) for one in signals]
    last = np.array(signals[-1])
    flat = {"sigmoid": (last < 0.01) | (last > 0.99), "tanh": np.abs(last) > 0.99}.get(name, np.abs(last) < 1e-6)
    return np.array(norms) / norms[-1], float(flat.mean())


def main(depth=20, seeds=3, picture=None):
    """For each start and activation: the gradient at the first layer as a share of that at the last, for each seed."""
    titles = ["the functions", "their slopes", *(f"gradient, {name} start" for name in STARTS)]
    figure, panels = drawing.panels(titles, columns=3)
    z = tf.linspace(-4.0, 4.0, 200)
    found = {name: {} for name in STARTS}
    for name, line in zip(NAMES, ("-", "--", "-.", ":"), strict=True):
        function = keras.activations.get(name)
        with tf.GradientTape() as tape:
            tape.watch(z)
            values = function(z)
        panels[0].plot(z, values, line, label=name)
        panels[1].plot(z, tape.gradient(values, z), line, label=name)
        for axes, (start, spread) in zip(panels[2:], STARTS.items(), strict=True):
            spread = spread[name] if isinstance(spread, dict) else spread
            runs = [through_depth(name, spread, depth, seed) for seed in range(seeds)]
            found[start][name] = {"first": [float(norms[0]) for norms, _ in runs], "flat": [flat for _, flat in runs]}
            axes.plot(np.median([norms for norms, _ in runs], axis=0), line, label=name)
    panels[0].set_ylim(-1.5, 3)
    panels[0].legend(fontsize=8)
    for axes in panels[2:]:
        axes.set(yscale="log", xlabel="layer, first to last", ylim=(1e-30, 1e15))
    drawing.save(figure, __file__, picture)
    good = {name: np.median(found["good"][name]["first"]) for name in NAMES}
    print(
        f"Through {depth} layers that start well, sigmoids leave {good['sigmoid']:.0e} of the gradient, "
        f"tanh {good['tanh']:.1g}, ReLU {good['relu']:.1g} and GELU {good['gelu']:.1g}."
    )
    return found


if __name__ == "__main__":
    main()
