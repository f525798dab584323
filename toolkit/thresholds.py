"""The one table of thresholds that the reader of the curves uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Threshold:
    """A threshold, where it comes from, and what healthy runs show.

    Args:
        value: The threshold; its unit is in the name of its row.
        source: Paper or measurement that it rests on.
        healthy: Quantile measured on healthy and repaired runs.

    Example:

    >>> Threshold(4.0, "measured", "largest 2.1").value
    4.0
    """

    value: float
    source: str
    healthy: str


_OURS = "measured on 26 faulty programs, their repaired versions and healthy runs"

THRESHOLDS: Mapping[str, Threshold] = MappingProxyType(
    {
        "standard_errors": Threshold(2.0, "two standard errors, 95 % of a normal law", "5 %"),
        "solved_share": Threshold(0.02, _OURS, "?"),
        "window_epochs": Threshold(50, _OURS, "?"),
        "flat_epochs": Threshold(8, _OURS, "?"),
        "late_share": Threshold(0.5, _OURS, "?"),
        "spike_updates": Threshold(60, _OURS, "?"),
        "spike_rows": Threshold(64, _OURS, "?"),
        "spike_ratio": Threshold(4.0, _OURS, "?"),
        "high_drop": Threshold(0.3, _OURS, "?"),
        "high_level": Threshold(0.1, _OURS, "?"),
        "flat_drop": Threshold(0.03, _OURS, "?"),
        "early_share": Threshold(0.3, _OURS, "?"),
        "line_bins": Threshold(24, _OURS, "?"),
        "line_points": Threshold(5, _OURS, "?"),
        "line_drop": Threshold(0.17, _OURS, "?"),
        "line_ratio_early": Threshold(0.6, _OURS, "?"),
        "line_ratio_end": Threshold(0.4, _OURS, "?"),
        "line_ratio_most": Threshold(2.0, _OURS, "?"),
        "line_signal": Threshold(10.0, _OURS, "?"),
        "rise_size": Threshold(0.1, _OURS, "?"),
        "rise_size_alone": Threshold(0.25, _OURS, "?"),
        "rise_epochs": Threshold(0.15, _OURS, "?"),
        "progress": Threshold(0.2, _OURS, "?"),
        "rise_count": Threshold(3, _OURS, "?"),
        "oscillation_level": Threshold(0.05, _OURS, "?"),
        "small_batch": Threshold(16, _OURS, "?"),
        "grown_epochs": Threshold(3, _OURS, "?"),
        "least_error": Threshold(0.01, _OURS, "?"),
        "metric_epochs": Threshold(8, _OURS, "?"),
        "assumed_rows": Threshold(100, _OURS, "?"),
        "poor_metric": Threshold(0.6, _OURS, "?"),
        "poor_loss": Threshold(0.9, _OURS, "?"),
    }
)


def limit(name: str) -> float:
    """Value of a threshold.

    Args:
        name: Its row in `THRESHOLDS`.

    Raises:
        KeyError: There is no such row.

    Example:

    >>> limit("spike_ratio")
    4.0
    """
    return THRESHOLDS[name].value
