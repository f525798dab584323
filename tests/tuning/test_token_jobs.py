"""Token ids from an .npz file to a model that answers rows of them."""

import json

import numpy as np
import pytest
from commands import in_this_process


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Rows of words, of which one or the other tells the class, and a table of some of them."""
    random, folder = np.random.default_rng(0), tmp_path_factory.mktemp("words")
    y = np.arange(400) % 2
    x = np.zeros((400, 8), dtype="int64")
    for row, kind in zip(x, y, strict=True):
        length = random.integers(4, 9)
        row[:length] = random.integers(20, 400, length)
        row[random.integers(length)] = (7, 9)[kind]
    np.savez(folder / "words.npz", x=x, y=y)
    np.savetxt(folder / "few.csv", x[:6], fmt="%d", delimiter=",")
    return folder


@pytest.fixture(scope="module")
def done(folder):
    given = ["--data", "words.npz", "--tokens", "--out", "out", "--members", 1, "--epochs", 6, "--batch-size", 16]
    return in_this_process("run", *given, cwd=folder)


def test_a_run_embeds_token_ids_and_counts_words_beside(done, folder):
    assert done.returncode == 0, done.stderr
    for said in ("at most 8 token ids of 399", "0 fills up and is masked", "check: nothing wrong", "commonest words"):
        assert said in done.stdout
    report = json.loads((folder / "out/report.json").read_text())
    # Each row bears its word by the generator.
    assert report["evaluation"]["results"][0]["value"] > 0.95
    assert report["export"]["max_difference"] <= 1e-5
    schema = json.loads((folder / "out/models/words/1/assets.extra/trainwise.json").read_text())
    assert schema["tokens"] is True and schema["shape"] == [8]


def test_predict_answers_a_table_of_token_ids_and_refuses_others(done, folder):
    answered = in_this_process("predict", "out/models/words", "few.csv", cwd=folder)
    assert answered.returncode == 0, answered.stderr
    assert [line[0] for line in answered.stdout.splitlines()[1:]] == list("010101")
    (folder / "half.csv").write_text("1,2,3,4,5,6,7,8\n1,2,3,4.5,5,6,7,8\n")
    refused = in_this_process("predict", "out/models/words", "half.csv", cwd=folder)
    assert refused.returncode == 2 and "whole numbers from 0, got 4.5 in row 2" in refused.stderr


def test_without_the_word_of_the_user_ids_are_numbers_and_it_is_said(folder):
    checked = in_this_process("check", "--data", "words.npz", cwd=folder)
    assert checked.returncode == 0 and "(`--tokens` on the command line)" in checked.stdout


def test_a_search_takes_token_ids_with_recurrent_networks_alone(folder):
    given = ["search", "--data", "words.npz", "--tokens", "--out", "found", "--trials", 1, "--epochs", 1, "--quiet"]
    refused = in_this_process(*given, "--space", "mlp", cwd=folder)
    assert refused.returncode == 2 and "give `space` 'rnn', got 'mlp'" in refused.stderr
    assert not (folder / "found").exists()
