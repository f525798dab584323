"""Refuses bad arguments, always in the same sentence: which argument, what it must be, what came."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Of epochs, updates, rows and the like: more than anyone waits for, so that a slip of the hand is no hang.
MOST = 10**9
# What Keras and numpy take as a seed.
LARGEST_SEED = 2**32 - 1


def one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Returns `value` where it is one of `allowed`.

    Args:
        name: Argument name, for the message.
        value: What came.
        allowed: The strings that may come.

    Raises:
        ValueError: `value` is not among `allowed`.

    Example:

    >>> one_of("how", "soft", ("soft", "hard"))
    'soft'
    """
    if not isinstance(value, str) or value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise ValueError(f"`{name}` must be {choices}, got {value!r}.")
    return value


def whole_number(name: str, value: Any, low: int, high: int | None = MOST) -> int:
    """Returns `value` as an int where it is a whole number from `low` to `high`, which is a billion by default.

    Raises:
        TypeError: `value` is not a whole number (booleans are not numbers here).
        ValueError: `value` is below `low` or above `high`.

    Example:

    >>> whole_number("members", 3, low=1)
    3
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"`{name}` must be a whole number, got {value!r}.")
    given = int(value)
    if given < low:
        raise ValueError(f"`{name}` must be at least {low}, got {value}.")
    if high is not None and given > high:
        raise ValueError(f"`{name}` must be at most {high}, got {value}.")
    return given


def number(name: str, value: Any, low: float, high: float, *, open_low: bool = False, open_high: bool = False) -> float:
    """Returns `value` as a float where it lies in the interval.

    Args:
        name: Argument name, for the message.
        value: What came.
        low: Smallest value.
        high: Largest value, may be infinite.
        open_low: Whether `low` itself is refused.
        open_high: Whether `high` itself is refused.

    Raises:
        TypeError: `value` is not a number.
        ValueError: `value` is NaN or outside the interval.

    Example:

    >>> number("momentum", 0.9, 0, 1, open_high=True)
    0.9
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"`{name}` must be a number, got {value!r}.")
    given = float(value)
    below = given <= low if open_low else given < low
    above = given >= high if open_high else given > high
    if math.isnan(given) or below or above:
        interval = f"{'(' if open_low else '['}{low:g}, {high:g}{')' if open_high or math.isinf(high) else ']'}"
        raise ValueError(f"`{name}` must be in {interval}, got {value}.")
    return given


def seed_of(name: str, value: Any) -> int:
    """Returns `value` as an int where it is a seed, a whole number from 0 to 2^32 - 1.

    Raises:
        TypeError: `value` is not a whole number.
        ValueError: `value` is out of range.

    Example:

    >>> seed_of("seed", 3)
    3
    """
    return whole_number(name, value, 0, LARGEST_SEED)


def path_of(name: str, value: Any) -> Path:
    """Returns `value` as a path.

    Raises:
        TypeError: `value` is neither text nor a path.
        ValueError: `value` is empty, or holds what no path may.

    Example:

    >>> path_of("directory", "models").name
    'models'
    """
    if not isinstance(value, (str, Path)):
        raise TypeError(f"`{name}` must be a path, got {value!r}.")
    if not str(value) or "\0" in str(value):
        raise ValueError(f"`{name}` must name a file or folder, got {str(value)!r}.")
    return Path(value)


def function_of(name: str, value: Any) -> Any:
    """Returns `value` where it can be called.

    Raises:
        TypeError: `value` is no function.

    Example:

    >>> function_of("report", print) is print
    True
    """
    if not callable(value):
        raise TypeError(f"`{name}` must be a function, got {value!r}.")
    return value


def refuse_deaf(name: str, report: Any, **paths: Any) -> None:
    """Refuses a report that is no function, and paths that are none; what is `None` is left out.

    Args:
        name: Name of the report, for the message.
        report: Function that is told, or `None`.
        **paths: Files and folders by name.

    Raises:
        TypeError: One is of another kind.
        ValueError: A path is empty.

    Example:

    >>> refuse_deaf("report", print, log=None)
    """
    if report is not None:
        function_of(name, report)
    for place, path in paths.items():
        if path is not None:
            path_of(place, path)


def items_of(name: str, value: Any) -> list[Any]:
    """Returns `value` as a list where it is a sequence, as a list or an array.

    Raises:
        TypeError: `value` is no sequence; a text and a set are none here.

    Example:

    >>> items_of("weights", (1, 2))
    [1, 2]
    """
    many = isinstance(value, Sequence) or (hasattr(value, "tolist") and getattr(value, "ndim", 0) > 0)
    if not many or isinstance(value, (str, bytes)):
        raise TypeError(f"`{name}` must be a list, got {value!r}.")
    return list(value)


def instance_of(name: str, value: Any, kind: type, words: str) -> Any:
    """Returns `value` where it is of a kind.

    Args:
        name: Argument name, for the message.
        value: What came.
        kind: Class, or a tuple of them.
        words: What it must be, such as "a Keras model".

    Raises:
        TypeError: It is another.

    Example:

    >>> instance_of("name", "net", str, "a text")
    'net'
    """
    if not isinstance(value, kind):
        raise TypeError(f"`{name}` must be {words}, got {type(value).__name__}.")
    return value


def refuse_no_rows(name: str, value: Any) -> None:
    """Refuses what holds no arrays of rows: nothing, numbers alone, texts, functions, complex numbers, no row.

    Args:
        name: Argument name, for the message.
        value: An array, a table, or a list or dictionary of them. What brings its batches itself, such as a data
            set, is not looked at.

    Raises:
        TypeError: `value` holds something else than arrays, or complex numbers.
        ValueError: There is no row.

    Example:

    >>> refuse_no_rows("x", {"left": [[1.0]], "right": [[2.0]]})
    """
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, (list, tuple)) and any(hasattr(part, "shape") for part in value):
        parts = list(value)
    else:
        parts = [value]
    if not parts:
        raise ValueError(f"`{name}` must hold at least one array, got {value!r}.")
    for part in parts:
        shape, dtype = _form(part)
        if shape is None or dtype.startswith("complex"):
            what = f"{dtype} numbers" if dtype else type(part).__name__
            raise TypeError(f"`{name}` must be an array of rows, or a list or dictionary of such, got {what}.")
        if len(shape) and shape[0] == 0:
            raise ValueError(f"`{name}` must hold at least one row, got shape {tuple(shape)}.")


def refuse_unusable_rows(x: Any, y: Any) -> None:
    """Refuses rows that a model cannot be measured on: no arrays, no rows, NaN or infinite values.

    Args:
        x: Inputs, or a split with inputs and targets.
        y: Targets, or `None`.

    Raises:
        TypeError: `x` or `y` holds something else than arrays.
        ValueError: There is no row, or a value is NaN or infinite.

    Example:

    >>> refuse_unusable_rows([[1.0]], [1])
    """
    if y is None and hasattr(x, "x") and hasattr(x, "y"):
        x, y = x.x, x.y
    for name, given in (("x", x), ("y", y)):
        if given is None and name == "y":
            continue
        refuse_no_rows(name, given)
        for part in given.values() if isinstance(given, dict) else [given]:
            array = np.asarray(part)
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"`{name}` holds NaN or infinite values; leave those rows out or fill them in.")


def _form(part: Any) -> tuple[Any, str]:
    """Shape and dtype of what may be an array; no shape where it is none."""
    if hasattr(part, "shape") and hasattr(part, "dtype"):
        return (part.shape if len(part.shape) else None), str(part.dtype)
    if hasattr(part, "columns"):  # a table
        return part.shape, "table"
    if not isinstance(part, (list, tuple)):
        return None, ""
    try:
        array = np.asarray(part)
    except ValueError:  # lists of unlike length
        return None, ""
    return (None, "") if array.dtype == object else (array.shape, str(array.dtype))
