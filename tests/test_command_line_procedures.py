"""Comparisons, range tests, repairs and JSON on the command line: good and bad input, files and JSON."""

import json

import keras
import numpy as np
import pytest
import typer
from commands import in_its_own_process, in_this_process

from trainwise.command_line.endings import FAILED, passing, refusals
from trainwise.toolkit.data import load
from trainwise.toolkit.runtime.run_files import read_run_file
from trainwise.tuning.encoded_rows import EncodedRows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("procedures")


def test_compare_trains_the_first_model_as_keras_would_with_losses_free_of_the_targets_units(folder):
    done = in_this_process(
        "compare", "--data", "diabetes", "--momentum", 0.9, "--momentum", 0, "--learning-rate", 0.002, "--seeds", 2,
        "--epochs", 2, "--batch-size", 64, "--out", "compared", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "2 momenta x 1 learning rate x 2 seeds = 4 runs, 2 epochs, batches of 64" in done.stdout
    assert "compare.json and compare.png are in compared." in done.stdout
    assert (folder / "compared/compare.png").read_bytes().startswith(b"\x89PNG")
    report = json.loads((folder / "compared/compare.json").read_text())
    assert report["data"]["test_openings"] == [] and report["settings"]["seeds"] == 2
    assert report["sentence"] in done.stdout
    # Half the loss at one rate is the loss at half the rate: Keras alone, in the targets' own units.
    rows = EncodedRows(load("diabetes"))
    train, held = rows.splits.train, rows.splits.validation
    variance = np.var(train.y, dtype="float64")
    keras.utils.set_random_seed(1)
    model = rows.builder(train)()
    model.compile(keras.optimizers.SGD(0.002 / variance, momentum=0.9), "mse")
    keras.utils.set_random_seed(0)
    history = model.fit(train.x, train.y, validation_data=(held.x, held.y), epochs=2, batch_size=64, verbose=0)
    (row,) = [row for row in report["rows"] if row["momentum"] == 0.9]
    np.testing.assert_allclose(row["curves"][1], np.array(history.history["val_loss"]) / variance, rtol=1e-3)


def test_a_run_file_starts_the_run_again_and_reproduce_names_the_number_that_differs(folder):
    # Of the comparison above, whose settings its run.toml holds.
    again = in_this_process("compare", "--config", "compared/run.toml", "--epochs", 1, "--out", "again", cwd=folder)
    assert again.returncode == 0, again.stderr
    settings = json.loads((folder / "again/compare.json").read_text())["settings"]
    # What is given counts before what the file says.
    assert (settings["epochs"], settings["seeds"], settings["batch_size"]) == (1, 2, 64)
    # All rows were held, whatever memory is free when it is run again.
    assert read_run_file(folder / "again")[1]["in_memory"] == 0
    same = in_this_process("reproduce", "again", "--json", cwd=folder)
    assert same.returncode == 0, same.stderr
    found = json.loads(same.stdout)
    assert found["identical"] and found["compared"] > 20 and found["differences"] == []
    path = folder / "again/compare.json"
    report = json.loads(path.read_text())
    report["rows"][0]["mean"] += 1e-6
    path.write_text(json.dumps(report))
    other = in_this_process("reproduce", "again", cwd=folder)
    assert other.returncode == 1
    assert f"compare.json: rows[0].mean was {report['rows'][0]['mean']} and is " in other.stdout
    assert other.stdout.count("compare.json: ") == 1


def test_an_interrupt_within_another_command_keeps_its_exit_code_and_promises_nothing(capsys):
    with pytest.raises(typer.Exit) as end, refusals(FAILED), passing(), refusals(FAILED, "--resume goes on"):
        raise KeyboardInterrupt
    assert end.value.exit_code == 130 and capsys.readouterr().err == "trainwise: interrupted.\n"
    with pytest.raises(typer.Exit), refusals(FAILED, "--resume goes on"):
        raise KeyboardInterrupt
    assert "What was done is kept; --resume goes on." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--config", "compared/run.toml"], "is of `trainwise compare`, not of `trainwise run`"),
        (["compare", "--config", "nowhere"], "There is no nowhere"),
        (["reproduce", "nowhere"], "There is no nowhere"),
    ],
)
def test_a_bad_run_file_is_refused(arguments, message, folder):
    done = in_this_process(*arguments, cwd=folder)
    assert done.returncode == 2 and message in done.stderr


def test_the_shell_is_given_its_completion(monkeypatch):
    # The shell that the tests were started from is none of theirs, and in the background there is none.
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    done = in_its_own_process("--show-completion", "bash", cwd=".")
    assert done.returncode == 0 and "_TRAINWISE_COMPLETE=complete_bash" in done.stdout


def test_compare_prints_json_alone_and_ends_with_1_where_all_diverged(folder):
    done = in_this_process(
        "compare", "--data", "iris", "--optimizer", "sgd", "--learning-rate", 1e30, "--seeds", 2, "--epochs", 2,
        "--json", "--out", "diverged", cwd=folder,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout, parse_constant=pytest.fail)
    assert found == json.loads((folder / "diverged/compare.json").read_text())
    assert found["sentence"] == "Every setting diverged; try smaller learning rates."
    assert found["rows"][0]["mean"] is None and found["rows"][0]["diverged"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nesterov"], "`nesterov` is a form of momentum: give one or more with it"),
        (["--momentum", 1], "`momentum` must be in [0, 1), got 1.0"),
        (["--momentum", 0.9, "--optimizer", "adam"], "`momentum` belongs to SGD, and `optimizer` is 'adam'"),
        (["--learning-rate", 0], "`learning_rate` must be in (0, inf), got 0.0"),
        (["--optimizer", "nope"], "`optimizer` must be an optimizer that Keras knows, got 'nope'"),
        (["--optimizer", "muon"], "got Muon"),
        (["--seeds", 0], "`seeds` must be at least 1, got 0"),
        (["--epochs", 0], "`epochs` must be at least 1, got 0"),
        (["--batch-size", 0], "`batch_size` must be at least 1, got 0"),
    ],
)
def test_a_bad_comparison_is_refused_before_a_folder_is_made(arguments, message, folder):
    done = in_this_process("compare", "--data", "iris", "--out", "refused", *arguments, cwd=folder)
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (folder / "refused").exists()


def test_range_test_suggests_a_rate_that_keras_learns_with_and_a_limit_beyond_which_it_does_not(folder):
    done = in_this_process(
        "range-test", "--data", "diabetes", "--optimizer", "sgd", "--rates", 12, "--updates", 40, "--out", "tried",
        cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "12 rates from 1e-05 to 10, 40 updates each, batches of 8; losses in units of" in done.stdout
    found = json.loads((folder / "tried/range_test.json").read_text())
    assert f"Begin with a learning rate of {found['suggestion']:.2g} " in done.stdout
    assert f"Training breaks down from a rate of {found['limit']:.2g} on." in done.stdout
    assert (folder / "tried/range_test.png").read_bytes().startswith(b"\x89PNG")
    rows = EncodedRows(load("diabetes"))
    train, variance = rows.splits.train, np.var(load("diabetes").train.y, dtype="float64")

    def ended(rate):
        keras.utils.set_random_seed(0)
        model = rows.builder(train)()
        model.compile(keras.optimizers.SGD(rate / variance), "mse")
        start = model.evaluate(train.x, train.y, verbose=0, return_dict=True)["loss"]
        return model.fit(train.x, train.y, batch_size=8, verbose=0).history["loss"][-1] / start

    assert ended(found["suggestion"]) < 0.9
    # No number is no smaller than anything.
    assert not ended(found["limit"] * 3) < 1


def test_range_test_ends_with_1_and_the_reason_where_no_rate_learns(folder):
    arguments = ("--data", "iris", "--optimizer", "sgd", "--lowest", 1e30, "--highest", 1e32, "--rates", 3)
    done = in_this_process("range-test", *arguments, "--updates", 10, "--out", "none", "--json", cwd=folder)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout, parse_constant=pytest.fail)
    assert found == json.loads((folder / "none/range_test.json").read_text())
    assert found["suggestion"] is None and "no finite number at any rate" in found["reason"]
    assert (folder / "none/range_test.png").is_file()
    # That nothing learns is what comes out again.
    same = in_this_process("reproduce", "none", "--json", cwd=folder)
    assert same.returncode == 0 and json.loads(same.stdout)["identical"], same.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lowest", 0], "`lowest` must be in (0, inf), got 0.0"),
        (["--lowest", 1, "--highest", 0.5], "`highest` must be in (1, inf), got 0.5"),
        (["--rates", 1], "`rates` must be at least 2, got 1"),
        (["--updates", 9], "`updates` must be at least 10, got 9"),
        (["--batch-size", 0], "`batch_size` must be at least 1, got 0"),
        (["--method", "nope"], "`method` must be 'valley' or"),
        (["--optimizer", ""], "`optimizer` must be an optimizer that Keras knows, got ''"),
        (["--target", "nope"], "are for tables, got 'iris'"),
    ],
)
def test_a_bad_range_test_is_refused_before_a_folder_is_made(arguments, message, folder):
    done = in_this_process("range-test", "--data", "iris", "--out", "refused", *arguments, cwd=folder)
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (folder / "refused").exists()


@pytest.fixture(scope="module")
def programs(tmp_path_factory):
    """A model whose end does not fit its loss, trained to nothing; one that is not compiled, one with two inputs."""
    path = tmp_path_factory.mktemp("programs")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu")])
    model.compile(keras.optimizers.SGD(0.05), "sparse_categorical_crossentropy")
    model.set_weights([np.full(one.shape, -1.0) for one in model.get_weights()])
    model.save(path / "bad.keras")
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(path / "plain.keras")
    inputs = [keras.Input((2,)), keras.Input((2,))]
    both = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Concatenate()(inputs)))
    both.compile("sgd", "mse")
    both.save(path / "both.keras")
    (path / "words.csv").write_text("a,b,t\n" + "".join(f"{i},{'xyz'[i % 3]},{i % 2}\n" for i in range(40)))
    return path


def test_repair_mends_a_saved_program_and_leaves_a_model_that_answers_as_it_says(programs):
    done = in_this_process(
        "repair", "bad.keras", "--data", "iris", "--epochs", 8, "--variants", 1, "--out", "mended", cwd=programs
    )
    assert done.returncode == 0, done.stderr
    assert "error: wrong_output_activation" in done.stdout and ": untouched\n" in done.stdout
    report = json.loads((programs / "mended/repair.json").read_text())
    assert report["sentence"] in done.stdout and report["data"]["test_openings"] == []
    assert ("output_activation", "softmax") in [(one["parameter"], one["value"]) for one in report["changes"]]
    mended = keras.models.load_model(programs / "mended/repaired.keras")
    held = load("iris").validation
    right = np.mean(mended.predict(held.x, verbose=0).argmax(axis=1) == held.y)
    assert right == pytest.approx(max(row["score"] for row in report["rows"])) and right > 0.6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plain.keras", "--data", "iris"], "plain.keras holds no loss and no optimizer"),
        (["both.keras", "--data", "iris"], "both.keras must be a Functional or Sequential model with one input"),
        (["bad.keras", "--data", "digits"], "takes rows of shape (4,), and digits has (8, 8, 1)"),
        (["bad.keras", "--data", "words.csv"], "A repair takes rows of numbers or images, and words has columns"),
        (["nowhere.keras", "--data", "iris"], "There is no file nowhere.keras"),
        (["bad.keras", "--data", "iris", "--variants", 0], "`most_variants` must be at least 1, got 0"),
        (["bad.keras", "--data", "iris", "--epochs", 0], "`epochs` must be at least 1, got 0"),
    ],
)
def test_a_bad_repair_is_refused_before_a_folder_is_made(arguments, message, programs):
    done = in_this_process("repair", *arguments, "--out", "refused", cwd=programs)
    assert done.returncode == 2 and message in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1 and not (programs / "refused").exists()


def test_diagnose_prints_its_findings_as_one_json_object_with_the_same_exit_code(tmp_path):
    (tmp_path / "bad.csv").write_text("epoch,loss\n0,1.0\n1,0.5\n2,nan\n3,0.25\n")
    (tmp_path / "good.csv").write_text("epoch,loss\n0,1.0\n1,0.5\n2,0.3\n3,0.25\n")
    bad = in_this_process("diagnose", "bad.csv", "--json", "--language", "ko", cwd=tmp_path)
    found = json.loads(bad.stdout)
    assert bad.returncode == 1 and not found["healthy"] and found["shape"]["name"] == "breaks_down"
    (finding,) = found["findings"]
    assert (finding["symptom"], finding["level"], finding["epoch"]) == ("non_finite", "error", 2)
    assert finding["words"].startswith("오류") and found["shape"]["words"].startswith("손실")
    good = in_this_process("diagnose", "good.csv", "--json", cwd=tmp_path)
    found = json.loads(good.stdout)
    assert good.returncode == 0 and found["healthy"] and [one["level"] for one in found["findings"]] == ["info"]
    none = in_this_process("diagnose", "nowhere.csv", "--json", cwd=tmp_path)
    assert none.returncode == 2 and none.stdout == "" and "There is no file or folder" in none.stderr


def test_check_prints_data_or_findings_as_one_json_object(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "bad.keras")
    bad = in_this_process("check", "bad.keras", "--data", "iris", "--json", cwd=tmp_path)
    found = json.loads(bad.stdout)
    assert bad.returncode == 1 and found["data"]["name"] == "iris" and not found["healthy"]
    assert "wrong_output_activation" in [one["symptom"] for one in found["findings"]]
    (tmp_path / "copy.csv").write_text("a,b,t\n" + "".join(f"{i % 2},{i * i % 7},{i % 2}\n" for i in range(60)))
    data = in_this_process("check", "--data", "copy.csv", "--json", cwd=tmp_path)
    found = json.loads(data.stdout)
    assert data.returncode == 0 and sum(found["data"]["rows"].values()) == 60
    assert (found["task"], found["target"]) == ("binary", "t")
    assert any("'a'" in warning for warning in found["warnings"])
