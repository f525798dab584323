"""Overfit, then regularize: first a network that can learn the rows by heart, then what keeps it from doing so.

A network that cannot fit its training rows is too small, badly fed or broken, and no regularizer helps that. So
capacity grows until the rows are fitted; then dropout, L2 and augmentation are tried one at a time, and each is kept
only where the validation loss falls.
"""

import drawing
import numpy as np

import trainwise as tw


def main(rows=250, epochs=20, seeds=2, rates=4, picture=None):
    """The steps as rows, whether the training rows were fitted, and the sentence."""
    splits = tw.data.load("digits")
    x, held = (part.x.reshape(-1, 64) / 16 for part in (splits.train, splits.validation))
    staged = tw.tuning.overfit_then_regularize(
        x[:rows], splits.train.y[:rows], validation_data=(held, splits.validation.y), epochs=epochs, seeds=seeds,
        rates=rates, verbose=0,
    )  # fmt: skip
    print(staged.table())

    figure, (accuracy, effects) = drawing.panels(["accuracy of each step", "fall of the validation loss"])
    names = [row["step"] for row in staged.rows]
    places = np.arange(len(names))
    for part, marker in (("train", "o"), ("validation", "s")):
        accuracy.plot([row[part] for row in staged.rows], places, marker, label=part)
    tried = [(place, row) for place, row in enumerate(staged.rows) if row["effect"] is not None]
    errors = [row["error"] or 0.0 for _, row in tried]
    colours = [drawing.COLOURS[2 if row["kept"] else 1] for _, row in tried]
    effects.barh([place for place, _ in tried], [row["effect"] for _, row in tried], xerr=errors, color=colours)
    for label, place in (("kept", 2), ("left out", 1)):
        effects.plot([], [], color=drawing.COLOURS[place], linewidth=6, label=label)
    for axes in (accuracy, effects):
        axes.set_yticks(places, names, fontsize=8)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    print(staged.sentence)
    return {"rows": staged.rows, "fitted": staged.fitted, "sentence": staged.sentence}


if __name__ == "__main__":
    main()
