"""Bad starts: where a network ends hangs on where it began.

XOR needs two hidden units, and with exactly two there are many starting weights from which gradient descent ends in a
local minimum: two of the four answers stay wrong however long it runs. More units leave fewer such ends; restarts,
trained side by side as one population, find a start that works.
"""

import drawing
import keras
import numpy as np

import trainwise as tw

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
Y = np.array([[0], [1], [1], [0]], "float32")


def restarts(units, starts, epochs):
    """The result of `starts` networks with `units` hidden units, each from starting weights of its own."""

    def build():
        layers = [keras.layers.Dense(units, "tanh"), keras.layers.Dense(1, "sigmoid")]
        return keras.Sequential([keras.Input((2,)), *layers])

    # Twenty updates an epoch, each of all four rows.
    return tw.fit_population(
        build, np.tile(X, (20, 1)), np.tile(Y, (20, 1)), seed=range(starts), optimizer="adam", learning_rate=0.05,
        loss="binary_crossentropy", metrics=["accuracy"], batch_size=4, shuffle=False, epochs=epochs, verbose=0,
    )  # fmt: skip


def main(starts=60, epochs=20, sizes=(2, 3, 8), picture=None):
    """For each number of hidden units: the last loss from each start, and the share of starts that solve XOR."""
    figure, (curves, shares) = drawing.panels([f"loss from {starts} starts, two hidden units", "starts that solve XOR"])
    found = {}
    for units in sizes:
        result = restarts(units, starts, epochs)
        losses = np.array([history["loss"] for history in result.histories])
        solved = np.array([history["accuracy"][-1] for history in result.histories]) == 1
        found[units] = {"losses": losses[:, -1].tolist(), "solved": float(solved.mean())}
        if units == sizes[0]:
            for curve, right in zip(losses, solved, strict=True):
                curves.plot(curve, color=drawing.COLOURS[0 if right else 1], linewidth=0.7)
    curves.plot([], [], color=drawing.COLOURS[0], label="solved")
    curves.plot([], [], color=drawing.COLOURS[1], label="stuck")
    curves.set(xlabel="epoch")
    curves.legend(fontsize=8, loc="upper right", framealpha=1)
    shares.bar([str(units) for units in sizes], [found[units]["solved"] for units in sizes], color=drawing.COLOURS[2])
    shares.set(xlabel="hidden units", ylim=(0, 1.05))
    drawing.save(figure, __file__, picture)
    few, many = sizes[0], sizes[-1]
    print(
        f"With {few} hidden units {found[few]['solved']:.0%} of {starts} starts solve XOR, with {many} units "
        f"{found[many]['solved']:.0%}."
    )
    return found


if __name__ == "__main__":
    main()
