"""KerasTuner moves over: the same `build(hp)`, the same calls, another class.

`keras_tuner.RandomSearch(build, objective, max_trials=...)` becomes `tw.tuning.Search(build, objective,
max_trials=...)`: trials, hyperparameters and `get_best_models` stay. With `population=`, each trial is one architecture
trained at several rates at once, so that the rate is no question of the search any more.
"""

import tempfile

import drawing
import keras
import keras_tuner

import trainwise as tw


def build(hp):
    """A network whose units and rate are asked for, as any code for KerasTuner has it."""
    layers = [keras.layers.Dense(hp.Choice("units", [8, 16, 32, 64]), "relu"), keras.layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((64,)), *layers])
    rate = hp.Float("learning_rate", 1e-4, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def main(trials=4, epochs=6, population=8, seed=0, picture=None):
    """The scores of the trials of each class, and the best hyperparameters."""
    splits = tw.data.load("digits")
    x, held = (part.x.reshape(-1, 64) / 16 for part in (splits.train, splits.validation))
    rows = {"validation_data": (held, splits.validation.y), "epochs": epochs, "verbose": 0}
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        tuners = {
            "keras_tuner.RandomSearch": keras_tuner.RandomSearch(
                build, "val_accuracy", max_trials=trials, seed=seed, directory=folder, project_name="before"
            ),
            "tuning.Search": tw.tuning.Search(build, "val_accuracy", max_trials=trials, seed=seed),
            f"tuning.Search, {population} rates": tw.tuning.Search(
                build, "val_accuracy", max_trials=trials, seed=seed, population=population
            ),
        }
        for name, tuner in tuners.items():
            tuner.search(x, splits.train.y, **rows)
            scores = [trial.score for trial in tuner.oracle.get_best_trials(trials)]
            (best,) = tuner.get_best_models(1)
            found[name] = {
                "scores": scores,
                "best": tuner.get_best_hyperparameters()[0].values,
                "model": best.evaluate(held, splits.validation.y, verbose=0)[1],
            }
    figure, (axes,) = drawing.panels([f"validation accuracy of {trials} trials, each {epochs} epochs"])
    for place, one in enumerate(found.values()):
        axes.plot(one["scores"], [place] * len(one["scores"]), "o", markersize=9, alpha=0.7)
    axes.set_yticks(range(len(found)), list(found))
    axes.set_ylim(len(found) - 0.5, -0.5)
    drawing.save(figure, __file__, picture)
    worst = {name: min(one["scores"]) for name, one in found.items()}
    alone, *_, many = worst
    print(f"The worst trial of {alone} has {worst[alone]:.2f}, of {many} {worst[many]:.2f}.")
    return found


if __name__ == "__main__":
    main()
