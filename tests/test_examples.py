"""Every script of the course runs in small, and the numbers it returns support the sentence it prints."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(path.stem for path in EXAMPLES.glob("*.py") if path.stem != "drawing")
LARGEST = 80_000  # bytes of a picture


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs `main` of a script, sees to its picture and its sentence, and gives the numbers."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def runs(name, **arguments):
        spec = importlib.util.spec_from_file_location(f"course_{name}", EXAMPLES / f"{name}.py")
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        picture = tmp_path / f"{name}.png"
        numbers = script.main(picture=picture, **arguments)
        assert picture.read_bytes().startswith(b"\x89PNG")
        last = capsys.readouterr().out.strip().splitlines()[-1]
        assert last[0].isupper() or last[0].isdigit()
        assert last.endswith(".")
        return numbers

    return runs


# The table


def _table():
    rows = re.findall(
        r"^\| (.+?) \| \[(\w+)\.py\]\((\w+)\.py\) \| \[picture\]\((\S+)\) \| (.+) \|$", _readme(), re.MULTILINE
    )
    return [dict(zip(("subject", "script", "link", "picture", "sentence"), row, strict=True)) for row in rows]


def _readme():
    return (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_the_table_has_one_row_for_each_script_and_each_picture():
    table = _table()
    assert len(SCRIPTS) >= 19
    assert sorted(row["script"] for row in table) == SCRIPTS
    assert all(row["link"] == row["script"] for row in table)
    assert all(row["picture"] == f"pictures/{row['script']}.png" for row in table)
    assert all(row["sentence"].endswith(".") and row["sentence"].count(". ") == 0 for row in table)
    pictures = {path.stem: path.stat().st_size for path in (EXAMPLES / "pictures").iterdir()}
    assert sorted(pictures) == SCRIPTS
    assert max(pictures.values()) < LARGEST


@pytest.mark.parametrize("name", SCRIPTS)
def test_each_script_says_what_its_subject_is_and_is_tested_here(name):
    text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
    first, *rest = re.match(r'"""(.*?)"""', text, re.DOTALL)[1].strip().split("\n\n")
    assert re.fullmatch(r"[A-Z][^\n]*[.?]", first)
    assert rest
    assert text.rstrip().endswith('if __name__ == "__main__":\n    main()')
    assert f'run("{name}"' in Path(__file__).read_text(encoding="utf-8")


def test_a_script_by_itself_draws_into_the_file_named_behind_it(tmp_path):
    asked = [sys.executable, str(EXAMPLES / "delta_rule.py"), str(tmp_path / "own.png")]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.startswith("Updates by hand and by Keras differ by at most")
    assert (tmp_path / "own.png").is_file()


# The subjects


@pytest.mark.slow
@pytest.mark.parametrize("shape", ["straight_line", "drops_and_stays", "oscillates", "gap", "both_low"])
def test_each_shape_made_on_purpose_is_named_and_gone_after_its_cure(run, shape):
    ((name, seeds),) = run("loss_curves", seeds=3, cases=[shape]).items()
    assert name == shape and len(seeds) == 3
    for made, cured in seeds:
        assert made == shape
        assert cured != shape


def test_more_momentum_leaves_less_loss_at_one_small_rate(run):
    found = run("momentum", seeds=3, epochs=2, momenta=(0.0, 0.5, 0.9))
    for nesterov in (False, True):
        losses = [found["losses"][momentum, nesterov] for momentum in (0.0, 0.5, 0.9)]
        assert losses[0] > losses[1] > losses[2]
    assert max(found["valley"]["0.9"], found["valley"]["0.9 Nesterov"]) < found["valley"]["none"]


@pytest.mark.slow
def test_rates_that_fall_leave_less_loss_than_a_constant_one(run):
    losses = run("learning_rate_schedules", seeds=5, epochs=6, names=("constant", "cosine", "decay that changes"))
    for name in ("cosine", "decay that changes"):
        assert np.mean(losses[name]) < np.mean(losses["constant"])


@pytest.mark.slow
def test_a_growing_batch_needs_fewer_updates_for_the_same_accuracy(run):
    found = run("batch_growth", seeds=2, epochs=8)
    assert found["batch grown"]["updates"] < 0.7 * found["rate cut"]["updates"]
    assert np.mean(found["batch grown"]["accuracy"]) > np.mean(found["rate cut"]["accuracy"]) - 0.015


def test_a_rate_for_each_layer_brings_their_paces_together(run):
    for apart, together in run("layerwise_rates", seeds=2, epochs=1):
        assert apart > 20
        assert together < 5


@pytest.mark.slow
def test_the_rate_of_the_range_test_does_about_as_well_as_the_best_of_a_sweep(run):
    for one in run("range_test", seeds=3, epochs=4):
        assert one["suggestion"] < one["limit"]
        assert one["loss"] < 1.5 * np.nanmin(one["losses"])
        assert one["loss"] < 0.5 * np.nanmedian(one["losses"])


@pytest.mark.slow
def test_a_plain_network_loses_what_one_with_open_gates_keeps(run):
    found = run("recurrent_memory", lags=(80,), seeds=2, epochs=9)
    assert found["ratio"]["SimpleRNN"] < 1e-2
    assert min(found["ratio"]["LSTM"], found["ratio"]["GRU"]) > 0.2
    assert np.mean(found["accuracy"]["LSTM"][80]) > np.mean(found["accuracy"]["SimpleRNN"][80]) + 0.1


@pytest.mark.slow
def test_two_directions_fill_the_blanks_that_one_cannot(run):
    found = run("bidirectional_blank", seeds=2, epochs=3, rows=500)
    grammar, real = found["grammar"], found["docstrings"]
    assert max(grammar["forward"]) < grammar["chance"] + 0.1
    assert min(grammar["both ways"]) > 0.95
    assert min(real["both ways"]) > max(real["forward"]) + 0.15
    assert real["rows"] == 1000


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 2])
def test_a_vote_is_better_than_its_members_and_outvotes_a_wrong_one(run, seed):
    found = run("voting", seed=seed)
    *good, wrong = found["members"]
    assert wrong < 0.3
    for vote in ("soft", "hard", "soft, one wrong", "hard, one wrong"):
        assert found["votes"][vote] > np.mean(good)
    assert found["votes"]["chosen"] >= min(good)
    assert found["votes"]["dropout"] > found["members"][0] - 0.02
    assert found["weights"][-1] == 0


@pytest.mark.slow
def test_raw_columns_train_at_no_rate_and_standardized_ones_at_several(run):
    found = run("normalization", seeds=2, epochs=15, rates=(1e-4, 1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0))
    assert found["raw"]["train"] == 0
    for name in ("standard", "min-max", "standard, batch norm"):
        assert found[name]["train"] >= 2
    assert found["standard"]["train"] >= 3


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis")
def test_each_wrong_head_is_named_and_no_right_one(run):
    for task, ((good, accused), (bad, named)) in run("heads", epochs=20).items():
        assert accused == [], task
        assert named != [], task
        assert good > bad + 0.1, task


@pytest.mark.slow
def test_augmentation_makes_more_of_few_rows_and_is_not_exported(run):
    found = run("augmentation", seeds=2, epochs=60)
    for without, with_it in zip(found["without"], found["with"], strict=True):
        assert with_it > without + 0.05
    assert found["exported"]["twice"] == 0
    assert found["exported"]["model"] <= 1e-5


def test_gradients_vanish_with_sigmoids_and_stay_with_starts_that_fit(run):
    found = run("activations", depth=12, seeds=3)
    good, large, small = (found[start] for start in ("good", "too large", "too small"))
    assert max(good["sigmoid"]["first"]) < 1e-5
    for name in ("tanh", "relu", "gelu"):
        assert min(good[name]["first"]) > 0.01 and max(good[name]["first"]) < 30
        assert max(small[name]["first"]) < 1e-4
        assert min(large[name]["first"]) > 30
    # Large weights drive the ends of the range, where the slope is none.
    for name in ("sigmoid", "tanh"):
        assert min(large[name]["flat"]) > 0.2 > max(good[name]["flat"])


@pytest.mark.slow
def test_capacity_first_and_then_only_what_lowers_the_validation_loss(run):
    found = run("overfit_then_regularize", rows=100, epochs=8, seeds=1, rates=2)
    assert found["fitted"]
    tried = [row for row in found["rows"] if row["stage"] == "regularise"]
    assert len(tried) >= 4
    assert all(row["effect"] > 0 for row in tried if row["kept"])
    # Of one kind several strengths are tried, and the best is kept.
    assert all(row["effect"] <= 0 or row["step"].startswith(("dropout", "L2")) for row in tried if not row["kept"])


def test_updates_by_hand_are_those_of_keras_and_two_layers_learn_xor(run):
    for seed in (0, 1, 2):
        found = run("delta_rule", seed=seed)
        assert max(one["difference"] for one in found.values()) < 1e-6
        assert found["and", 1]["last"] < 0.02
        assert found["xor", 1]["last"] > 0.24
        assert found["xor", 2]["last"] < 0.02


@pytest.mark.slow
def test_more_units_leave_fewer_bad_starts(run):
    found = run("bad_starts", starts=20, sizes=(2, 8))
    assert 0.1 < found[2]["solved"] < 0.9
    assert found[8]["solved"] > 0.9
    # A start that is stuck keeps the loss of two wrong or undecided answers.
    assert max(found[2]["losses"]) > 0.3 > max(found[8]["losses"])


@pytest.mark.slow
def test_architectures_differ_less_at_their_own_rates_than_at_one_for_all(run):
    for seed in (0, 1):
        found = run("search", trials=3, epochs=5, rates=(1e-4, 1e-3, 1e-2, 0.1), seed=seed)
        assert np.shape(found["scores"]) == (3, 4)
        assert found["own"] < 0.6 * found["common"]


@pytest.mark.slow
def test_plain_tensorflow_serves_the_models_answers(run):
    found = run("export_and_serve", epochs=1, asked=4)
    assert found["difference"] <= 1e-5
    assert found["exported"] <= 1e-5
    assert found["imported"] is False


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Skipping variable loading")  # KerasTuner's, of its own checkpoints
def test_code_for_keras_tuner_runs_under_another_class_and_no_rate_spoils_a_trial(run):
    found = run("keras_tuner_moves_over", trials=3, epochs=3, population=6)
    alone, one, many = found.values()
    assert set(alone["best"]) == set(one["best"]) == set(many["best"]) == {"units", "learning_rate"}
    for tried in found.values():
        assert tried["model"] == pytest.approx(max(tried["scores"]), abs=1e-6)
    assert min(many["scores"]) > min(alone["scores"])
