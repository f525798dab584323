"""The range test: which learning rates a model can be trained with, before it is trained.

Copies of the model make a few updates, each at a rate of its own. Below some rate the loss hardly moves; above another,
the stability limit, it breaks down. The rate to begin with lies at the lowest loss, with a distance to the limit.
"""

import drawing
import keras
import numpy as np

import trainwise as tw


def main(seeds=3, epochs=6, updates=100, picture=None):
    """For each seed: the rate suggested and its loss after a fit, and the best and worst loss of a full sweep."""
    splits = tw.data.load("digits")
    x, y = splits.train.x.reshape(-1, 64) / 16, splits.train.y

    def build():
        layers = [keras.layers.Dense(32, "relu"), keras.layers.Dense(10, "softmax")]
        model = keras.Sequential([keras.Input((64,)), *layers])
        model.compile("sgd", "sparse_categorical_crossentropy")
        return model

    titles = [f"the test: loss after {updates} updates", f"the proof: loss after {epochs} epochs"]
    figure, (test, sweep) = drawing.panels(titles)
    found = []
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        result = tw.tuning.range_test(build(), x, y, updates=updates, seed=seed)
        rates = [*np.geomspace(1e-4, 10, 11), result.suggestion]
        fits = tw.fit_population(build, x, y, learning_rate=rates, seed=seed, epochs=epochs, verbose=0)
        *losses, own = (history["loss"][-1] for history in fits.histories)
        found.append({"suggestion": result.suggestion, "limit": result.limit, "loss": own, "losses": losses})
        test.plot(result.rates, np.minimum(result.losses, 5), marker=".", label=f"seed {seed}")
        sweep.plot(rates[:-1], np.minimum(losses, 5), marker=".")
        sweep.plot(result.suggestion, own, "*", color=drawing.COLOURS[seed], markersize=14)
    test.axvline(found[0]["suggestion"], color="black", label="suggestion")
    if found[0]["limit"]:
        test.axvline(found[0]["limit"], color="black", linestyle=":", label="limit")
    test.legend(fontsize=8)
    for axes in (test, sweep):
        axes.set(xscale="log", xlabel="learning rate", ylabel="loss")
    drawing.save(figure, __file__, picture)
    own = np.mean([one["loss"] for one in found])
    best = np.mean([np.nanmin(one["losses"]) for one in found])
    print(f"The rate of the test comes to a loss of {own:.2f}, of 11 others the best to {best:.2f}.")
    return found


if __name__ == "__main__":
    main()
