"""Where the trials of a search are trained: in this process, in processes of this machine, or on a Ray cluster.

All three take an assignment and give an outcome, by the same function. One process, the caller's, owns the oracle
and the journal; workers write into the trial's folder alone. One that dies is replaced, and its trial goes on from
its last epoch.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from ...toolkit.runtime import machine
from ...toolkit.runtime.files import write_whole
from ...toolkit.runtime.own_folders import WorkFolder, discard, is_own, lock_of
from .plan import Assignment, Outcome

Train = Callable[[Assignment], Outcome]

# A trial whose worker died so often is taken for the cause.
MOST_DEATHS = 3
_FILES = ("best.npz", "curve.jsonl", "state.npz")


class WorkerDiedError(RuntimeError):
    """The process or the machine that ran a trial is gone."""


class Pool(Protocol):
    """Where trials are trained, one or several at once."""

    def room(self) -> int:
        """How many trials may run at once now."""
        ...

    def submit(self, assignment: Assignment) -> Any:
        """Starts a trial; returns a ticket for it."""
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


def pool_of(train: Train, workers: int | str, resources: Mapping[str, float]) -> Pool:
    """The pool for what a search was given as `workers`.

    Args:
        train: Trains a trial; with more than one worker it is sent to each of them.
        workers: Number of processes, at least 1, or `"ray"`.
        resources: `num_cpus` and `num_gpus` of a trial on Ray.

    Raises:
        ImportError: Ray is not installed.
    """
    if isinstance(workers, str):
        return RayPool(train, resources)
    return ThisProcess(train) if workers == 1 else ProcessPool(train, workers)


class ThisProcess:
    """The caller's own process, which trains one trial after the other.

    Args:
        train: Trains a trial.
    """

    def __init__(self, train: Train) -> None:
        self._train = train

    def room(self) -> int:
        return 1

    def submit(self, assignment: Assignment) -> Any:
        # Not trained yet: what it raises is to come out of `result`, as it does of the other pools.
        return assignment

    def wait(self, tickets: Sequence[Any]) -> Any:
        return tickets[0]

    def result(self, ticket: Any) -> Outcome:
        return self._train(ticket)

    def close(self) -> None:
        pass


# Processes of this machine

# The function that this worker process trains by, under the folder that it came from.
_TRAIN: dict[str, Train] = {}


class ProcessPool:
    """Processes of this machine, each with its share of the cores, and a GPU of its own where there are some.

    They end with the process that made them, however that ends.

    Args:
        train: Trains a trial.
        workers: Number of processes, at least 1.
    """

    def __init__(self, train: Train, workers: int) -> None:
        import cloudpickle

        self._workers = workers
        self._work = WorkFolder("trainwise-plan-")
        self._folder = self._work.path
        # By a file and once: it holds all rows, which would else be sent with every trial.
        content = cloudpickle.dumps(train)
        write_whole(self._folder / "train", lambda file: file.write(content))
        (self._folder / "gpus").mkdir()
        self._pool = self._new()

    def _new(self) -> Any:
        from loky import ProcessPoolExecutor

        environment = _environment(self._workers)
        watch = {"initializer": end_with_parent, "initargs": (str(self._folder),)}
        return ProcessPoolExecutor(self._workers, timeout=None, env=environment, **watch)

    def room(self) -> int:
        return self._workers

    def submit(self, assignment: Assignment) -> Any:
        from loky.process_executor import BrokenProcessPool, ShutdownExecutorError

        try:
            return self._pool.submit(_train_here, str(self._folder), assignment)
        except (BrokenProcessPool, ShutdownExecutorError):
            # One worker that dies takes the pool with it.
            self._pool = self._new()
            return self._pool.submit(_train_here, str(self._folder), assignment)

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
        self._work.close()


def end_with_parent(folder: str) -> None:
    """In a worker: ends this process when the one that holds the folder's lock does, and removes the folder."""

    def wait() -> None:
        # Another worker may have been quicker, and nobody is left to tell of an error.
        with contextlib.suppress(OSError, ValueError):
            # The parent holds it as long as it lives, so to get it is to be alone.
            machine.hold(lock_of(folder)).close()
            if is_own(folder):
                discard(folder)
        os._exit(1)

    threading.Thread(target=wait, name="parent watch", daemon=True).start()


def _environment(workers: int) -> dict[str, str]:
    cores = max(1, machine.cores() // workers)
    return {"TF_NUM_INTRAOP_THREADS": str(cores), "OMP_NUM_THREADS": str(cores)}


def _train_here(folder: str, assignment: Assignment) -> Outcome:
    import cloudpickle

    if folder not in _TRAIN:
        use_one_gpu(Path(folder) / "gpus")
        _TRAIN.clear()  # loky may hand this process over to the next search
        _TRAIN[folder] = cloudpickle.loads((Path(folder) / "train").read_bytes())
        gc.freeze()  # as `quick_collections`, for the life of this process
    return _TRAIN[folder](assignment)


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
        train: Trains a trial.
        resources: `num_cpus` and `num_gpus` of a trial; fractions of a GPU are allowed.

    Raises:
        ImportError: Ray is not installed.
    """

    def __init__(self, train: Train, resources: Mapping[str, float]) -> None:
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
        self._train = ray.put(train)
        # Ray itself starts the task again where its node or process is gone.
        self._task = api.remote(max_retries=MOST_DEATHS, retry_exceptions=False, **self._needs)(_train_there)
        self._folders: dict[Any, Path] = {}

    def room(self) -> int:
        known = self._ray.cluster_resources()
        limits = [known.get("CPU", 0) / self._needs["num_cpus"]] if self._needs["num_cpus"] else []
        if self._needs.get("num_gpus"):
            limits.append(known.get("GPU", 0) / self._needs["num_gpus"])
        return max(1, int(min(limits, default=1)))

    def submit(self, assignment: Assignment) -> Any:
        ticket = self._task.remote(self._train, assignment)
        self._folders[ticket] = assignment.folder
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
        # The state last, as it counts for all: who finds one takes the other files to be of the same epoch.
        for name, content in sorted(files.items()):
            write_whole(folder / name, partial(_write, content))
        found: Outcome = outcome
        return found

    def close(self) -> None:
        if self._own:
            self._ray.shutdown()


def _write(content: bytes, file: BinaryIO) -> None:
    file.write(content)


def _train_there(train: Train, assignment: Assignment) -> tuple[Outcome, dict[str, bytes]]:
    """Trains on a node; where the search's folder is not on it, the trial's files go back with the outcome."""
    let_memory_grow()
    if gc.get_freeze_count() == 0:
        gc.freeze()
    if (assignment.folder.parent.parent / "search.json").is_file():
        return train(assignment), {}
    with WorkFolder("trainwise-trial-") as own:
        outcome = train(replace(assignment, folder=own))
        files = [path for path in own.rglob("*") if path.name in _FILES]
        return outcome, {str(path.relative_to(own)): path.read_bytes() for path in files}


def let_memory_grow() -> None:
    """Lets this process take GPU memory as it needs it, unless it has begun to use a GPU otherwise."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        try:
            tf.config.experimental.set_memory_growth(gpu, True)
        except RuntimeError:
            return  # This process has used it already, as it was set the first time.
