"""The delta rule: one update by hand.

A unit answers a = sigmoid(x W + b). Of the squared error E = sum (a - y)^2 / n the slope at the unit's sum is
delta = 2 (a - y) / n * a (1 - a), the slope at a weight x^T delta, and the update W <- W - rate * x^T delta. With a
layer in between, the delta goes back through the weights: delta_1 = (delta_2 W_2^T) * h (1 - h). That is all of
backpropagation, and Keras does the same.
"""

import drawing
import keras
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], "float32")
TARGETS = {"and": np.array([[0], [0], [0], [1]], "float32"), "xor": np.array([[0], [1], [1], [0]], "float32")}


def sigmoid(z):
    """1 / (1 + exp(-z))."""
    return 1 / (1 + np.exp(-z))


def by_hand(weights, x, y, rate):
    """One update of a network of one or two layers, written out; gives the error before it and the new weights."""
    *hidden, w, b = weights
    h = sigmoid(x @ hidden[0] + hidden[1]) if hidden else x
    a = sigmoid(h @ w + b)
    delta = 2 * (a - y) / len(x) * a * (1 - a)
    new = [w - rate * h.T @ delta, b - rate * delta.sum(axis=0)]
    if hidden:
        delta = delta @ w.T * h * (1 - h)
        new = [hidden[0] - rate * x.T @ delta, hidden[1] - rate * delta.sum(axis=0), *new]
    return float(np.mean((a - y) ** 2)), new


def network(hidden, seed):
    """One sigmoid unit, or one behind `hidden` others."""
    keras.utils.set_random_seed(seed)
    start = {"kernel_initializer": keras.initializers.RandomNormal(stddev=1.0, seed=seed)}
    layers = [keras.layers.Dense(hidden, "sigmoid", **start)] if hidden else []
    return keras.Sequential([keras.Input((2,)), *layers, keras.layers.Dense(1, "sigmoid", **start)])


def main(updates=2000, compared=20, rate=4.0, seed=1, picture=None):
    """For one layer and two: the largest difference from Keras' weights, and the error of each update."""
    figure, panels = drawing.panels(["one layer, by hand", "two layers, by hand"])
    found = {}
    for axes, hidden in zip(panels, (0, 4), strict=True):
        for question, y in TARGETS.items():
            model = network(hidden, seed)
            weights = [weight.astype("float64") for weight in model.get_weights()]
            model.compile(keras.optimizers.SGD(rate), "mse")
            differences, errors = [], []
            for update in range(updates):
                error, weights = by_hand(weights, X, y, rate)
                errors.append(error)
                if update < compared:
                    model.train_on_batch(X, y)
                    pairs = zip(weights, model.get_weights(), strict=True)
                    differences.append(max(float(np.abs(one - other).max()) for one, other in pairs))
            found[question, 2 if hidden else 1] = {"difference": max(differences), "last": errors[-1]}
            axes.plot(errors, label=question)
        axes.set(xlabel="update", ylabel="mean squared error", ylim=(0, None))
        axes.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    most = max(one["difference"] for one in found.values())
    print(
        f"Updates by hand and by Keras differ by at most {most:.0e}; XOR keeps an error of "
        f"{found['xor', 1]['last']:.2f} with one layer and comes to {found['xor', 2]['last']:.3f} with two."
    )
    return found


if __name__ == "__main__":
    main()
