"""Runs the trials of a search: one after the other, in processes of this machine, or on a Ray cluster.

One process, the caller's, owns the oracle and the journal. Workers get a plan and a trial, write into the
trial's folder, and answer an outcome; one that dies is replaced, and its trial goes on from its last epoch.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from ...toolkit.runtime import machine
from .plan import Outcome, Plan
from .trial import run_trial

_MOST_DEATHS = 3
_FILES = ("best.npz", "curve.jsonl", "state.npz")


class WorkerDiedError(RuntimeError):
    """The process or the machine that ran a trial is gone."""


class Pool(Protocol):
    """Where trials run beside each other."""

    def room(self) -> int:
        """How many trials may run at once now."""
        ...

    def submit(self, arguments: dict[str, Any]) -> Any:
        """Starts a trial; answers a ticket for it."""
        ...

    def wait(self, tickets: Sequence[Any]) -> Any:
        """The first ticket whose trial has ended."""
        ...

    def result(self, ticket: Any) -> Outcome:
        """Its outcome; raises what the trial raised, or `WorkerDiedError`."""
        ...

    def close(self) -> None:
        """Ends all workers."""
        ...


def spread(run: Any, workers: Any, resources: dict[str, float]) -> None:
    """Trains every trial that the search proposes.

    Args:
        run: The `Run` of a search: proposes, and takes the outcomes.
        workers: Number of processes, at least 1, or `"ray"`.
        resources: `num_cpus` and `num_gpus` of a trial on Ray.
    """
    if workers == 1:
        _one_by_one(run)
        return
    pool: Pool = RayPool(run.plan, resources) if workers == "ray" else ProcessPool(run.plan, workers)
    try:
        _side_by_side(run, pool)
    finally:
        pool.close()


def _one_by_one(run: Any) -> None:
    while not _is_over(run):
        number = run.next_trial()
        if number is None:
            return
        run.done(number, run.run_here(number))


def _is_over(run: Any) -> bool:
    if run.deadline is not None and time.time() > run.deadline and not run.ended:
        run.ended = "The time was up."
    return bool(run.ended)


def _side_by_side(run: Any, pool: Pool) -> None:
    going: dict[Any, int] = {}
    deaths: dict[int, int] = {}
    again: list[int] = []
    while True:
        while len(going) < pool.room() and not _is_over(run):
            number = again.pop() if again else run.next_trial()
            if number is None:
                break
            going[pool.submit(run.arguments(number))] = number
        if not going:
            return
        ticket = pool.wait(list(going))
        number = going.pop(ticket)
        try:
            run.done(number, pool.result(ticket))
        except WorkerDiedError as error:
            deaths[number] = deaths.get(number, 0) + 1
            if deaths[number] < _MOST_DEATHS:
                again.append(number)
            else:
                run.done(number, run.failed(number, error))
        except Exception as error:
            run.done(number, run.raised(number, error))


# Processes of this machine

_PLAN: dict[str, Plan] = {}


class ProcessPool:
    """Processes of this machine, each with its share of the cores, and a GPU of its own where there are some.

    Args:
        plan: What is the same for all trials.
        workers: Number of processes, at least 1.
    """

    def __init__(self, plan: Plan, workers: int) -> None:
        import cloudpickle

        self._workers = workers
        self._folder = Path(tempfile.mkdtemp(prefix="trainwise-plan-"))
        (self._folder / "plan").write_bytes(cloudpickle.dumps(plan))
        (self._folder / "gpus").mkdir()
        self._pool = self._new()

    def _new(self) -> Any:
        from loky import ProcessPoolExecutor

        environment = _environment(self._workers)
        return ProcessPoolExecutor(self._workers, timeout=None, env=environment)

    def room(self) -> int:
        return self._workers

    def submit(self, arguments: dict[str, Any]) -> Any:
        from loky.process_executor import BrokenProcessPool, ShutdownExecutorError

        described = {name: value for name, value in arguments.items() if name != "plan"}
        try:
            return self._pool.submit(_train_here, str(self._folder), self._workers, described)
        except (BrokenProcessPool, ShutdownExecutorError):
            # One worker that dies takes the pool with it.
            self._pool = self._new()
            return self._pool.submit(_train_here, str(self._folder), self._workers, described)

    def wait(self, tickets: Sequence[Any]) -> Any:
        from concurrent.futures import FIRST_COMPLETED, wait

        return next(iter(wait(tickets, return_when=FIRST_COMPLETED).done))

    def result(self, ticket: Any) -> Outcome:
        from loky.process_executor import BrokenProcessPool

        try:
            found: Outcome = ticket.result()
        except BrokenProcessPool as error:
            raise WorkerDiedError(f"a worker process died: {error}") from error
        return found

    def close(self) -> None:
        self._pool.shutdown(wait=True, kill_workers=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def _environment(workers: int) -> dict[str, str]:
    cores = max(1, machine.cores() // workers)
    return {"TF_NUM_INTRAOP_THREADS": str(cores), "OMP_NUM_THREADS": str(cores)}


def _train_here(folder: str, workers: int, arguments: dict[str, Any]) -> Outcome:
    import cloudpickle

    if folder not in _PLAN:
        use_one_gpu(Path(folder) / "gpus")
        _PLAN.clear()
        _PLAN[folder] = cloudpickle.loads((Path(folder) / "plan").read_bytes())
        gc.freeze()  # as `quick_collections`, for the life of this process
    return run_trial(_PLAN[folder], **arguments)


def use_one_gpu(claims: Path) -> None:
    """Takes one GPU of the machine for this process, as the others take theirs, and lets its memory grow.

    Args:
        claims: Folder in which the processes say which GPU is theirs.
    """
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not found:
        return
    mine = found[_claimed(claims) % len(found)]
    tf.config.set_visible_devices(mine, "GPU")
    tf.config.experimental.set_memory_growth(mine, True)


def _claimed(claims: Path) -> int:
    """The first number that no other process has taken."""
    for place in itertools.count():
        with contextlib.suppress(FileExistsError):
            (claims / str(place)).touch(exist_ok=False)
            return place
    raise AssertionError  # numbers do not end


# A Ray cluster


class RayPool:
    """Tasks on a Ray cluster: the one that is connected, that `RAY_ADDRESS` names, or one on this machine alone.

    Args:
        plan: What is the same for all trials.
        resources: `num_cpus` and `num_gpus` of a trial; fractions of a GPU are allowed.

    Raises:
        ImportError: Ray is not installed.
    """

    def __init__(self, plan: Plan, resources: dict[str, float]) -> None:
        try:
            import ray
        except ImportError as error:
            raise ImportError('`workers="ray"` needs Ray; run `pip install "trainwise[ray]"`.') from error
        api: Any = ray
        self._ray: Any = api
        self._own = not ray.is_initialized()
        if self._own:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            here: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
            ray.init(log_to_driver=False, **({} if os.environ.get("RAY_ADDRESS") else here))
        self._needs = {"num_cpus": 1.0, **resources}
        self._plan = ray.put(plan)
        # Ray itself starts the task again where its node or process is gone.
        self._task = api.remote(max_retries=_MOST_DEATHS, retry_exceptions=False, **self._needs)(_train_there)
        self._folders: dict[Any, Path] = {}

    def room(self) -> int:
        known = self._ray.cluster_resources()
        limits = [known.get("CPU", 0) / self._needs["num_cpus"]] if self._needs["num_cpus"] else []
        if self._needs.get("num_gpus"):
            limits.append(known.get("GPU", 0) / self._needs["num_gpus"])
        return max(1, int(min(limits, default=1)))

    def submit(self, arguments: dict[str, Any]) -> Any:
        described = {name: value for name, value in arguments.items() if name != "plan"}
        ticket = self._task.remote(self._plan, described)
        self._folders[ticket] = arguments["folder"]
        return ticket

    def wait(self, tickets: Sequence[Any]) -> Any:
        ended, _ = self._ray.wait(list(tickets), num_returns=1)
        return ended[0]

    def result(self, ticket: Any) -> Outcome:
        folder = self._folders.pop(ticket)
        try:
            outcome, files = self._ray.get(ticket)
        except self._ray.exceptions.RayTaskError as error:
            raise error.as_instanceof_cause() from None
        except self._ray.exceptions.RayError as error:
            raise WorkerDiedError(f"a Ray task was lost: {error}") from error
        for name, content in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        found: Outcome = outcome
        return found

    def close(self) -> None:
        if self._own:
            self._ray.shutdown()


def _train_there(plan: Plan, arguments: dict[str, Any]) -> tuple[Outcome, dict[str, bytes]]:
    """Trains on a node; where the search's folder is not on it, the trial's files go back with the outcome."""
    let_memory_grow()
    if gc.get_freeze_count() == 0:
        gc.freeze()
    folder = Path(arguments["folder"])
    if (folder.parent.parent / "search.json").is_file():
        return run_trial(plan, **arguments), {}
    with tempfile.TemporaryDirectory() as own:
        outcome = run_trial(plan, **{**arguments, "folder": Path(own)})
        files = [path for path in Path(own).rglob("*") if path.name in _FILES]
        return outcome, {str(path.relative_to(own)): path.read_bytes() for path in files}


def let_memory_grow() -> None:
    """Lets this process take GPU memory as it needs it, unless it has begun to use a GPU otherwise."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            return  # This process has used it already, as it was set the first time.
