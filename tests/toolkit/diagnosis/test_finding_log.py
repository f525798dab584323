"""Findings told: on the screen, in a log, in TensorBoard."""

import json

from tiny import CURVE, ROWS, silent, three_layers

import trainwise as tw
from trainwise.callbacks import GradientWatch


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
