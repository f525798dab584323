"""What a search found: models with their weights, refits, histories."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_searches import HELD, QUICK, X, Y, bare_build, compiled_build, small_space

import trainwise as tw
from trainwise.tuning import search


def test_the_best_model_answers_the_best_score(found):
    model = found.best_model
    accuracy = float(np.mean((model.predict(HELD[0], verbose=0)[:, 0] > 0.5) == HELD[1]))
    assert accuracy == pytest.approx(found.best_score)
    assert found.best_score == max(outcome.score for outcome in found.outcomes.values())
    assert float(model.optimizer.learning_rate) == pytest.approx(found.best_settings["learning_rate"])


def test_the_best_models_go_straight_into_selection_and_a_vote(found):
    models = found.models(3)
    predictions = np.stack([model.predict(HELD[0], verbose=0) for model in models])
    selection = tw.select_members(predictions, HELD[1], size=3)
    vote = tw.vote(models, weights=selection.weights)
    expected = np.tensordot(selection.weights, predictions, axes=1)
    assert np.allclose(vote.predict(HELD[0], verbose=0), expected, atol=1e-6)


def test_refit_trains_on_all_rows_for_the_best_number_of_epochs(found):
    model = found.refit()
    steps = -(-(len(X) + len(HELD[0])) // 32)
    assert int(model.optimizer.iterations) == steps * found.best.best_epoch


def test_refit_takes_weights_several_outputs_and_lists():
    def build(hp):
        inputs = keras.Input((4,))
        hidden = keras.layers.Dense(hp.Choice("units", [2, 4]))(inputs)
        outputs = {name: keras.layers.Dense(1, name=name)(hidden) for name in ("p", "q")}
        model = keras.Model(inputs, outputs)
        model.compile("adam", {"p": "mse", "q": "mse"})
        return model

    def both(rows):
        return {"p": rows.astype("float32"), "q": rows.astype("float32")}

    weights = {"p": np.ones(160), "q": np.full(160, 0.5)}
    result = search(
        build,
        X,
        both(Y),
        sample_weight=weights,
        validation_data=(HELD[0], both(HELD[1])),
        trials=1,
        epochs=1,
        verbose=0,
    )
    assert set(result.refit().predict(X[:2], verbose=0)) == {"p", "q"}
    plain = search(compiled_build, X, Y, trials=1, epochs=1, verbose=0)
    assert plain.refit(X.tolist(), Y.tolist()).predict(X[:2], verbose=0).shape == (2, 1)


def test_refit_on_a_data_set_without_end_takes_as_many_steps_as_the_search():
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16).repeat()
    result = search(compiled_build, data, objective="loss", steps_per_epoch=3, trials=1, epochs=2, verbose=0)
    assert int(result.refit().optimizer.iterations) in (3, 6)


def test_the_history_of_a_trial_that_failed_is_empty():
    def build(hp):
        if hp.Choice("units", [2, 4, 8]) == 8:
            raise ValueError("no eights")
        return bare_build(hp)

    result = search(build, X, Y, **{**QUICK, "trials": 3}, oracle="grid")
    failed = next(number for number, outcome in result.outcomes.items() if outcome.status == "failed")
    assert result.history(failed) == {}
    assert result.history(result.order[0])["loss"]


def test_refit_weighs_the_classes_as_the_search_did():
    weighed = search(small_space(), X, Y, class_weight={0: 1.0, 1: 50.0}, **QUICK)
    assert (
        weighed.refit(epochs=30).predict(X, verbose=0).mean()
        > weighed.refit(epochs=30, class_weight=None).predict(X, verbose=0).mean()
    )


def test_only_the_best_trials_keep_their_weights(tmp_path):
    result = search(small_space(), X, Y, **{**QUICK, "trials": 3}, directory=tmp_path, keep=1)
    assert len(list(tmp_path.rglob("best.npz"))) == 1
    assert not list(tmp_path.rglob("state.npz"))
    with pytest.raises(ValueError, match=f"weights of trial {result.order[-1]} were not kept"):
        result.model_of(result.order[-1])
    with pytest.raises(KeyError, match="no trial 99"):
        result.model_of(99)


def test_the_history_of_a_trial_is_that_of_its_best_member():
    result = search(small_space(), X, Y, **QUICK)
    for number in result.order:
        outcome, history = result.outcomes[number], result.history(number)
        for name, value in outcome.metrics.items():
            assert history[name][outcome.best_epoch - 1] == value
    with pytest.raises(KeyError, match="no trial 99"):
        result.history(99)


@pytest.mark.parametrize(("epochs", "error"), [(0, ValueError), (1.5, TypeError)])
def test_a_refit_of_no_epochs_is_refused(found, epochs, error):
    with pytest.raises(error, match=f"`epochs` must be .*, got {epochs}"):
        found.refit(epochs=epochs)
