"""Voting: several networks together, and why their mean is better than most of them.

Each network errs in its own places, so that the mean of their probabilities (a soft vote) errs in fewer. A hard vote
counts the classes that members name; where two are named equally often, the tie goes to the likelier one. One member
that is wrong is outvoted, or left out by choosing members on validation rows, never on test rows. Dropout at prediction
is a vote too: many thinned copies of one network. A fifth of the training labels is wrong here, as labels are, and on
so few validation rows the choice is itself uncertain: the plain mean of all is often the better one.
"""

import drawing
import keras
import numpy as np

import trainwise as tw


def build():
    """A small network for digits, with dropout."""
    layers = [keras.layers.Dense(64, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((64,)), *layers])
    model.compile(keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(members=7, epochs=20, rows=600, seed=0, picture=None):
    """Accuracy on test rows of each kind of vote and of its members, and the members chosen."""
    splits = tw.data.load("digits")
    flat = {name: getattr(splits, name).x.reshape(-1, 64) / 16 for name in ("train", "validation")}
    draw = np.random.default_rng(seed)
    slips = draw.random(rows) < 0.2
    labels = np.where(slips, draw.integers(0, 10, rows), splits.train.y[:rows])
    seeds = range(100 * seed, 100 * seed + members)
    result = tw.fit_population(build, flat["train"][:rows], labels, seed=seeds, epochs=epochs, verbose=0)
    good = list(result.models)
    keras.utils.set_random_seed(seed)
    wrong = build()  # never trained: it guesses
    everyone = [*good, wrong]

    # Chosen by the validation rows; rows of the sealed test split would be refused.
    answers = np.array([model.predict(flat["validation"], verbose=0) for model in everyone])
    chosen = tw.select_members(answers, splits.validation.y, rows=flat["validation"])
    votes = {
        "soft": tw.vote(good),
        "hard": tw.vote(good, how="hard"),
        "soft, one wrong": tw.vote(everyone),
        "hard, one wrong": tw.vote(everyone, how="hard"),
        "chosen": tw.vote(everyone, weights=chosen.weights),
        "dropout": tw.mc_dropout(good[0], samples=50, seed=seed),
    }
    test = splits.test.open("the proof of the votes")
    x = test.x.reshape(-1, 64) / 16

    def accuracy(model):
        return float(np.mean(model.predict(x, verbose=0).argmax(axis=-1) == test.y))

    found = {name: accuracy(vote) for name, vote in votes.items()}
    alone = [accuracy(model) for model in everyone]
    figure, (axes,) = drawing.panels([f"accuracy on {len(x)} test rows"])
    axes.barh(list(found), found.values(), color=drawing.COLOURS[0], height=0.6)
    for place, value in enumerate(alone[:-1]):
        axes.axvline(value, color=drawing.COLOURS[1], linewidth=1, label=None if place else "members, one by one")
    axes.axvline(np.mean(alone[:-1]), color="black", linestyle="--", label="their mean")
    axes.set(xlim=(min(*alone[:-1], *found.values()) - 0.01, max(*alone, *found.values()) + 0.01))
    axes.invert_yaxis()
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    drawing.save(figure, __file__, picture)
    print(
        f"The members have an accuracy of {np.mean(alone[:-1]):.3f} on average, their soft vote {found['soft']:.3f}; "
        f"with one member that only guesses it is {found['soft, one wrong']:.3f}."
    )
    return {"votes": found, "members": alone, "weights": [float(weight) for weight in chosen.weights]}


if __name__ == "__main__":
    main()
