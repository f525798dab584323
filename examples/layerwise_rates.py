"""Layerwise rates: each layer at a rate of its own.

How fast a layer learns is told by |update| / |weights|, the share of its weights that one update changes. In a deep
network of sigmoids the gradient shrinks from layer to layer, so that at one rate the first layers hardly move. A
multiplier of the rate for each layer brings them together.
"""

import drawing
import keras
import numpy as np

import trainwise as tw


def network(seed):
    """A deep network of sigmoids for digits."""
    keras.utils.set_random_seed(seed)
    hidden = [keras.layers.Dense(32, "sigmoid", name=f"layer_{n}") for n in range(1, 5)]
    model = keras.Sequential([keras.Input((64,)), *hidden, keras.layers.Dense(10, "softmax", name="answer")])
    model.compile(keras.optimizers.SGD(0.05, 0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def ratios(model, x, y, optimizer, epochs):
    """|update| / |weights| of each layer, mean over a fit with this optimizer, and its last loss."""
    model.compile(optimizer, "sparse_categorical_crossentropy")
    history = model.fit(x, y, epochs=epochs, callbacks=[tw.callbacks.UpdateRatioMonitor(every=5)], verbose=0).history
    named = {name.split("/")[1]: values for name, values in history.items() if name.startswith("update_ratio/")}
    return {name: float(np.mean(values)) for name, values in named.items()}, history["loss"][-1]


def main(seeds=3, epochs=4, picture=None):
    """How many times the fastest layer is faster than the slowest, before and after, for each seed."""
    splits = tw.data.load("digits")
    x, y = splits.train.x.reshape(-1, 64) / 16, splits.train.y
    spreads, shown = [], []
    for seed in range(seeds):
        multipliers = tw.optimizers.layerwise.equal_update_ratio(network(seed), x, y)
        plain = keras.optimizers.SGD(0.05, 0.9)
        before, _ = ratios(network(seed), x, y, plain, epochs)
        layerwise = tw.optimizers.LayerwiseLearningRate(keras.optimizers.SGD(0.05, 0.9), multipliers)
        after, _ = ratios(network(seed), x, y, layerwise, epochs)
        spreads.append(tuple(max(one.values()) / min(one.values()) for one in (before, after)))
        shown = shown or [multipliers, before, after]

    figure, (left, right) = drawing.panels(["|update| / |weights|, mean over the fit", "multiplier of the rate"])
    for values, label, marker in zip(shown[1:], ("one rate", "a rate a layer"), "os", strict=True):
        left.plot(values.keys(), values.values(), marker=marker, label=label)
    right.bar(shown[0].keys(), shown[0].values(), color=drawing.COLOURS[1])
    left.set(yscale="log", xlabel="layer, first to last")
    left.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    apart, together = np.mean(spreads, axis=0)
    print(f"The fastest layer is {apart:.0f} times as fast as the slowest; with a rate for each, {together:.1f} times.")
    return spreads


if __name__ == "__main__":
    main()
