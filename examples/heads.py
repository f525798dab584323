"""Heads: the last layer, its activation and the loss go together, and the task decides which.

| task | units | activation | loss |
|---|---|---|---|
| one quantity | 1 | linear | mean squared error |
| yes or no | 1 | sigmoid | binary cross-entropy |
| one class of several | as many as classes | softmax | sparse categorical cross-entropy |
| any number of labels | as many as labels | sigmoid | binary cross-entropy |

A wrong pair raises no error: the model trains, badly or not at all. `tw.check` says so before the first epoch.
"""

import drawing
import keras
import numpy as np

import trainwise as tw

RIGHT = {
    "quantity": (1, None, "mse"),
    "yes or no": (1, "sigmoid", "binary_crossentropy"),
    "one class": (3, "softmax", "sparse_categorical_crossentropy"),
    "labels": (3, "sigmoid", "binary_crossentropy"),
}
WRONG = {
    "quantity": (1, "sigmoid", "mse"),
    "yes or no": (1, "softmax", "binary_crossentropy"),
    "one class": (1, "sigmoid", "binary_crossentropy"),
    "labels": (3, "softmax", "binary_crossentropy"),
}


def rows(task, count=400, seed=0):
    """Inputs of four columns, and targets that a random map of them gives."""
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(count, 4)).astype("float32")
    scores = (x @ draw.normal(size=(4, 3))).astype("float32")
    targets = {
        "quantity": 10 + 3 * scores[:, :1],
        "yes or no": (scores[:, :1] > 0).astype("float32"),
        "one class": scores.argmax(axis=1),
        "labels": (scores > 0).astype("float32"),
    }
    return x, targets[task]


def score(task, model, x, y):
    """Share of right answers, or R2 for a quantity."""
    answers = model.predict(x, verbose=0)
    if task == "quantity":
        return float(1 - np.mean((answers - y) ** 2) / np.var(y))
    if task == "one class":
        classes = answers.argmax(axis=1) if answers.shape[1] > 1 else np.round(answers[:, 0])
        return float(np.mean(classes == y))
    return float(np.mean((answers > 0.5) == (y > 0.5)))


def main(epochs=30, seed=0, picture=None):
    """For each task: the score of the right and of the wrong head, and what `tw.check` finds in the wrong one."""
    found = {}
    for task in RIGHT:
        x, y = rows(task, seed=seed)
        scores = []
        for units, activation, loss in (RIGHT[task], WRONG[task]):
            keras.utils.set_random_seed(seed)
            layers = [keras.layers.Dense(16, "relu"), keras.layers.Dense(units, activation)]
            model = keras.Sequential([keras.Input((4,)), *layers])
            model.compile(keras.optimizers.Adam(0.01), loss)
            findings = [one.symptom for one in tw.check(model, x, y) if one.level != "info"]
            model.fit(x, y, epochs=epochs, verbose=0)
            scores.append((score(task, model, x, y), findings))
        found[task] = scores
        print(f"{task}: right {scores[0][0]:.2f}, wrong {scores[1][0]:.2f}, found: {', '.join(scores[1][1])}")
    figure, (axes,) = drawing.panels(
        ["accuracy, or R2 of the quantity (0 where it is negative), of the right and the wrong head"]
    )
    places = np.arange(len(found))
    for shift, label, which in ((-0.2, "right", 0), (0.2, "wrong", 1)):
        heights = [max(0.0, scores[which][0]) for scores in found.values()]
        axes.bar(places + shift, heights, 0.38, color=drawing.COLOURS[which], label=label)
    names = [f"{task}\nfound: {', '.join(scores[1][1])}" for task, scores in found.items()]
    axes.set_xticks(places, names, fontsize=8)
    axes.set_ylim(0, 1.2)
    axes.legend(fontsize=8, ncols=2, loc="upper right")
    drawing.save(figure, __file__, picture)
    accused, told = (sum(bool(scores[which][1]) for scores in found.values()) for which in (0, 1))
    print(
        f"Before the first epoch `tw.check` names {told} of {len(found)} wrong heads, and {accused} of the right ones."
    )
    return found


if __name__ == "__main__":
    main()
