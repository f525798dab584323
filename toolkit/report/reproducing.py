"""Two runs of the same settings compared number by number."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# What differs between two runs that did the same.
_OF_THE_CLOCK = frozenset({"seconds", "seconds of all trials", "created", "time", "command", "run"})
# Another run in the same folder publishes its model as the next version.
_OF_THE_FOLDER = frozenset({"export.path", "export.version"})
_MOST_SHOWN = 20


def differences(before: str | Path, after: str | Path) -> tuple[int, list[str]]:
    """What of one run's numbers and words is not that of another's.

    Args:
        before: Folder of a run, with its JSON files.
        after: Folder of a run of the same settings.

    Returns:
        How many values were compared, and a sentence for each that differs; times of day, durations and the
        number under which the model was published do not count.

    Raises:
        FileNotFoundError: The first folder holds no JSON file.

    Example:

    >>> import tempfile
    >>> first, second = Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())
    >>> _ = (first / "report.json").write_text('{"loss": [0.5, 0.25], "seconds": 3}')
    >>> _ = (second / "report.json").write_text('{"loss": [0.5, 0.125], "seconds": 9}')
    >>> differences(first, second)
    (2, ['report.json: loss[1] was 0.25 and is 0.125'])
    """
    files = sorted(path.name for path in Path(before).glob("*.json"))
    if not files:
        raise FileNotFoundError(
            f"There is nothing to compare in {before}: it holds no report.json of a run that ended."
        )
    counted, found = 0, []
    for name in files:
        old, new = dict(_values(_read(Path(before) / name))), dict(_values(_read(Path(after) / name)))
        counted += len(old)
        # Told in the order of the file, what is new last.
        for place in dict.fromkeys((*old, *new)):
            was, now = (values.get(place, "absent") for values in (old, new))
            if was != now:
                found.append(f"{name}: {place} was {was} and is {now}")
    return counted, found


def verdict(counted: int, found: list[str]) -> str:
    """What `differences` gave, for a person.

    Example:

    >>> verdict(12, [])
    'Identical: 12 values, times of day and durations aside.'
    """
    if not found:
        return f"Identical: {counted:,} values, times of day and durations aside."
    more = [f"and {len(found) - _MOST_SHOWN:,} more"] if len(found) > _MOST_SHOWN else []
    return "\n".join([f"Different: {len(found):,} of {counted:,} values.", *found[:_MOST_SHOWN], *more])


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes()) if path.is_file() else {}


def _values(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every number, word and truth value with the place where it stands."""
    if isinstance(value, dict):
        for name, one in value.items():
            whole = f"{place}.{name}" if place else name
            if name not in _OF_THE_CLOCK and whole not in _OF_THE_FOLDER:
                yield from _values(one, whole)
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _values(one, f"{place}[{number}]")
    else:
        yield place, value
