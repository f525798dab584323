"""Momentum: steps that remember where they were going.

Each update adds a share `m` of the one before: v <- m v - rate * gradient, w <- w + v. In a long narrow valley, where
plain descent zigzags between the walls, the steps across cancel and the steps along add up, to rate / (1 - m) in all.
Nesterov's form takes the gradient where the step will have led.
"""

import drawing
import keras
import numpy as np

import trainwise as tw

VALLEY = np.array([1.0, 40.0])  # curvatures: one direction is forty times as steep as the other
MOMENTA = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9)


def path(momentum, nesterov=False, rate=0.03, updates=60):
    """The way of Keras' SGD down the valley (w1^2 + 40 w2^2) / 2 from (-10, 1.5), shape `(updates + 1, 2)`."""
    w = keras.Variable([-10.0, 1.5])
    optimizer = keras.optimizers.SGD(rate, momentum=momentum, nesterov=nesterov)
    places = [keras.ops.convert_to_numpy(w).copy()]
    for _ in range(updates):
        optimizer.apply([VALLEY * w], [w])
        places.append(keras.ops.convert_to_numpy(w).copy())
    return np.array(places)


def main(seeds=5, epochs=4, momenta=MOMENTA, picture=None):
    """How far from the valley's lowest point each path ends, and the table of a network on digits."""
    splits = tw.data.load("digits")
    x, held = (part.x.reshape(-1, 64) / 16 for part in (splits.train, splits.validation))

    def build():
        layers = [keras.layers.Dense(32, "relu"), keras.layers.Dense(10, "softmax")]
        return keras.Sequential([keras.Input((64,)), *layers])

    table = tw.tuning.compare_momentum(
        build, x, splits.train.y, momenta=momenta, learning_rate=0.02, seeds=seeds, epochs=epochs,
        loss="sparse_categorical_crossentropy", validation_data=(held, splits.validation.y), verbose=0,
    )  # fmt: skip
    print(table)

    figure, (valley, network) = drawing.panels(["60 steps in a narrow valley", "digits: mean validation loss"])
    ends = {}
    for label, settings in {"none": (0.0,), "0.9": (0.9,), "0.9 Nesterov": (0.9, True)}.items():
        places = path(*settings)
        valley.plot(*places.T, marker=".", markersize=3, linewidth=1, label=label)
        ends[label] = float(np.sqrt(VALLEY @ places[-1] ** 2))
    along, across = np.meshgrid(np.linspace(-11, 7, 90), np.linspace(-1.8, 1.8, 90))
    height = VALLEY[0] * along**2 + VALLEY[1] * across**2
    valley.contour(along, across, height, levels=8, colors="grey", linewidths=0.4)
    valley.set(xlabel="flat direction", ylabel="steep direction", ylim=(-2.1, 3.2))
    valley.legend(title="momentum", fontsize=8, ncols=3, loc="upper left")
    for nesterov, style in ((False, {"marker": "o", "markersize": 9, "fillstyle": "none"}), (True, {"marker": "x"})):
        own = [row for row in table.rows if row["nesterov"] == nesterov]
        points = sorted((row["momentum"], row["mean"], row["spread"]) for row in own)
        network.errorbar(*zip(*points, strict=True), **style, capsize=3, label="Nesterov" if nesterov else "classical")
    network.set(xlabel="momentum", ylim=(0, None))
    network.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    losses = {(row["momentum"], row["nesterov"]): row["mean"] for row in table.rows}
    with_it, without = losses[max(momenta), False], losses[0.0, False]
    print(f"At one rate momentum {max(momenta)} comes to a loss of {with_it:.2f} where none comes to {without:.2f}.")
    return {"valley": ends, "losses": losses, "sentence": table.sentence}


if __name__ == "__main__":
    main()
