"""Loss curves: what their shape says, and what to do about it.

A loss that falls in a straight line has steps that are too short: raise the learning rate. One that drops and then
stays high has steps that are too long: lower it. One that goes up and down has batches too small for its steps. Of
accuracies, a gap between training and validation rows is overfitting, and two low ones are a model that is too small.
Each shape is made here on purpose, on the digits of scikit-learn, and then cured.
"""

import drawing
import keras
import numpy as np

import trainwise as tw

# What makes each shape, and what of it is changed to cure it.
CASES = {
    "straight_line": ({"rate": 0.003}, {"rate": 0.1}),
    "drops_and_stays": ({"rate": 4.0}, {"rate": 0.1}),
    "oscillates": ({"rate": 0.45, "batch": 2, "activation": "tanh"}, {"batch": 32}),
    "gap": ({"rate": 0.5, "rows": 60, "epochs": 40}, {"rows": None}),
    "both_low": ({"rate": 0.01, "units": 1, "activation": None, "optimizer": "adam", "epochs": 40}, {"units": 32}),
}


def fit(splits, seeds, rate, batch=32, rows=None, units=32, activation="relu", optimizer="sgd", epochs=20):
    """The histories of one network from several starting weights, trained side by side."""

    def build():
        layers = [keras.layers.Dense(units, activation), keras.layers.Dense(10, "softmax")]
        return keras.Sequential([keras.Input((64,)), *layers])

    x, held = (part.x.reshape(-1, 64) / 16 for part in (splits.train, splits.validation))
    result = tw.fit_population(
        build, x[:rows], splits.train.y[:rows], seed=range(seeds), learning_rate=rate, optimizer=optimizer,
        loss="sparse_categorical_crossentropy", metrics=["accuracy"], batch_size=batch, epochs=epochs,
        validation_data=(held, splits.validation.y), verbose=0,
    )  # fmt: skip
    return result.histories


def main(seeds=5, cases=tuple(CASES), picture=None):
    """The shape of each case, and the shape and last loss after its cure, for each seed."""
    splits = tw.data.load("digits")
    figure, panels = drawing.panels([name.replace("_", " ") for name in cases], columns=3)
    found = {}
    for axes, name in zip(panels, cases, strict=True):
        made, change = CASES[name]
        before, after = fit(splits, seeds, **made), fit(splits, seeds, **made | change)
        found[name] = [(tw.shape(one).name, tw.shape(two).name) for one, two in zip(before, after, strict=True)]
        curves = ["accuracy", "val_accuracy"] if name in ("gap", "both_low") else ["loss"]
        for curve in curves:
            line = "--" if curve.startswith("val") else "-"
            axes.plot(before[0][curve], line, color=drawing.COLOURS[0], label=curve)
            axes.plot(after[0][curve], line, color=drawing.COLOURS[1], label=f"{curve}, cured")
        changed = ", ".join(f"{key} {made.get(key, 'few')} to {value or 'all'}" for key, value in change.items())
        axes.set_title(f"{name.replace('_', ' ')}: {changed}", fontsize=10)
        axes.set_xlabel("epoch")
        axes.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    named = np.mean([one == name for name, shapes in found.items() for one, _ in shapes])
    cured = np.mean([two != name for name, shapes in found.items() for _, two in shapes])
    print(f"Of the runs spoilt on purpose {named:.0%} have the shape they should, and {cured:.0%} lose it by the cure.")
    return found


if __name__ == "__main__":
    main()
