"""Learning-rate schedules: a rate that changes with the number of updates.

A high rate is quick and never comes to rest; a low one comes to rest and is slow. Schedules begin high and end low:
decay with the number of updates t, rate / (1 + decay t); decay that itself changes after given updates; a cosine; a
warmup before it, a plateau and a fall, one cycle up and down. Each is drawn and then used, with equal updates.
"""

import drawing
import keras
import numpy as np

import trainwise as tw


def schedules(rate, steps):
    """Each schedule, at the same highest rate, over `steps` updates."""
    keras_own = keras.optimizers.schedules
    return {
        "constant": keras_own.PiecewiseConstantDecay([steps], [rate, rate]),
        "decay by updates": keras_own.InverseTimeDecay(rate, decay_steps=1, decay_rate=20 / steps),
        "decay that changes": tw.schedules.PiecewiseDecay(rate, [steps // 2], [1 / steps, 60 / steps]),
        "cosine": keras_own.CosineDecay(rate, steps),
        "warmup, cosine": tw.schedules.LinearWarmup(keras_own.CosineDecay(rate, steps - steps // 10), steps // 10),
        "warmup, stable, decay": tw.schedules.WarmupStableDecay(rate, steps // 10, steps // 2, steps - steps * 6 // 10),
        "one cycle": tw.schedules.OneCycle(rate, steps),
        "cycles": tw.schedules.CyclicalLearningRate(rate / 100, rate, step_size=max(1, steps // 6)),
    }


def noisy_digits(splits, share=0.1):
    """Digits of which a share has a wrong label, so that steps stay noisy to the end."""
    draw = np.random.default_rng(0)
    y = splits.train.y.copy()
    wrong = draw.random(len(y)) < share
    y[wrong] = draw.integers(0, 10, wrong.sum())
    return splits.train.x.reshape(-1, 64) / 16, y


def main(seeds=5, epochs=8, names=None, rate=0.5, batch=16, picture=None):
    """The mean validation loss of each schedule over the seeds, and each seed's."""
    splits = tw.data.load("digits")
    x, y = noisy_digits(splits)
    held = (splits.validation.x.reshape(-1, 64) / 16, splits.validation.y)
    steps = tw.schedules.updates(epochs, samples=len(x), batch_size=batch)

    def build():
        layers = [keras.layers.Dense(32, "relu"), keras.layers.Dense(10, "softmax")]
        return keras.Sequential([keras.Input((64,)), *layers])

    figure, (drawn, used) = drawing.panels(["the rate of each update", "validation loss, mean of seeds"])
    losses = {}
    for place, (name, schedule) in enumerate(schedules(rate, steps).items()):
        if names and name not in names:
            continue
        result = tw.fit_population(
            build, x, y, seed=range(seeds), learning_rate=schedule, loss="sparse_categorical_crossentropy",
            batch_size=batch, epochs=epochs, validation_data=held, verbose=0,
        )  # fmt: skip
        curves = np.array([history["val_loss"] for history in result.histories])
        losses[name] = curves[:, -1].tolist()
        style = {"color": drawing.COLOURS[place % 7], "linestyle": "--" if place > 6 else "-", "label": name}
        drawn.plot(tw.schedules.preview(schedule, steps), **style)
        used.plot(range(1, epochs + 1), curves.mean(axis=0), **style)
    drawn.set(xlabel="update", ylabel="learning rate")
    used.set(xlabel="epoch", yscale="log")
    used.legend(fontsize=7)
    drawing.save(figure, __file__, picture)
    means = {name: float(np.mean(values)) for name, values in losses.items()}
    best = min(means, key=means.get)
    print(f"After equal updates the loss is {means['constant']:.2f} at a constant rate, {means[best]:.2f} with {best}.")
    return losses


if __name__ == "__main__":
    main()
