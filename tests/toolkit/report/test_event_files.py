"""Event files, read by TensorBoard's own reader and asked for over its HTTP API."""

import json
import urllib.request

import pytest
from reports import OVERFITTING, searched, sick
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.util import tensor_util

from trainwise.toolkit.report.event_files import write_events


def _read(folder):
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    found.Reload()
    return found


def _values(reader, name):
    return [(one.step, tensor_util.make_ndarray(one.tensor_proto)) for one in reader.Tensors(name)]


@pytest.fixture(scope="module")
def search_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    assert write_events(searched(8), folder) == 8
    return folder


def test_members_findings_and_charts_of_a_run_are_there(tmp_path):
    report = sick()
    assert write_events(report, tmp_path) == 2
    curve = dict(_values(_read(tmp_path / "member_0"), "val_loss"))
    assert curve == pytest.approx({k + 1: v for k, v in enumerate(report["members"][0]["history"]["val_loss"])})
    reader = _read(tmp_path / "report")
    ((step, text),) = _values(reader, "findings/member_1/overfitting")
    assert step == OVERFITTING.epoch and b"The validation loss grows." in text.item()
    for name in ("charts/results", "charts/curves-0"):
        _, image = _values(reader, name)[0]
        # Width, height and a PNG.
        assert int(image[0]) > 400 and image[2].startswith(b"\x89PNG")


def test_a_report_written_again_takes_the_place_of_the_first_and_another_run_is_refused(tmp_path):
    rows = [{"momentum": 0.9, "curves": [[1.0, 0.5]]}]
    for _ in range(2):
        write_events({"metric": "val_loss", "rows": rows}, tmp_path)
    assert [step for step, _ in _values(_read(tmp_path / "setting_0-seed_0"), "val_loss")] == [1, 2]
    other = [{"momentum": 0.9, "curves": [[1.0, 0.25]]}]
    with pytest.raises(FileExistsError, match="setting_0-seed_0 holds events of another run"):
        write_events({"metric": "val_loss", "rows": other}, tmp_path)
    assert len(_values(_read(tmp_path / "setting_0-seed_0"), "val_loss")) == 2


def test_a_thinned_history_keeps_its_epochs(tmp_path):
    member = {"name": "a", "history": {"loss": [0.5, 0.25]}, "epochs": 900, "epochs_shown": [0, 899]}
    write_events({"members": [member]}, tmp_path)
    assert [(step, float(value)) for step, value in _values(_read(tmp_path / "a"), "loss")] == [(1, 0.5), (900, 0.25)]


def test_each_trial_of_a_search_has_its_settings_and_its_score(search_folder):
    reader = _read(search_folder / "trial_7")
    told = reader.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    start = metadata.parse_session_start_info_plugin_data(told)
    assert start.hparams["activation"].string_value == "relu"
    assert [(step, round(float(value), 6)) for step, value in _values(reader, "score/val_accuracy")] == [(0, 0.97)]


# Of TensorBoard's own plugins.
@pytest.mark.filterwarnings("ignore")
def test_tensorboard_itself_shows_the_settings_under_hparams(search_folder):
    from tensorboard import default, program

    board = program.TensorBoard(plugins=default.get_plugins())
    board.configure(logdir=str(search_folder), host="127.0.0.1", port=0, load_fast="false")
    address = board.launch()
    assert "127.0.0.1" in address
    request = urllib.request.Request(f"{address}data/plugin/hparams/experiment", method="POST", data=b"{}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as answer:
        found = json.load(answer)
    assert {one["name"] for one in found["hparamInfos"]} == {"activation", "units"}
    assert any(one["name"]["tag"] == "score/val_accuracy" for one in found["metricInfos"])


def test_each_seed_of_each_setting_of_a_comparison_is_a_training_of_its_own(tmp_path):
    rows = [
        {"momentum": 0.9, "mean": 0.5, "spread": 0.1, "updates": None, "diverged": 1, "curves": [[1.0, 0.5], [None]]}
    ]
    assert write_events({"metric": "val_loss", "rows": rows}, tmp_path) == 2
    reader = _read(tmp_path / "setting_0-seed_0")
    start = metadata.parse_session_start_info_plugin_data(
        reader.SummaryMetadata(metadata.SESSION_START_INFO_TAG).plugin_data.content
    )
    assert start.hparams["momentum"].number_value == 0.9 and set(start.hparams) == {"momentum", "seed"}
    assert [float(value) for _, value in _values(reader, "val_loss")] == [1.0, 0.5]
