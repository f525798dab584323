"""Reads a run after the fact: a History, its dictionary, a CSVLogger file or a TensorBoard folder."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from .findings import Finding, agreeing
from .loss_shapes import RATE_OF_SHAPE, loss_shape
from .run_reader import RunReader

_EPOCH = "epoch"
_PREFIX = "epoch_"


def diagnose(history: Any) -> list[Finding]:
    """What the curves of a finished run show, surest first: what `CurveWatch` would have said, epoch by epoch.

    Only epoch curves are known afterwards, so symptoms that need single batches or the data are left out.

    Args:
        history: A Keras `History`, its dictionary (name to one number an epoch), the path of a
            `CSVLogger` file, or of a TensorBoard folder with `train` and `validation`.

    Raises:
        FileNotFoundError: There is no such file or folder.
        TypeError: It is none of these, or an entry is not a number.
        ValueError: No `loss` and no other curve whose name ends in it, no epochs, epochs that are missing, or a file
            that cannot be read.

    Example:

    >>> [finding.symptom for finding in diagnose({"loss": [1.0, float("nan")]})]
    ['non_finite']
    """
    curves = read_history(history)
    # A training step of the user's own may log `d_loss` and `g_loss`: then NaN is all that can be told.
    name = "loss" if "loss" in curves else next((one for one in curves if one.endswith("loss")), None)
    if name is None:
        raise ValueError(f"`history` must have a curve `loss`, got {sorted(curves)}.")
    count = len(curves[name])
    if not count:
        raise ValueError("`history` must hold at least one epoch, got none.")
    # A validation curve may be shorter, where not every epoch was validated, but not longer.
    longer = [one for one, values in curves.items() if len(values) > count]
    if longer:
        raise ValueError(f"`history` has more epochs of {longer[0]!r} than of {name!r}: {len(curves[longer[0]])}.")
    reader = RunReader(epochs=count)
    for logs in _epochs(curves, count):
        reader.begin_epoch()
        reader.end_epoch(logs)
    # What was found on the way may be another thing by the end.
    way = RATE_OF_SHAPE.get(loss_shape(np.asarray(curves[name], "float64"))[0])
    return agreeing(reader.findings, {} if way is None else {"learning_rate": way})


def _epochs(curves: Mapping[str, Sequence[Any]], count: int) -> Iterable[dict[str, Any]]:
    """The logs of each epoch; validation every n epochs has its values at each n-th."""
    # A History has no epochs beside its validation values, so their places follow from their number.
    step = {name: count // len(values) if values else count + 1 for name, values in curves.items()}
    for epoch in range(count):
        yield {
            name: values[(epoch + 1) // step[name] - 1]
            for name, values in curves.items()
            if (epoch + 1) % step[name] == 0 and (epoch + 1) // step[name] <= len(values)
        }


def read_history(history: Any) -> dict[str, list[Any]]:
    """The curves of a finished run by name, one value an epoch.

    Args:
        history: As for `diagnose`.

    Raises:
        FileNotFoundError: There is no such file or folder.
        TypeError: It is none of these, or an entry is not a number.
        ValueError: A file that cannot be read.

    Example:

    >>> read_history({"loss": [1, 0.5]})
    {'loss': [1.0, 0.5]}
    """
    if isinstance(history, (str, Path)):
        path = Path(history)
        if not path.exists():
            raise FileNotFoundError(f"There is no file or folder {path}.")
        return _from_tensorboard(path) if path.is_dir() else _from_csv(path)
    found = getattr(history, "history", history)
    if not isinstance(found, Mapping):
        raise TypeError(f"`history` must be a History, its dictionary or a path, got {type(history).__name__}.")
    return {str(name): _numbers(str(name), values) for name, values in found.items()}


def _numbers(name: str, values: Any) -> list[Any]:
    rows = list(values) if isinstance(values, Sequence | np.ndarray) and not isinstance(values, str) else []
    # A score for each class is an array an epoch, which is left out as in a watch.
    if rows and all(np.ndim(row) > 0 for row in rows):
        return [np.asarray(row) for row in rows]
    try:
        return [float(value) for value in np.asarray(values, "float64").ravel()]
    except (TypeError, ValueError):
        raise TypeError(f"`history[{name!r}]` must hold one number an epoch, got {values!r}.") from None


def _from_csv(path: Path) -> dict[str, list[float]]:
    header, rows = _table(path)
    if not rows:
        raise ValueError(f"{path} holds no epochs.")
    numbers = [_cell(path, _EPOCH, row.get(_EPOCH)) for row in rows] if _EPOCH in header else []
    # A CSVLogger that appends over two fits repeats epochs, which would read as one odd run.
    if any(later != earlier + 1 for earlier, later in pairwise(numbers)):
        shown = ", ".join(f"{number:g}" for number in numbers[:20])
        raise ValueError(f"{path} has missing or repeated epochs: {shown}{', ...' if len(numbers) > 20 else ''}.")
    names = [name for name in header if name and name != _EPOCH]
    curves = {
        # CSVLogger writes "NA" for what an epoch has not measured.
        name: [_cell(path, name, row[name]) for row in rows if row[name] not in ("", "NA", None)]
        for name in names
    }
    return {name: values for name, values in curves.items() if values}


def _table(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
            header = list(reader.fieldnames or ())
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text: byte {error.start} cannot be read.") from None
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file: {error}.") from None
    if len(set(header)) < len(header):
        raise ValueError(f"{path} names a column twice: {', '.join(header[:20])}.")
    # The reader keeps what stands behind the last column under no name.
    longer = next((number for number, row in enumerate(rows, 2) if None in row), None)
    if longer is not None:
        raise ValueError(f"{path}: row {longer} has more cells than the {len(header)} columns of the first row.")
    return header, rows


def _cell(path: Path, name: str, text: Any) -> float:
    try:
        return float(text)
    except (TypeError, ValueError):
        raise ValueError(f"{path} must hold numbers, got {str(text)[:40]!r} in column {name!r}.") from None


def _from_tensorboard(folder: Path) -> dict[str, list[float]]:
    curves = {}
    for part, prefix in (("train", ""), ("validation", "val_")):
        if (folder / part).is_dir():
            curves.update({prefix + name: values for name, values in _scalars(folder / part).items()})
    if not curves:
        raise ValueError(f"{folder} holds no TensorBoard events of Keras: no epoch curves in `train` or `validation`.")
    return curves


def _scalars(folder: Path) -> dict[str, list[float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util import tensor_util

    # 0 keeps all: by default TensorBoard samples long curves.
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0, "scalars": 0})
    try:
        events.Reload()
    # TensorBoard raises whatever a damaged file leads it to.
    except Exception as error:
        raise ValueError(f"{folder} holds events that cannot be read: {type(error).__name__}: {error}") from error
    found: dict[str, dict[int, float]] = {}
    # Keras writes its scalars as tensors.
    for tag in events.Tags()["tensors"]:
        values = {event.step: tensor_util.make_ndarray(event.tensor_proto) for event in events.Tensors(tag)}
        if tag.startswith(_PREFIX) and all(value.shape == () for value in values.values()):
            found[tag.removeprefix(_PREFIX)] = {step: float(value) for step, value in values.items()}
    return {name: [values[step] for step in sorted(values)] for name, values in found.items()}
