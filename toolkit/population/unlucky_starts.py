"""Members that stand still where others of the same settings came much lower from other starting weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..diagnosis.curves import last_third
from ..diagnosis.findings import Advice, Finding, rank
from ..diagnosis.thresholds import limit
from .settings import MemberSettings

# What is said of a loss that stands still; each has other likely causes while there is nothing to compare with.
_STILL = ("plateau", "underfitting", "not_learning")


def with_unlucky_starts(
    settings: MemberSettings, histories: Sequence[Mapping[str, Any]], findings: Sequence[Sequence[Finding]]
) -> list[list[Finding]]:
    """The findings of each member; a loss that stands still only from its own starting weights is told as that.

    A local minimum cannot be told from a network that is too small by its curve alone, but it can where the same
    network with the same settings came much lower from other weights.

    Args:
        settings: Of the members.
        histories: One a member, each with `"loss"`.
        findings: What was found for each member.

    Example:

    >>> from trainwise.toolkit.population.settings import read_settings
    >>> histories = [{"loss": [0.7] + [0.35] * 9}, {"loss": [0.7] + [0.01] * 9}]
    >>> found = [[Finding("plateau", "info", "It stands still.")], []]
    >>> [told] = with_unlucky_starts(read_settings(2, {}), histories, found)[0]
    >>> print(told.level, told.message)
    warning It stands still. With the same settings, the starting weights of seed 1 came to a loss of 0.01.
    """
    told = [list(own) for own in findings]
    levels = np.array([float(np.median(last_third(history["loss"]))) for history in histories])
    for members in _alike(settings):
        best = min(members, key=lambda k: (not np.isfinite(levels[k]), levels[k]))
        for k in members:
            if settings.seeds[k] != settings.seeds[best] and _far_below(
                levels[best], levels[k], histories[k]["loss"][0]
            ):
                told[k] = rank([_blamed(one, settings.seeds[best], levels[best]) for one in told[k]])
    return told


def _alike(settings: MemberSettings) -> list[list[int]]:
    """The members that differ in their seeds alone, together."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for k in range(settings.members):
        names = ("learning_rate", "momentum", "weight_decay", "dropout")
        values = [getattr(settings, name) for name in names]
        groups.setdefault(tuple(None if value is None else value[k] for value in values), []).append(k)
    return [members for members in groups.values() if len(members) > 1]


def _far_below(best: float, level: float, start: float) -> bool:
    """Whether the best is another place, not a little further on the same way: by half, and by a tenth of the fall."""
    return best <= limit("lucky_share") * level and level - best >= limit("lucky_fall") * (start - best)


def _blamed(finding: Finding, seed: int, level: float) -> Finding:
    if finding.symptom not in _STILL:
        return finding
    return replace(
        finding,
        level="error" if finding.level == "error" else "warning",
        message=f"{finding.message} With the same settings, the starting weights of seed {seed} came to a loss of "
        f"{level:.3g}.",
        evidence={**finding.evidence, "other_start": level},
        causes=("bad_init", *(cause for cause in finding.causes if cause != "bad_init")),
        advice=(Advice("seed", "set", seed),),
    )
