"""A run logged into MLflow's local stores, and read back by its own client."""

import json
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from reports import searched, sick

from trainwise.toolkit.report.mlflow_log import log_run
from trainwise.toolkit.report.page import write

mlflow = pytest.importorskip("mlflow")


@pytest.fixture
def store(tmp_path, monkeypatch):
    # Its files are in maintenance, and still what a test can have without a database.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    return f"file://{tmp_path / 'mlruns'}"


@pytest.mark.filterwarnings("ignore")
def test_a_run_comes_with_scores_curves_findings_report_and_model(tmp_path, store):
    folder = tmp_path / "run"
    report = sick()
    write(report, folder)
    (folder / "models/digits/1").mkdir(parents=True)
    (folder / "models/digits/1/saved_model.pb").write_bytes(b"model")
    name = log_run(folder, store, "demo")
    client = mlflow.MlflowClient(store)
    run = client.get_run(name)
    assert run.data.params["learning_rate"] == "0.0015"
    assert run.data.metrics["test/soft vote/accuracy"] == 0.9785
    curve = client.get_metric_history(name, "member_0/val_loss")
    assert [(one.step, one.value) for one in curve] == [(k + 1, 2.0 / (k + 1)) for k in range(5)]
    assert {one.path for one in client.list_artifacts(name)} == {
        "findings.json", "model", "report.html", "report.json", "signature.json",
    }  # fmt: skip
    found = json.loads(
        Path(mlflow.artifacts.download_artifacts(run_id=name, artifact_path="findings.json")).read_text()
    )
    assert [one["symptom"] for one in found["member_1"]] == ["overfitting", "plateau"]
    assert [one.path for one in client.list_artifacts(name, "model")] == ["model/saved_model.pb"]


@pytest.mark.filterwarnings("ignore")
def test_a_search_comes_with_its_leaderboard(tmp_path, store):
    report = searched(8)
    del report["export"]
    write(report, tmp_path / "search")
    name = log_run(tmp_path / "search", store, "searches")
    assert "leaderboard.json" in {one.path for one in mlflow.MlflowClient(store).list_artifacts(name)}


@pytest.mark.filterwarnings("ignore")
def test_a_run_is_named_by_its_report_too_and_a_model_outside_its_folder_is_no_part_of_it(tmp_path, store):
    report = sick()
    write(report, tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="its model is in models/digits/1, and"):
        log_run(tmp_path / "run/report.json", store)
    (tmp_path / "run/models/digits/1").mkdir(parents=True)
    (tmp_path / "run/models/digits/1/saved_model.pb").write_bytes(b"model")
    name = log_run(tmp_path / "run/report.json", store, "demo")
    assert {"model", "report.html"} <= {one.path for one in mlflow.MlflowClient(store).list_artifacts(name)}
    report["export"]["path"] = "../.."
    write(report, tmp_path / "foreign")
    with pytest.raises(ValueError, match=r"its model is in '\.\./\.\.', which is not within"):
        log_run(tmp_path / "foreign", store)


@pytest.mark.filterwarnings("ignore")
def test_the_callback_of_the_documentation_logs_a_plain_fit(store):
    page = (Path(__file__).parents[3] / "docs/command_line.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(block, names)
    mlflow.set_tracking_uri(store)
    mlflow.set_experiment("fits")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    history = names["logged_fit"](model, np.ones((8, 2)), np.full(8, np.inf), epochs=2, verbose=0)
    client = mlflow.MlflowClient(store)
    (run,) = client.search_runs([client.get_experiment_by_name("fits").experiment_id])
    steps = [one.step for one in client.get_metric_history(run.info.run_id, "loss")]
    assert steps == [1, 2] == [epoch + 1 for epoch in history.epoch]
    found = mlflow.artifacts.load_dict(f"{run.info.artifact_uri}/findings.json")["findings"]
    assert "non_finite" in [one["symptom"] for one in found]


def test_an_address_without_a_server_is_refused_in_words(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    report = searched(8)
    del report["export"]
    write(report, tmp_path)
    # A port that no server has.
    with pytest.raises(OSError, match="MLflow at http://127.0.0.1:9 does not take the run"):
        log_run(tmp_path, "http://127.0.0.1:9")


def test_without_mlflow_the_cure_is_said(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ImportError, match=r"pip install 'trainwise\[mlflow\]'"):
        log_run(tmp_path)
