"""The folder of a search: what was proposed and what came of it, so that an interrupted one can go on."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ...toolkit.runtime.files import append_line, read_json, read_lines, write_json, write_lines
from ...toolkit.runtime.machine import hold

_HELD = ("state.npz", "best.npz")
# What a search leaves in its folder: this package's, and KerasTuner's own.
_FILES = ("search.json", "log.jsonl", "oracle.json", "plan.json", "tuner*.json")
_FOLDERS = ("trials", "trial_*")


def clear(folder: Path) -> None:
    """Removes an earlier search from its folder; what no search wrote stays.

    Args:
        folder: Of the search; it need not exist.

    Raises:
        ValueError: A search is at work in it.
    """
    if not any((folder / name).is_file() for name in ("search.json", "log.jsonl", "oracle.json")):
        return  # no search has been there, so nothing in it is one's
    with _held(folder):
        # First what says that it is a search: what a kill leaves is then none.
        for path in (path for name in _FILES for path in sorted(folder.glob(name))):
            path.unlink()
        for path in (path for name in _FOLDERS for path in folder.glob(name)):
            path.unlink() if path.is_symlink() else shutil.rmtree(path)


def _held(folder: Path) -> IO[bytes]:
    # The system lets go of the lock with the process, so a killed search leaves none behind.
    try:
        return hold(folder / "lock", wait=False)
    except BlockingIOError:
        raise ValueError(
            f"Another search is at work in {folder}; wait for it, or give another `project_name`."
        ) from None


def trial_folder(folder: Path, number: int) -> Path:
    """Where a trial of a search is kept."""
    return folder / "trials" / f"{number:04d}"


def kept_outcome(folder: Path, number: int) -> dict[str, Any]:
    """What came of a trial, as it was kept.

    Args:
        folder: Of the search.
        number: Of the trial.

    Raises:
        ValueError: It is missing, though the log says that the trial ended.
    """
    path = trial_folder(folder, number)
    known: dict[str, Any] | None = read_json(path / "outcome.json")
    if known is None:
        raise ValueError(f"{path} lacks its outcome.json; give `overwrite=True` to begin anew.")
    return known


class Journal:
    """The log and the trials' folders of one search; a context that no second process can enter.

    Args:
        folder: Of this search alone; made where it is not there.
        identity: What must be the same for a search to go on, by name.

    Raises:
        OSError: The folder cannot be written to.
        ValueError: The folder holds another search, or another process is at work in it.
    """

    def __init__(self, folder: Path, identity: dict[str, str]) -> None:
        self.folder = folder
        self.identity = identity
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Journal:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = _held(self.folder)
        try:
            self._open()
        except BaseException:
            self._lock.close()
            raise
        return self

    def _open(self) -> None:
        known = read_json(self.folder / "search.json")
        if known is None and self._path.is_file():
            raise ValueError(f"{self.folder} lacks its search.json; give another folder, or `overwrite=True`.")
        if known is None:
            write_json(self.folder / "search.json", self.identity)
        else:
            changed = [name for name, value in self.identity.items() if known.get(name) != value]
            if changed:
                raise ValueError(
                    f"{self.folder} holds a search with other {' and '.join(changed)}; "
                    "give another folder, or begin anew with `overwrite=True` (`--overwrite` on the command line)."
                )
        # A line that was cut off when the process died is left out; what it said is done again.
        self.events = read_lines(self._path)
        write_lines(self._path, self.events)

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._lock.close()

    @property
    def _path(self) -> Path:
        return self.folder / "log.jsonl"

    def add(self, event: dict[str, Any]) -> None:
        """Writes down what happened."""
        append_line(self._path, event)

    def describe(self, description: dict[str, Any]) -> None:
        """Keeps what a look at the search needs beside its log, where it is not kept yet.

        Args:
            description: Plain values.
        """
        path = self.folder / "plan.json"
        if read_json(path) != description:
            write_json(path, description)

    def forget(self, number: int) -> None:
        """Removes how far a trial has come, so that it begins anew."""
        for name in _HELD:
            for file in self.trial(number).rglob(name):
                file.unlink()

    def trial(self, number: int) -> Path:
        """The folder of a trial, which is made where it is not there."""
        path = trial_folder(self.folder, number)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def outcome(self, number: int) -> dict[str, Any]:
        """What came of a trial, as it was kept.

        Raises:
            ValueError: It is missing, though the log says that the trial ended.
        """
        return kept_outcome(self.folder, number)

    def inherit(self, parent: int, number: int) -> None:
        """Lets a trial go on from where another one stands."""
        target = self.trial(number)
        # It has begun already, and was interrupted: its own state is further on than its parent's.
        if (target / "state.npz").is_file():
            return
        for source in sorted(self.trial(parent).rglob("*.npz"), reverse=True):
            copy = target / source.relative_to(self.trial(parent))
            copy.parent.mkdir(parents=True, exist_ok=True)
            # The state comes last, by name, and counts only when it is whole.
            shutil.copyfile(source, copy.with_suffix(".copied"))
        for copied in sorted(target.rglob("*.copied")):
            copied.replace(copied.with_suffix(".npz"))

    def tidy(self, best: Sequence[int], also: Sequence[int] = ()) -> None:
        """Removes the states of trials that ended, and the weights of all but the best."""
        for path in (self.folder / "trials").glob("[0-9]*"):
            number = int(path.name)
            if number in also or not (path / "outcome.json").is_file():
                continue
            # A trial that ended is never gone on with, so no state of it is wanted, and weights of the best alone.
            for name in _HELD if number not in best else _HELD[:1]:
                for file in path.rglob(name):
                    file.unlink()
