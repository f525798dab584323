"""Search: the best architecture, each judged at its own best learning rate.

An architecture tried at one rate is judged by that rate as much as by its layers. Here a trial trains one architecture
at several rates side by side, drops the worse half again and again, and reports the best; the space is small and named,
and the score is that of the validation rows.
"""

import drawing
import numpy as np

import trainwise as tw

RATES = np.geomspace(1e-4, 0.3, 8).tolist()


def main(trials=5, epochs=12, rates=tuple(RATES), seed=0, picture=None):
    """The score of each architecture (a row) at each rate (a column), and the best hyperparameters."""
    splits = tw.data.load("digits")
    x, held = (part.x.reshape(-1, 64) / 16 for part in (splits.train, splits.validation))
    space = tw.tuning.MLP(depth=(1, 3), units=(8, 64), activation=("relu", "tanh"), dropout=0, l2=0)
    result = tw.tuning.search(
        space, x, splits.train.y, objective="val_accuracy", trials=trials, epochs=epochs, population=list(rates),
        validation_data=(held, splits.validation.y), seed=seed, stopper=None, drop_losers=False, verbose=0,
    )  # fmt: skip
    print(result)

    figure, (axes,) = drawing.panels(["validation accuracy of each architecture"])
    scores = []
    for outcome, marker in zip(result.outcomes.values(), "os^Dv*X" * trials, strict=False):
        of_rates = {member["learning_rate"]: member["score"] for member in outcome.members}
        scores.append([of_rates[rate] for rate in rates])
        label = f"{outcome.values['depth']} x {outcome.values['units']} {outcome.values['activation']}"
        axes.plot(rates, scores[-1], marker=marker, label=label)
    axes.set(xscale="log", xlabel="learning rate", ylim=(0, 1.02))
    axes.legend(fontsize=8)
    drawing.save(figure, __file__, picture)
    own = np.ptp(np.max(scores, axis=1))
    common = np.mean(np.ptp(scores, axis=0))
    print(
        f"Each at its best rate {trials} architectures differ by at most {own:.2f}; at one for all by {common:.2f} "
        "on average."
    )
    return {"scores": scores, "own": float(own), "common": float(common), "best": result.best_hyperparameters}


if __name__ == "__main__":
    main()
