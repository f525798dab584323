"""The face: code written for KerasTuner, and subclasses of it."""

import subprocess
import sys
from pathlib import Path

import keras_tuner
import pytest
from small_searches import HELD, X, Y, bare_build, compiled_build

from trainwise.tuning import Search, search


def test_code_written_for_keras_tuner_moves_over(tmp_path, capsys):
    tuner = Search(compiled_build, objective="val_accuracy", max_trials=2, directory=tmp_path, project_name="moved")
    tuner.search_space_summary()
    assert "rate (Float)" in capsys.readouterr().out
    tuner.search(X, Y, epochs=2, validation_data=HELD, verbose=0)
    assert len(tuner.get_best_models(2)) == 2
    assert set(tuner.get_best_hyperparameters()[0].values) == {"units", "rate"}
    tuner.results_summary()
    assert "Score" in capsys.readouterr().out
    assert tuner.oracle.get_best_trials()[0].score == tuner.result.best_score


class _OwnFit(keras_tuner.HyperModel):
    """As KerasTuner's documentation tunes the batch size."""

    def build(self, hp):
        return compiled_build(hp)

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, batch_size=hp.Choice("batch_size", [16, 32, 64]), **kwargs)


class _OwnTrial(Search):
    """As KerasTuner's documentation did before it."""

    def run_trial(self, trial, *args, **kwargs):
        kwargs["batch_size"] = trial.hyperparameters.Choice("batch_size", [16, 32, 64])
        return super().run_trial(trial, *args, **kwargs)


@pytest.mark.parametrize(("kind", "space"), [(Search, _OwnFit()), (_OwnTrial, compiled_build)])
def test_a_batch_size_that_is_asked_for_while_a_trial_trains_is_searched_also_after_an_interruption(
    kind, space, tmp_path
):
    def result(folder, trials):
        tuner = kind(space, "val_accuracy", trials, directory=folder)
        return tuner.search(X, Y, epochs=1, validation_data=HELD, verbose=0)

    whole = result(tmp_path / "whole", 6)
    sizes = [outcome.values["batch_size"] for outcome in whole.outcomes.values()]
    assert set(sizes) > {16}
    result(tmp_path / "parts", 2)
    parts = result(tmp_path / "parts", 6)
    assert [outcome.values for outcome in parts.outcomes.values()] == [o.values for o in whole.outcomes.values()]
    assert [outcome.curve for outcome in parts.outcomes.values()] == [o.curve for o in whole.outcomes.values()]


def test_a_subclass_may_train_each_trial_on_rows_of_its_own():
    class Half(Search):
        def run_trial(self, trial, x, y, **kwargs):
            return super().run_trial(trial, x[::2], y[::2], **kwargs, class_weight={0: 1.0, 1: 2.0})

    result = Half(bare_build, "val_loss", 1).search(X, Y, epochs=1, verbose=0)
    alone = search(
        bare_build, X[::2], Y[::2], objective="val_loss", trials=1, epochs=1, class_weight={0: 1.0, 1: 2.0}, verbose=0
    )
    assert result.best_score == alone.best_score
    with pytest.raises(RuntimeError, match="No search is under way"):
        Half(bare_build, "val_loss", 1).run_trial(None, X, Y)


def test_a_temporary_folder_is_gone_when_the_process_ends():
    code = (
        "import keras; from trainwise.tuning import Search\n"
        "tuner = Search(lambda hp: None, 'val_loss', 1)\n"
        "import os; assert os.path.isdir(tuner.directory); print(tuner.directory)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr[-500:]
    assert not Path(ran.stdout.strip()).exists()
