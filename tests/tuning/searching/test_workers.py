"""Trials side by side: processes of this machine, and Ray with a node that is killed."""

import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from trainwise.toolkit.runtime.own_folders import WorkFolder
from trainwise.tuning import MLP, search
from trainwise.tuning.searching.workers import end_with_parent, use_one_gpu

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
Y = (X[:, 0] + X[:, 1] > 0).astype(int)
JOB = {"trials": 4, "epochs": 3, "population": 2, "stopper": None, "verbose": 0}


def _space():
    return MLP(depth=1, units=(2, 4, 8, 16), dropout=0, l2=0)


@pytest.mark.slow
def test_two_processes_train_the_same_trials_to_the_same_curves_as_one():
    alone, two = (search(_space(), X, Y, **JOB, workers=workers) for workers in (1, 2))
    assert [outcome.values for outcome in two.outcomes.values()] == [o.values for o in alone.outcomes.values()]
    assert [outcome.curve for outcome in two.outcomes.values()] == [o.curve for o in alone.outcomes.values()]
    assert two.order == alone.order
    assert np.array_equal(two.best_model.predict(X, verbose=0), alone.best_model.predict(X, verbose=0))


@pytest.mark.slow
def test_a_worker_that_is_killed_is_replaced_and_its_trial_goes_on(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import sys
        import numpy as np
        import trainwise as tw
        if __name__ == "__main__":
            rng = np.random.default_rng(0)
            x = rng.normal(size=(200, 4)); y = (x[:, 0] + x[:, 1] > 0).astype(int)
            space = tw.tuning.MLP(depth=1, units=(2, 4, 8, 16), dropout=0, l2=0)
            tw.tuning.search(space, x, y, trials=3, epochs=60, population=2, stopper=None, workers=2,
                             directory=sys.argv[1])
        """)
    )
    run = subprocess.Popen(
        [sys.executable, script, tmp_path / "a"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    victim = _worker_at_work(run.pid, tmp_path / "a")
    os.kill(victim, signal.SIGKILL)
    said = run.communicate(timeout=150)[0]
    assert run.returncode == 0, said
    curves = list((tmp_path / "a").rglob("curve.jsonl"))
    assert sorted(len(curve.read_text().splitlines()) for curve in curves) == [60, 60, 60]
    log = (tmp_path / "a" / "search" / "log.jsonl").read_text()
    assert (log.count('"begin"'), log.count('"end"')) == (3, 3)


def _worker_at_work(parent, folder):
    """A process that holds the lock of a trial which has begun."""
    deadline = time.time() + 100
    while time.time() < deadline:
        if any(path.read_bytes().count(b"\n") >= 3 for path in Path(folder).rglob("curve.jsonl")):
            for process in Path("/proc").glob("[0-9]*"):
                held = {os.readlink(link) for link in _links(process)}
                if any(str(folder) in target and target.endswith("/lock") and "trials" in target for target in held):
                    return int(process.name)
        time.sleep(0.05)
    raise AssertionError("no worker was seen at work")


def _links(process):
    try:
        links = list((process / "fd").iterdir())
    except OSError:
        return
    for link in links:
        try:
            os.readlink(link)
        except OSError:
            continue
        yield link


def _holds(home, said):
    work = WorkFolder("trainwise-plan-", home)
    said.send(work.path)
    time.sleep(60)


def _works(folder):
    end_with_parent(folder)
    time.sleep(60)


def test_a_worker_ends_with_its_parent_and_the_plan_goes(tmp_path):
    fork = multiprocessing.get_context("fork")
    heard, said = fork.Pipe()
    parent = fork.Process(target=_holds, args=(tmp_path, said))
    parent.start()
    folder = heard.recv()
    (folder / "train").write_text("rows and all")
    workers = [fork.Process(target=_works, args=(str(folder),)) for _ in range(2)]
    for worker in workers:
        worker.start()
    time.sleep(0.3)
    assert all(worker.is_alive() for worker in workers) and folder.exists()
    parent.kill()
    for worker in workers:
        worker.join(30)
    assert [worker.exitcode for worker in workers] == [1, 1]
    assert list(tmp_path.iterdir()) == []


RAY = """
import os, sys, threading, time
os.environ.update(RAY_USAGE_STATS_ENABLED="0", TF_CPP_MIN_LOG_LEVEL="3", RAY_AUTH_MODE="disabled",
                  RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")  # Ray then takes the loopback address for its own
import ray
from ray.cluster_utils import Cluster
import numpy as np
import trainwise as tw

head = {"num_cpus": 0, "node_ip_address": "127.0.0.1", "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=head)
nodes = [cluster.add_node(num_cpus=1, node_ip_address="127.0.0.1") for _ in range(2)]
ray.init(address=cluster.address, _node_ip_address="127.0.0.1", log_to_driver=False)
rng = np.random.default_rng(0)
x = rng.normal(size=(200, 4)); y = (x[:, 0] + x[:, 1] > 0).astype(int)

def kill():
    # In mid trial: when some curve has a few epochs.
    from pathlib import Path
    while not any(p.read_bytes().count(b"\\n") >= 3 for p in Path(sys.argv[1]).rglob("curve.jsonl")):
        time.sleep(0.05)
    cluster.remove_node(nodes[1], allow_graceful=False)
    print("KILLED", flush=True)

threading.Thread(target=kill, daemon=True).start()
space = tw.tuning.MLP(depth=1, units=(2, 4, 8, 16), dropout=0, l2=0)
result = tw.tuning.search(space, x, y, trials=4, epochs=60, population=2, stopper=None, workers="ray",
                          directory=sys.argv[1], verbose=0)
print("DONE", sorted(result.outcomes), [o.epochs for o in result.outcomes.values()], result.order, flush=True)
ray.shutdown(); cluster.shutdown()
"""


def test_each_process_takes_a_gpu_of_its_own_and_shares_them_where_there_are_more_processes(monkeypatch, tmp_path):
    taken = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["first", "second"])
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda device, kind: taken.append(device))
    monkeypatch.setattr(tf.config.experimental, "set_memory_growth", lambda device, grow: None)
    for _ in range(4):
        use_one_gpu(tmp_path)
    assert taken == ["first", "second", "first", "second"]


def test_a_data_set_is_not_sent_to_workers():
    rows = tf.data.Dataset.from_tensor_slices((X, Y)).batch(32)
    with pytest.raises(TypeError, match="cannot be sent to workers"):
        search(_space(), rows, validation_data=(X, Y), **{**JOB, "workers": 2})


@pytest.mark.slow
def test_a_ray_cluster_finishes_every_trial_once_though_a_node_is_killed_in_mid_trial(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(RAY)
    run = subprocess.run(
        [sys.executable, script, tmp_path / "a"],
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert "KILLED" in run.stdout
    assert "DONE [0, 1, 2, 3] [60, 60, 60, 60]" in run.stdout
    log = (tmp_path / "a" / "search" / "log.jsonl").read_text()
    assert (log.count('"begin"'), log.count('"end"')) == (4, 4)
    alone = search(_space(), X, Y, **{**JOB, "epochs": 60})
    assert str(alone.order) in run.stdout
