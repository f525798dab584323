"""The command line, in processes of its own."""

import os
import shutil
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from commands import COMMAND, in_this_process


def test_the_command_line_says_the_findings_and_its_exit_code(tmp_path):
    losses = [float(10.0**epoch) for epoch in range(6)]
    (tmp_path / "log.csv").write_text("epoch,loss\n" + "".join(f"{k},{loss}\n" for k, loss in enumerate(losses)))
    command = [sys.executable, "-m", "trainwise", "diagnose"]
    done = subprocess.run([*command, str(tmp_path / "log.csv")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "diverging" in done.stdout
    (tmp_path / "good.csv").write_text("epoch,loss\n0,1.0\n1,0.5\n2,0.3\n3,0.25\n")
    done = subprocess.run([*command, str(tmp_path / "good.csv")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "The curves are healthy." in done.stdout
    done = subprocess.run([*command, str(tmp_path / "none.csv")], capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and "There is no file or folder" in done.stderr


def test_the_command_line_checks_a_saved_model_and_its_data(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "good.keras")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, "relu")])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.save(tmp_path / "bad.keras")

    def checked(name, *options):
        return in_this_process("check", tmp_path / name, "--data", "iris", *options, cwd=tmp_path)

    good, bad, none = checked("good.keras"), checked("bad.keras", "--language", "ko"), checked("none.keras")
    assert (good.returncode, bad.returncode, none.returncode) == (0, 1, 2)
    assert "Nothing stands in the way of a fit." in good.stdout
    assert "오류: 맞지 않는 출력 활성화 (wrong_output_activation)" in bad.stdout
    assert "none.keras" in none.stderr


def test_the_end_of_the_reader_and_a_terminal_of_ascii_end_in_words(tmp_path):
    (tmp_path / "log.csv").write_text("epoch,loss\n0,1\n1,nan\n")
    command = f"{COMMAND} diagnose log.csv --language ko"
    # A reader that is gone before anything is written, and one that is there.
    cut = subprocess.run(f"({command}; echo $? >&2) | true", shell=True, cwd=tmp_path, capture_output=True, text=True)
    assert "Traceback" not in cut.stderr and "Exception ignored" not in cut.stderr
    assert cut.stderr.splitlines()[-1] in ("0", "1")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 2
    assert "This terminal's encoding, ascii, has no Korean: set PYTHONIOENCODING=utf-8" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_the_end_of_the_system_say_how_to_go_on(how, tmp_path):
    command = [COMMAND, "run", "--data", "iris", "--epochs", "500", "--out", "cut"]
    started = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in started.stdout:
        if "epoch 3/" in line:
            started.send_signal(how)
            break
    _, errors = started.communicate(timeout=60)
    assert started.returncode == 130
    assert "--resume" in errors
    changed = in_this_process("run", "--data", "iris", "--epochs", 400, "--out", "cut", "--resume", cwd=tmp_path)
    assert changed.returncode == 2
    assert "another epochs" in changed.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "missing.csv"], "There is no file missing.csv"),
        (["--data", "empty.csv"], "is empty"),
        (["--data", "header.csv"], "holds a header and no rows"),
        (["--data", "good.csv", "--target", "c"], "no column 'c'"),
        (["--data", "good.csv", "--members", "0"], "`members` must be at least 1, got 0"),
        (["--data", "good.csv", "--epochs", "0"], "`epochs` must be at least 1, got 0"),
        (["--data", "good.csv", "--learning-rate", "-1"], "`learning_rate` must be in"),
        (["--data", "good.csv", "--task", "ranking"], "got 'ranking'"),
        (["--data", "good.csv", "--out", "taken"], "output folder taken cannot be written"),
        (["--data", "nan.npz"], "NaN or infinite"),
        (["--data", "no_such_set"], "no data set named"),
    ],
)
def test_bad_input_is_refused_with_one_sentence_before_any_training(arguments, message, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("a,b\n")
    (tmp_path / "good.csv").write_text("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(20)))
    (tmp_path / "taken").write_text("a file")
    np.savez(tmp_path / "nan.npz", x=np.full((20, 2), np.nan), y=np.arange(20) % 2)
    ended = in_this_process("run", *arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert message in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1, ended.stderr
    assert "epoch" not in ended.stdout


def test_a_full_disk_is_refused_before_any_training(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    # The system's answer for a disk with a megabyte left; to mount a real one needs root.
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=2**20))
    ended = in_this_process("demo", "--out", tmp_path / "out", cwd=tmp_path)
    assert ended.returncode == 2
    assert "1.0 MiB free; a run needs at least 32 MiB" in ended.stderr
    assert "epoch" not in ended.stdout


def test_help_answers_without_what_takes_seconds_to_import():
    code = "import sys, trainwise.__main__ as cli; cli.main()"
    watched = f"import atexit, sys; atexit.register(lambda: print(sorted(sys.modules), file=sys.stderr)); {code}"
    ended = subprocess.run([sys.executable, "-c", watched, "--help"], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0
    commands = ("demo", "run", "predict", "check", "diagnose", "search", "compare", "range-test", "repair", "report")
    assert all(name in ended.stdout for name in commands)
    imported = ended.stderr.splitlines()[-1]
    assert "'trainwise.__main__'" in imported
    for heavy in ("tensorflow", "keras", "numpy", "pandas", "sklearn", "matplotlib"):
        assert f"'{heavy}'" not in imported


def test_quiet_prints_nothing(tmp_path):
    ended = in_this_process("run", "--data", "iris", "--members", 1, "--epochs", 2, "--quiet", cwd=tmp_path)
    assert ended.returncode == 0
    assert ended.stdout == ""
    assert (tmp_path / "runs/iris/report.html").is_file()
