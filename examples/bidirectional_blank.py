"""Bidirectional networks: a blank that only the words after it can fill.

A network that reads forward has, at the blank, seen the words before it alone. Two networks, one from the left and one
from the right, together see the whole sentence. First sentences of a small grammar, in which the words before the blank
say nothing; then the docstrings of Python's standard library, in which "a" or "an" hangs on the next word.
"""

import functools
import importlib
import inspect
import re

import drawing
import keras
import numpy as np

import trainwise as tw

MODULES = (
    "argparse ast asyncio collections csv datetime decimal email.message functools http.client inspect ipaddress json "
    "logging mailbox multiprocessing os pathlib pickle random re shutil socket statistics string subprocess tarfile "
    "tempfile textwrap threading tkinter turtle unittest urllib.request xml.dom.minidom zipfile"
)


def grammar(rows, seed):
    """Sentences such as "we saw _ bark at night", with the animal left out, and the animal."""
    draw = np.random.default_rng(seed)
    animals = {"dogs": "bark growl", "cats": "purr meow", "birds": "sing chirp", "bees": "buzz hum"}
    before, after = ("we saw", "they heard", "you know"), ("at night", "all day", "in spring")
    answers = draw.choice(list(animals), rows)
    sentences = [
        f"{draw.choice(before)} _ {draw.choice(animals[animal].split())} {draw.choice(after)}" for animal in answers
    ]
    return sentences, list(answers)


def docstrings(window=3):
    """Pieces of the standard library's docstrings around an "a" or "an", which is left out, and which it was."""
    texts = set()
    for name in MODULES.split():
        try:
            module = importlib.import_module(name)
        except ImportError:  # such as tkinter, where Python came without it
            continue
        things = [one for one in vars(module).values() if inspect.isclass(one) or inspect.isroutine(one)]
        things += [module, *(one for thing in things if inspect.isclass(thing) for one in vars(thing).values())]
        texts |= {inspect.getdoc(one) or "" for one in things}
    pieces, answers = [], []
    for text in sorted(texts):
        words = re.findall(r"[a-z]+", text.lower())
        for place, word in enumerate(words[:-1]):
            if word in ("a", "an") and window <= place:
                pieces.append(" ".join([*words[place - window : place], "_", *words[place + 1 : place + 1 + window]]))
                answers.append(word)
    # As many of one as of the other, so that half right is chance.
    of_each = min(map(answers.count, ("a", "an")))
    chosen = [at for word in ("a", "an") for at in [k for k, one in enumerate(answers) if one == word][:of_each]]
    return [pieces[at] for at in chosen], [answers[at] for at in chosen]


def letters(texts, length):
    """Texts as letters around the blank `(rows, 2 length + 1)`: numbers from 1, 0 where there is none."""
    cut = [text.partition("_") for text in texts]
    lines = [left[-length:].rjust(length) + "_" + right[:length].ljust(length) for left, _, right in cut]
    return np.array([[max(0, ord(letter) - 94) for letter in line] for line in lines])


def reader(length, classes, both):
    """A network that reads to the blank from the left, or from both ends, and fills it."""
    inputs = keras.Input((2 * length + 1,), dtype="int32")
    embedded = keras.layers.Embedding(29, 8)(inputs)
    state = keras.layers.GRU(24)(embedded[:, : length + 1])
    if both:
        backwards = keras.layers.GRU(24, go_backwards=True)(embedded[:, length:])
        state = keras.layers.Concatenate()([state, backwards])
    return keras.Model(inputs, keras.layers.Dense(classes, "softmax")(state))


def main(seeds=2, epochs=8, rows=1000, length=8, picture=None):
    """For each text: accuracy on held-out blanks of each reader, for each seed, and chance."""
    corpora = {"grammar": grammar(rows, seed=0), "docstrings": docstrings()}
    figure, panels = drawing.panels([f"{name}: validation accuracy" for name in corpora])
    found = {}
    for axes, (name, (texts, answers)) in zip(panels, corpora.items(), strict=True):
        classes = sorted(set(answers))
        order = np.random.default_rng(0).permutation(len(texts))[: 2 * rows]
        x, y = letters(texts, length)[order], np.array([classes.index(one) for one in answers])[order]
        train, held = np.split(np.arange(len(x)), [len(x) * 3 // 4])
        found[name] = {"chance": 1 / len(classes), "rows": len(x)}
        for way, both in (("forward", False), ("both ways", True)):
            result = tw.fit_population(
                functools.partial(reader, length, len(classes), both), x[train], y[train],
                seed=range(seeds), optimizer="adam", learning_rate=0.01, loss="sparse_categorical_crossentropy",
                metrics=["accuracy"], epochs=epochs, validation_data=(x[held], y[held]), verbose=0,
            )  # fmt: skip
            curves = [history["val_accuracy"] for history in result.histories]
            found[name][way] = [curve[-1] for curve in curves]
            axes.plot(range(1, epochs + 1), np.mean(curves, axis=0), label=way)
        axes.axhline(1 / len(classes), color="grey", linestyle=":", label="chance")
        axes.set(xlabel="epoch", ylim=(0, 1.05))
        axes.legend(fontsize=8, loc="center right")
    drawing.save(figure, __file__, picture)
    one, two = (np.mean(found["docstrings"][way]) for way in ("forward", "both ways"))
    print(
        f"Of the blanks of the grammar one direction fills {np.mean(found['grammar']['forward']):.0%}, two fill "
        f"{np.mean(found['grammar']['both ways']):.0%}; of those of the docstrings {one:.0%} and {two:.0%}."
    )
    return found


if __name__ == "__main__":
    main()
