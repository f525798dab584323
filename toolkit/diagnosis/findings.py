"""What a watch or a check found: `Finding` and `Advice`, in the order in which they are sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from types import MappingProxyType
from typing import Any

from ..checks import instance_of, one_of
from .catalogue import CAUSES, LEVELS, SUREST, SYMPTOMS, Level
from .wording import advice_sentence, finding_sentence


@dataclass(frozen=True)
class Advice:
    """One change that a finding proposes.

    Args:
        parameter: What to change, such as `"learning_rate"`.
        change: How, such as `"raise"`, `"lower"`, `"set"`.
        value: Factor for `"raise"` and `"lower"`, the new value for `"set"`, or `None`.
        to: Where a factor leads from the value that the run has, or `None` where that is not known.

    Example:

    >>> Advice("learning_rate", "raise", 3.0).sentence
    'raise learning_rate 3 times'
    >>> Advice("learning_rate", "raise", 3.0).from_rate(0.01).sentence
    'raise learning_rate 3 times, to 0.03'
    """

    parameter: str
    change: str
    value: float | str | None = None
    to: float | None = None

    def from_rate(self, rate: float | None) -> Advice:
        """The advice with the learning rate that it leads to from `rate`; other advice stays as it is."""
        factor = self.value
        if self.parameter != "learning_rate" or not rate or not isinstance(factor, int | float):
            return self
        if self.change not in ("raise", "lower"):
            return self
        return replace(self, to=float(f"{rate * factor if self.change == 'raise' else rate / factor:.2g}"))

    def as_dict(self) -> dict[str, Any]:
        """The advice as plain values for JSON."""
        known = {} if self.to is None else {"to": self.to}
        return {"parameter": self.parameter, "change": self.change, "value": self.value, **known}

    @property
    def sentence(self) -> str:
        """The advice in words."""
        return advice_sentence(self)


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing, with its evidence and what to do.

    Args:
        symptom: A name from `tw.SYMPTOMS`.
        level: `"error"` (it cannot work), `"warning"` (it goes worse than it should) or `"info"`.
        message: One or two sentences for a person.
        epoch: First epoch that shows it, counted from 0, or `None` before training.
        step: Batch within all batches of the run, counted from 0, or `None`.
        layer: Name of the layer, or `None`.
        evidence: The numbers that the finding rests on.
        causes: Names from `tw.CAUSES`, most likely first.
        advice: What to change, most promising first.

    Raises:
        ValueError: `symptom`, `level` or a cause is not in its catalogue.

    Example:

    >>> Finding("overfitting", "info", "The validation loss grows.", epoch=7).level
    'info'
    """

    symptom: str
    level: Level
    message: str
    epoch: int | None = None
    step: int | None = None
    layer: str | None = None
    # Numbers only, so that a finding goes through JSON and back unchanged.
    evidence: dict[str, float] = field(default_factory=dict)
    causes: tuple[str, ...] = ()
    advice: tuple[Advice, ...] = ()

    def __post_init__(self) -> None:
        one_of("symptom", self.symptom, tuple(SYMPTOMS))
        one_of("level", self.level, LEVELS)
        for cause in self.causes:
            one_of("causes", cause, tuple(CAUSES))

    def __str__(self) -> str:
        return finding_sentence(self)

    def as_dict(self) -> dict[str, Any]:
        """The finding as plain values for JSON."""
        return {
            "symptom": self.symptom,
            "level": self.level,
            "message": self.message,
            "epoch": self.epoch,
            "step": self.step,
            "layer": self.layer,
            "evidence": dict(self.evidence),
            "causes": list(self.causes),
            "advice": [advice.as_dict() for advice in self.advice],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Finding:
        """The inverse of `as_dict`."""
        fields = dict(values)
        # JSON has lists only, and equal findings must compare equal.
        fields["causes"] = tuple(fields["causes"])
        fields["advice"] = tuple(Advice(**advice) for advice in fields["advice"])
        return cls(**fields)


def not_judged(what: str, error: Exception | None = None) -> Finding:
    """What had to be left out, said at the lowest level: silence would be taken for health.

    Args:
        what: What was left out, and why.
        error: Of a model or loss of the user's, whose words are added, cut where they are long.

    Example:

    >>> str(not_judged("the targets are words"))
    'info: not_judged: Not judged: the targets are words.'
    """
    # Keras puts the reason below a heading, over several lines.
    why = "" if error is None else f" ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
    return Finding("not_judged", "info", f"Not judged: {what}{why}.")


class FindingsSoFar:
    """The findings of one run so far: one a symptom, told anew only where it got worse.

    Args:
        findings: What was found before, of each symptom the last one.

    Example:

    >>> log = FindingsSoFar()
    >>> warned = Finding("plateau", "warning", "It stands still.")
    >>> len(log.add([warned])), len(log.add([warned]))
    (1, 0)
    """

    def __init__(self, findings: Iterable[Finding] = ()) -> None:
        self._found = {finding.symptom: finding for finding in findings}

    @property
    def ranked(self) -> list[Finding]:
        """The findings, surest first."""
        return agreeing(rank(self._found.values()))

    def is_new(self, finding: Finding) -> bool:
        """Whether its symptom was not found yet, or at a lower level only."""
        known = self._found.get(finding.symptom)
        # LEVELS begins with the worst.
        return known is None or LEVELS.index(finding.level) < LEVELS.index(known.level)

    def add(self, findings: Iterable[Finding]) -> list[Finding]:
        """Takes note of findings; returns those that are new."""
        new = [finding for finding in findings if self.is_new(finding)]
        self._found.update({finding.symptom: finding for finding in new})
        return new

    def lower(self, symptom: str, why: str) -> None:
        """Makes what was said of a symptom information, since what came later has disproved it."""
        known = self._found.get(symptom)
        if known is not None and known.level == "warning":
            self._found[symptom] = replace(known, level="info", message=f"{known.message} {why}")

    def as_list(self) -> list[dict[str, Any]]:
        """The findings as plain values for JSON, in the order in which they were found."""
        return [finding.as_dict() for finding in self._found.values()]

    @classmethod
    def from_list(cls, values: Iterable[Mapping[str, Any]]) -> FindingsSoFar:
        """The inverse of `as_list`."""
        return cls(Finding.from_dict(one) for one in values)


class FindingList(list[Finding]):
    """A list of findings that is printed as one line for each, and in a notebook as a list.

    Example:

    >>> print(str(FindingList([Finding("plateau", "info", "It stands still.")]))[:32])
    info: plateau: It stands still.
    >>> print(FindingList())
    Nothing was found.
    """

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "Nothing was found."

    def _repr_html_(self) -> str:
        lines = "".join(f"<li>{escape(str(one))}</li>" for one in self)
        return f"<ul>{lines}</ul>" if lines else f"<p>{self}</p>"


def rank(findings: Iterable[Finding]) -> list[Finding]:
    """Sorts findings, surest first: errors, warnings, info; what names one cause before what many causes share.

    Args:
        findings: Findings of one or several sources.

    Returns:
        A new list; of equals the earlier epoch comes first, then the order in which they were given.

    Example:

    >>> late = Finding("overfitting", "warning", "Late.", epoch=9)
    >>> early = Finding("oscillating", "warning", "Early.", epoch=2)
    >>> [finding.symptom for finding in rank([late, early])]
    ['oscillating', 'overfitting']
    """
    if isinstance(findings, (str, bytes)):
        raise TypeError(f"`findings` must be a list of findings, got {findings!r}.")
    found = list(instance_of("findings", findings, Iterable, "a list of findings"))
    for one in found:
        instance_of("findings", one, Finding, "a list of findings")
    return FindingList(sorted(found, key=_place))


def agreeing(findings: Iterable[Finding], shape_wants: Mapping[str, str] = MappingProxyType({})) -> list[Finding]:
    """The findings without advice that pulls the other way than the first advice of a surer one.

    Args:
        findings: Of one run, surest first.
        shape_wants: Which way the shape of the whole run turns a parameter, `"raise"` or `"lower"`, by its name; surer
            than what is information.

    Example:

    >>> slow = Finding("learning_rate_too_low", "warning", "", advice=(Advice("learning_rate", "raise", 3.0),))
    >>> still = Finding("plateau", "info", "", advice=(Advice("learning_rate", "lower", 3.0), Advice("units", "raise")))
    >>> [advice.sentence for advice in agreeing([slow, still])[1].advice]
    ['raise units']
    """
    ways: dict[str, str] = {}
    told = []
    for finding in findings:
        if finding.level == "info":
            ways = {**shape_wants, **ways}
        kept = tuple(one for one in finding.advice if {one.change, ways.get(one.parameter, "")} != {"raise", "lower"})
        for one in kept[:1]:
            ways.setdefault(one.parameter, one.change)
        told.append(finding if len(kept) == len(finding.advice) else replace(finding, advice=kept))
    return FindingList(told)


def _place(finding: Finding) -> tuple[int, int, int]:
    # What was found before training comes before epoch 0.
    epoch = -1 if finding.epoch is None else finding.epoch
    return LEVELS.index(finding.level), SUREST.index(finding.symptom), epoch


def healthy(findings: Iterable[Finding]) -> bool:
    """Whether no finding is a warning or an error.

    Example:

    >>> healthy([])
    True
    """
    return not any(finding.level in ("warning", "error") for finding in findings)
