"""Which rows train, validate and test: by class, by group or by time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .forecasts import WindowTimes

# One each for train, validation and test.
ROWS_PER_CLASS = 3
_PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Shares:
    """Shares of the rows for validation and test, each in (0, 1), below 1 together."""

    validation: float = 0.15
    test: float = 0.15


def places(
    rows: int,
    labels: np.ndarray | None,
    parts: dict[str, np.ndarray],
    shares: Shares,
    seed: int,
    classes: tuple[str, ...] | None = None,
    *,
    group: np.ndarray | None = None,
    time: np.ndarray | None = None,
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The row numbers of each split, and what is to be said of them.

    Args:
        rows: How many there are.
        labels: Class numbers, which keep their shares; `None` for other targets.
        parts: What the source itself sets aside.
        shares: Of the rows that it does not.
        seed: Decides which rows go where.
        classes: Names of the classes, for messages.
        group: Of each row, what must not be parted; classes need not keep their shares then.
        time: Of each row, by what the splits follow one another; the latest rows are the test.

    Raises:
        ValueError: Too few rows, groups or times to part, or a class that no training row has.

    Example:

    >>> found, _ = places(10, None, {}, Shares(0.2, 0.2), 0, time=np.arange(10.0))
    >>> sorted(found["train"].tolist()), sorted(found["test"].tolist())
    ([0, 1, 2, 3, 4, 5], [8, 9])
    """
    if group is not None:
        found = _by_group(group, shares, seed)
    elif time is not None:
        found = _by_time(time, shares, seed)
    else:
        return _by_class(rows, labels, parts, shares, seed, classes), []
    kind = "group" if group is not None else "time"
    told = {
        "group": "No group is in two splits.",
        "time": "Validation rows are later than training rows, test rows latest.",
    }
    notes = [told[kind]]
    if labels is not None and classes:
        for part in _PARTS:
            lacking = [name for number, name in enumerate(classes) if not np.any(labels[found[part]] == number)]
            if lacking and part == "train":
                raise ValueError(
                    f"Parted by {kind}, the training rows have no row of class {lacking[0]!r}: choose another seed, or "
                    f"leave out `{kind}`."
                )
            if lacking:
                notes.append(f"The {part} rows have no row of {', '.join(map(repr, lacking[:5]))}.")
    return found, notes


def window_places(times: WindowTimes, shares: Shares, seed: int) -> tuple[dict[str, np.ndarray], list[str]]:
    """The row numbers of each split of windows, and what is to be said of them.

    What is answered in one split is later than all that is answered in the one before. Windows across a border are left
    out, and so are test windows that look at what training windows answer. Validation windows may look at it, as a
    forecast in use looks at what is known by then.

    Args:
        times: Of the windows.
        shares: Of the time, for validation and test.
        seed: Decides the order of the training rows.

    Raises:
        ValueError: A split is left without a window.

    Example:

    >>> begin = np.arange(17.0)
    >>> found, notes = window_places(WindowTimes(begin, begin + 3, begin + 3), Shares(0.2, 0.2), 0)
    >>> sorted(found["train"].tolist()), found["validation"].tolist(), found["test"].tolist()
    ([0, 1, 2, 3, 4, 5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16])
    """
    moments = np.unique(np.concatenate([times.begin, times.first, times.last]))
    cuts = [
        moments[min(len(moments) - 1, int(len(moments) * share))]
        for share in (1 - shares.test - shares.validation, 1 - shares.test)
    ]
    later = times.first >= cuts[1]
    found = {
        "train": np.flatnonzero(times.last < cuts[0]),
        "validation": np.flatnonzero((times.first >= cuts[0]) & (times.last < cuts[1])),
        "test": np.flatnonzero(later & (times.begin >= cuts[0])),
    }
    empty = [part for part, at in found.items() if not len(at)]
    if empty:
        raise ValueError(
            f"Parted by time, no window is left for {empty[0]} among {len(times.first)}: give more rows, a shorter "
            "`window` or fewer steps to `forecast` (`--window` and `--forecast` on the command line)."
        )
    overlapping = int(later.sum()) - len(found["test"])
    notes = ["What is answered in validation is later than in training, in the test latest."]
    if overlapping:
        notes.append(f"{overlapping} test windows that look at what training windows answer are left out.")
    generator = np.random.default_rng(seed)
    # The order of time stays where nothing is learnt in it.
    return {**found, "train": generator.permutation(found["train"])}, notes


def _by_group(group: np.ndarray, shares: Shares, seed: int) -> dict[str, np.ndarray]:
    names, numbers = np.unique(group.astype(str), return_inverse=True)
    if len(names) < len(_PARTS):
        raise ValueError(f"There are {len(names)} groups; train, validation and test need at least one each.")
    generator = np.random.default_rng(seed)
    sizes = np.bincount(numbers)
    wanted = {"test": shares.test * len(group), "validation": shares.validation * len(group)}
    order = list(generator.permutation(len(names)))
    chosen: dict[str, list[int]] = {"test": [], "validation": []}
    for left, part in ((2, "test"), (1, "validation")):
        have = 0
        # A group joins where it brings the part nearer to its share; one group at least is left for each to come.
        for one in list(order):
            if len(order) <= left:
                break
            if not chosen[part] or abs(have + sizes[one] - wanted[part]) < abs(have - wanted[part]):
                if not chosen[part] and sizes[one] > 2 * wanted[part] and len(order) > left + 1:
                    continue
                chosen[part].append(one)
                order.remove(one)
                have += sizes[one]
        if not chosen[part]:
            smallest = min(order, key=lambda one: sizes[one])
            chosen[part].append(smallest)
            order.remove(smallest)
    found = {part: np.flatnonzero(np.isin(numbers, ones)) for part, ones in (("train", order), *chosen.items())}
    return {part: generator.permutation(at) for part, at in found.items()}


def _by_time(time: np.ndarray, shares: Shares, seed: int) -> dict[str, np.ndarray]:
    moments = np.unique(time)
    if len(moments) < len(_PARTS):
        raise ValueError(
            f"There are {len(moments)} different times; train, validation and test need at least one each."
        )
    # Rows of one moment stay together, so the cuts are moments.
    ordered = np.sort(time)
    cuts = [
        ordered[min(len(time) - 1, int(len(time) * share))]
        for share in (1 - shares.test - shares.validation, 1 - shares.test)
    ]
    first = int(np.clip(np.searchsorted(moments, cuts[0]), 1, len(moments) - 2))
    second = int(np.clip(np.searchsorted(moments, cuts[1]), first + 1, len(moments) - 1))
    bounds = {"train": time < moments[first], "test": time >= moments[second]}
    bounds["validation"] = ~bounds["train"] & ~bounds["test"]
    generator = np.random.default_rng(seed)
    return {part: generator.permutation(np.flatnonzero(bounds[part])) for part in _PARTS}


def _by_class(
    rows: int,
    labels: np.ndarray | None,
    parts: dict[str, np.ndarray],
    wanted: Shares,
    seed: int,
    classes: tuple[str, ...] | None,
) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    given = {part: at for part, at in parts.items() if part != "train"}
    rest = parts.get("train", np.arange(rows))
    all_shares = (("test", wanted.test), ("validation", wanted.validation))
    shares = {part: share for part, share in all_shares if part not in given}
    groups = [rest] if labels is None else [rest[labels[rest] == label] for label in np.unique(labels)]
    picked: dict[str, list[np.ndarray]] = {"train": [], **{part: [] for part in shares}}
    for label, group in enumerate(groups):
        if len(group) <= len(shares):
            name = f"class {classes[label]!r}" if classes else "the training part"
            raise ValueError(f"Only {len(group)} rows of {name} are left to train on and choose by.")
        shuffled = generator.permutation(group)
        for later, (part, share) in zip(reversed(range(len(shares))), shares.items(), strict=True):
            # At least one row, and one left for each part to come; half a row counts as one (`round` takes even).
            count = min(max(1, int(len(group) * share + 0.5)), len(shuffled) - later - 1)
            picked[part].append(shuffled[:count])
            shuffled = shuffled[count:]
        picked["train"].append(shuffled)
    # Class stands behind class until here, and `fit` with a validation split would cut off the last.
    chosen = {part: generator.permutation(np.concatenate(pieces)) for part, pieces in picked.items()}
    return {**chosen, **given}
