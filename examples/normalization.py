"""Normalization: bring the inputs to one scale, and training is faster and less choosy about its rate.

Where one column runs in tenths and another in thousands, no rate suits both. Standardizing, (x - mean) / deviation, or
min-max scaling, (x - min) / (max - min), with numbers from the training rows alone, makes them alike; batch
normalization does it again between the layers. All of them are layers here, and so part of the model that is exported.
"""

import drawing
import keras
import numpy as np

import trainwise as tw

RATES = np.geomspace(1e-4, 10, 11)


def networks(train):
    """For each kind of scaling, a function that makes a network for the wine table."""
    scalers = {"raw": None, "standard": tw.layers.Standardize(), "min-max": tw.layers.MinMax()}
    for scaler in scalers.values():
        if scaler is not None:
            scaler.adapt(train.x)  # training rows only

    def builder(scaler, batch_norm=False):
        def build():
            front = [] if scaler is None else [scaler]
            middle = [keras.layers.BatchNormalization()] if batch_norm else []
            layers = [*front, keras.layers.Dense(16), *middle, keras.layers.ReLU(), keras.layers.Dense(3, "softmax")]
            return keras.Sequential([keras.Input((train.x.shape[1],)), *layers])

        return build

    return {name: builder(scaler) for name, scaler in scalers.items()} | {
        "standard, batch norm": builder(scalers["standard"], batch_norm=True)
    }


def main(seeds=3, epochs=20, rates=RATES, target=0.2, picture=None):
    """For each scaling: mean last loss at each rate, the rates that train, and epochs to a loss of `target`."""
    splits = tw.data.load("wine")
    figure, (against_rate, best_curves) = drawing.panels(["loss after the last epoch", "loss at the best rate"])
    found = {}
    for name, build in networks(splits.train).items():
        result = tw.fit_population(
            build, splits.train.x, splits.train.y, learning_rate=np.repeat(rates, seeds).tolist(),
            seed=list(range(seeds)) * len(rates), optimizer="sgd", loss="sparse_categorical_crossentropy",
            batch_size=16, epochs=epochs, verbose=0,
        )  # fmt: skip
        curves = np.array([history["loss"] for history in result.histories]).reshape(len(rates), seeds, epochs)
        # Rates that break down end nowhere better than where all begin.
        mean = np.minimum(np.nan_to_num(curves, nan=3.0, posinf=3.0), 3.0).mean(axis=1)
        best = mean[np.argmin(mean[:, -1])]
        reached = int(np.argmax(best <= target)) + 1 if (best <= target).any() else None
        found[name] = {"losses": mean[:, -1].tolist(), "train": int((mean[:, -1] <= target).sum()), "epochs": reached}
        against_rate.plot(rates, mean[:, -1], marker=".", label=name)
        best_curves.plot(range(1, epochs + 1), best, label=name)
    for axes in (against_rate, best_curves):
        axes.axhline(target, color="grey", linestyle=":")
        axes.set_ylim(0, 1.6)
    against_rate.set(xscale="log", xlabel="learning rate")
    best_curves.set(xlabel="epoch")
    best_curves.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    print(
        f"Raw columns come below a loss of {target} at {found['raw']['train']} of {len(rates)} rates, "
        f"standardized ones at {found['standard']['train']}, after {found['standard']['epochs']} epochs at the best."
    )
    return found


if __name__ == "__main__":
    main()
