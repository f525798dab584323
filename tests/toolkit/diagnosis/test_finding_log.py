"""Findings told: on the screen, in a log, in TensorBoard."""

import json
import warnings

import pytest
from tiny import CURVE, ROWS, silent, three_layers

import trainwise as tw
from trainwise import Finding
from trainwise.callbacks import GradientWatch
from trainwise.toolkit.diagnosis.finding_log import FindingLog


def test_findings_go_to_the_log_and_to_tensorboard_once(tmp_path):
    model = three_layers(kernel_initializer="ones")
    watch = GradientWatch(
        ROWS, CURVE, every=5, report=silent, log=tmp_path / "log.jsonl", tensorboard=tmp_path / "board"
    )
    model.fit(ROWS, CURVE, epochs=3, batch_size=8, callbacks=[watch], verbose=0)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [tw.Finding.from_dict(line).symptom for line in lines].count("symmetric_weights") == 1
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "board"))
    events.Reload()
    assert "findings/symmetric_weights" in events.Tags()["tensors"]


def test_paths_and_functions_are_tried_at_the_start(tmp_path):
    file = tmp_path / "file"
    file.write_text("no folder")
    with pytest.raises(ValueError, match=r"`log` must be a path that can be written, got '.*file/log'"):
        FindingLog(log=file / "log")
    with pytest.raises(ValueError, match="`tensorboard` must be a path that can be written"):
        FindingLog(tensorboard=file)
    with pytest.raises(TypeError, match="`report` must be a function, got 3"):
        FindingLog(report=3)
    with pytest.raises(TypeError, match="`log` must be a path, got 3"):
        FindingLog(log=3)


def test_trouble_that_comes_later_is_said_once_and_ends_nothing(tmp_path):
    def fails(finding):
        raise RuntimeError("no light")

    log = FindingLog(report=fails, log=tmp_path / "log")
    (tmp_path / "log").unlink()
    (tmp_path / "log").mkdir()
    finding = Finding("plateau", "warning", "It stands still.")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        log(finding)
        log(finding)
    assert [str(one.message).split(" failed")[0] for one in said] == ["`report`", "`log`"]
