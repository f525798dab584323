"""Augmentation: more rows out of few, by changes that keep the answer.

A digit that is moved is the same digit. A layer that moves pictures at random, in training alone, shows the network
another one in each epoch, which helps where rows are few. In prediction it passes the picture on as it is, and the
exported model holds none of its noise. The digits stand anywhere in a picture of 12 x 12 here.
"""

import tempfile

import drawing
import keras
import numpy as np
import tensorflow as tf

import trainwise as tw


def anywhere(digits, seed, size=12):
    """The digits, 8 x 8, each somewhere in an empty picture `(rows, size, size, 1)`."""
    pictures = np.zeros((len(digits), size, size, 1), "float32")
    corners = np.random.default_rng(seed).integers(0, size - 7, (len(digits), 2))
    for picture, digit, (row, column) in zip(pictures, digits, corners, strict=True):
        picture[row : row + 8, column : column + 8] = digit.reshape(8, 8, 1)
    return pictures


def network(augmented, seed):
    """A small convolutional network for digits, with random shifts before it or not."""
    keras.utils.set_random_seed(seed)
    shift = [keras.layers.RandomTranslation(0.15, 0.15, fill_mode="constant", seed=seed)] if augmented else []
    layers = [
        keras.layers.Rescaling(1 / 16), *shift, keras.layers.Conv2D(16, 3, activation="relu"),
        keras.layers.MaxPooling2D(), keras.layers.Flatten(), keras.layers.Dense(32, "relu"),
        keras.layers.Dense(10, "softmax"),
    ]  # fmt: skip
    model = keras.Sequential([keras.Input((12, 12, 1)), *layers])
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(seeds=2, rows=100, epochs=80, picture=None):
    """Validation accuracy with and without, for each seed, and how far two answers of the export differ."""
    splits = tw.data.load("digits")
    x, y = anywhere(splits.train.x[:rows], seed=0), splits.train.y[:rows]
    held = (anywhere(splits.validation.x, seed=1), splits.validation.y)
    figure, (curves, pictures) = drawing.panels([f"validation accuracy, {rows} rows", "a digit as it is and as shown"])
    found = {}
    for way, colour in zip(("without", "with"), drawing.COLOURS, strict=False):
        histories = []
        for seed in range(seeds):
            model = network(way == "with", seed)
            fit = model.fit(x, y, batch_size=25, epochs=epochs, validation_data=held, validation_freq=5, verbose=0)
            histories.append(fit.history["val_accuracy"])
            curves.plot(range(5, epochs + 1, 5), histories[-1], color=colour, linewidth=1, label=None if seed else way)
        found[way] = [float(np.mean(history[-3:])) for history in histories]
    shown = np.asarray(model.layers[1](x[:1].repeat(3, axis=0), training=True))[..., 0]
    pictures.imshow(np.concatenate([x[0, ..., 0], *shown], axis=1), cmap="gray_r")
    pictures.vlines(np.array([12, 24, 36]) - 0.5, -0.5, 11.5, colors="black")
    pictures.set_axis_off()
    with tempfile.TemporaryDirectory() as folder:
        report = tw.export(model, f"{folder}/digits", held[0][:8])
        served = tf.saved_model.load(report.path)
        answer = served.signatures["serving_default"]
        (name,) = answer.structured_input_signature[1]
        one, two = (np.asarray(*answer(**{name: tf.constant(held[0][:8])}).values()) for _ in range(2))
        found["exported"] = {"twice": float(np.abs(one - two).max()), "model": report.max_difference}
    curves.set(xlabel="epoch", ylim=(0, 1))
    curves.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    with_it, without = np.mean(found["with"]), np.mean(found["without"])
    print(f"From {rows} rows the accuracy is {without:.3f} without augmentation and {with_it:.3f} with it.")
    return found


if __name__ == "__main__":
    main()
