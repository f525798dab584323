"""Batch growth: a bigger batch in place of a smaller rate.

The noise of SGD's steps goes with rate / batch size. Where a schedule would cut the rate fivefold, the batch may grow
fivefold instead: the steps become as calm, there are fewer of them, and each uses the machine better.
"""

import drawing
import keras
import numpy as np

import trainwise as tw


def main(seeds=3, epochs=12, picture=None):
    """Validation accuracy and updates of both ways, for each seed."""
    splits = tw.data.load("digits")
    x, held = (part.x.reshape(-1, 64) / 16 for part in (splits.train, splits.validation))
    y, cuts = splits.train.y, [epochs // 2, epochs * 3 // 4]
    grown, rates = tw.schedules.BatchSizeSchedule.from_learning_rates(cuts, [0.05, 0.01, 0.002], 16, largest=128)
    cut = tw.schedules.BatchSizeSchedule(cuts, [16, 16, 16])
    ways = {"rate cut": (cut, [0.05, 0.01, 0.002]), "batch grown": (grown, rates)}

    figure, (sizes, used_rates, accuracy) = drawing.panels(["rows of a batch", "learning rate", "validation accuracy"])
    found = {}
    for colour, (name, (batch_sizes, learning_rates)) in zip(drawing.COLOURS, ways.items(), strict=False):
        histories = []
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            layers = [keras.layers.Dense(32, "relu"), keras.layers.Dense(10, "softmax")]
            model = keras.Sequential([keras.Input((64,)), *layers])
            model.compile(keras.optimizers.SGD(0.05, 0.9), "sparse_categorical_crossentropy", metrics=["accuracy"])
            history = tw.tuning.fit_growing_batches(
                model, x, y, batch_sizes=batch_sizes, learning_rates=learning_rates, epochs=epochs,
                validation_data=(held, splits.validation.y), callbacks=[tw.callbacks.LearningRateMonitor()],
            )  # fmt: skip
            histories.append(history.history)
        curves = np.array([history["val_accuracy"] for history in histories])
        found[name] = {"accuracy": curves[:, -1].tolist(), "updates": histories[0]["updates"][-1]}
        sizes.step(range(epochs), histories[0]["batch_size"], where="post", color=colour, label=name)
        used_rates.step(range(epochs), histories[0]["learning_rate"], where="post", color=colour, label=name)
        accuracy.plot(histories[0]["updates"], curves.mean(axis=0), color=colour, marker=".", label=name)
    sizes.set(xlabel="epoch", yscale="log")
    used_rates.set(xlabel="epoch", yscale="log")
    accuracy.set(xlabel="updates made", ylim=(0.9, 1))
    sizes.legend(fontsize=8)
    accuracy.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    one, two = found["rate cut"], found["batch grown"]
    print(
        f"With the batch grown, {two['updates']} updates come to an accuracy of {np.mean(two['accuracy']):.3f}; "
        f"with the rate cut, {one['updates']} come to {np.mean(one['accuracy']):.3f}."
    )
    return found


if __name__ == "__main__":
    main()
