"""Bad command lines of every kind are refused in one sentence, before any training."""

import random

import bad_inputs
import pytest

SHOWN = 110


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bad")


def test_bad_options_and_damaged_files_are_refused_in_one_sentence(folder):
    drawn = random.Random(0).sample(bad_inputs.cases(folder), SHOWN)
    told = {" ".join(one)[:200]: bad_inputs.tried(one, folder) for one in drawn}
    assert {line: wrong for line, wrong in told.items() if wrong} == {}
    # Models that write a file when they are called were among them, or not drawn.
    assert not (folder / "written").exists()


def test_the_generator_makes_bad_input_of_every_command_and_format(folder):
    made = [*bad_inputs.bad_options(), *(["run", "--data", name] for name in bad_inputs.tables())]
    assert {arguments[0] for arguments in made} == {
        "demo", "run", "search", "check", "diagnose", "predict", "export", "compare", "range-test", "repair",
        "report", "reproduce",
    }  # fmt: skip
    assert len(made) + len(bad_inputs.archives()) + len(bad_inputs.schemas()) >= 200


@pytest.mark.parametrize("part", ["exit code 0", "traceback", "not before the training"])
def test_what_was_not_refused_is_told(part):
    done = bad_inputs.ended_as(0, "", "") if part == "exit code 0" else ValueError("inside")
    if part == "not before the training":
        done = bad_inputs.ended_as(2, "epoch 1/3", "trainwise: a sentence of some length")
    assert part in bad_inputs.complaint(done, 0.0)
    assert bad_inputs.complaint(bad_inputs.ended_as(2, "", "trainwise: a sentence of some length"), 0.0) == ""
