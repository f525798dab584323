"""The one table of thresholds of all rules, on curves, layers and rows: value, source, and what healthy runs show."""

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


_OURS = "measured on 25 faulty programs, their repaired versions and 42 kinds of healthy runs, 2 to 3 seeds each"
_SPIKE = "measured: 22 of 24 programs with too high a rate, none of 188 healthy and repaired runs"
_DIAG = "measured on 68 faulty programs, their repaired versions and 20 healthy ones, 2 seeds each"
_NOTES = "Li et al., CS231n notes 3: a high rate falls fast and then stays at a worse loss"
_AUTO = "Zhang et al., AUTOTRAINER, ICSE 2021: accuracy that counts as not converged"
_NORMAL = "two standard errors of a normal law"
_CHOICE = "chosen: as little as the rule can do its arithmetic on"

# All in one place, each with its source: a rule that changed one alone would stray from what was measured.
THRESHOLDS: Mapping[str, Threshold] = MappingProxyType(
    {
        "standard_errors": Threshold(2.0, _NORMAL, "95 % of noise stays within"),
        "solved_share": Threshold(0.02, _OURS, "33 % of runs end below"),
        "flat_epochs": Threshold(8, _CHOICE, "shortest run 10 epochs"),
        "late_share": Threshold(0.5, _CHOICE, "not measured by itself"),
        "assumed_rows": Threshold(100, _CHOICE, "10 to 1500 validation rows"),
        "spike_updates": Threshold(60, _SPIKE, "not measured beyond"),
        "spike_rows": Threshold(64, _SPIKE, "largest ratio 1.51 with windows of this many rows"),
        "spike_ratio": Threshold(4.0, _SPIKE, "95 % below 1.11, largest 1.51"),
        "high_drop": Threshold(0.3, _NOTES, "not measured by itself: never a finding alone"),
        "high_level": Threshold(0.1, _OURS, "median level 0.06, 95 % below 0.53: never a finding alone"),
        "flat_drop": Threshold(0.03, _OURS, "not measured by itself: never a finding alone"),
        "early_share": Threshold(0.3, _DIAG, "no alarm in any epoch"),
        "lucky_share": Threshold(0.5, _CHOICE, "members of one setting end within 2 times the best where all learn"),
        "lucky_fall": Threshold(0.1, _CHOICE, "not measured by itself"),
        "still_jump": Threshold(
            3e-4, "measured: 29 of 48 starts of XOR that are stuck move by 5e-5 at most", "1e-3 and more"
        ),
        "line_bins": Threshold(24, _DIAG, "as measured there"),
        "line_points": Threshold(5, _CHOICE, "all have more"),
        "line_drop": Threshold(0.17, _OURS, "5 % drop by less than 0.19"),
        "line_ratio_early": Threshold(0.6, _DIAG, "95 % below 0.54"),
        "line_ratio_end": Threshold(0.4, _OURS, "95 % below 0.54"),
        "line_ratio_most": Threshold(2.0, _OURS, "largest 1.3"),
        "line_signal": Threshold(10.0, _DIAG, "42 % above"),
        "window_epochs": Threshold(50, _CHOICE, "more than the median run of 30 epochs"),
        "rise_size": Threshold(0.1, _OURS, "97 % of runs have no such epoch"),
        "rise_size_alone": Threshold(0.25, _OURS, "no alarm in any epoch without batch losses"),
        "rise_epochs": Threshold(0.15, _OURS, "97 % at 0, largest 0.18, in one nearly solved run"),
        "rise_count": Threshold(3, _OURS, "97 % have none, largest 6"),
        "progress": Threshold(0.2, _OURS, "no alarm in any epoch, with batch losses or without"),
        "oscillation_level": Threshold(0.05, _OURS, "median level 0.06"),
        "small_batch": Threshold(16, _CHOICE, "orders the causes, raises no alarm"),
        "grown_epochs": Threshold(3, _DIAG, "20 % of runs: information only"),
        "least_error": Threshold(0.01, _CHOICE, "information only"),
        "metric_epochs": Threshold(8, _CHOICE, "shortest run 10 epochs"),
        "poor_metric": Threshold(0.6, _AUTO, "information only"),
        "poor_loss": Threshold(0.9, _OURS, "one of 163 runs ends above: information only"),
        "rows_a_feature": Threshold(5, _CHOICE, "fewer rows cannot show that features say nothing"),
        "no_signal_errors": Threshold(3.0, "three standard errors: the better of two models", "never a finding alone"),
        "budget_epochs": Threshold(3, _CHOICE, "shorter runs are trials"),
        "not_learning_loss": Threshold(0.9, _DIAG, "none of 180 at the end"),
        "fallen_metric": Threshold(0.7, _DIAG, "no run whose metric stands still"),
        "far_behind": Threshold(0.4, _CHOICE, "largest 0.1 where the loss still falls at the end"),
        "behind": Threshold(0.15, _CHOICE, "largest 0.05"),
        "mismatch_ratio": Threshold(2.0, _CHOICE, "not measured by itself"),
        "late_fall": Threshold(0.1, _CHOICE, "information only"),
        "most_dropout": Threshold(0.9, _CHOICE, "largest 0.7"),
        "much_dropout": Threshold(0.8, _CHOICE, "orders the causes, raises no alarm"),
        "deep_saturating": Threshold(3, _CHOICE, "orders the causes, raises no alarm"),
        "deep_relu": Threshold(5, _CHOICE, "orders the causes, raises no alarm"),
        "narrow_units": Threshold(8, _CHOICE, "orders the causes, raises no alarm"),
        "largest_input": Threshold(50.0, "measured on healthy programs", "shipped data: at most 12, raw digits 16"),
        "shared_rows": Threshold(0.05, "deepchecks, train-test samples mix", "shipped data: at most 0.042 (iris)"),
        "rows_looked_at": Threshold(100_000, "a second of work on one core", "no healthy run is affected"),
        "rows_first_look": Threshold(256, _CHOICE, "no healthy run is affected"),
        "spread_targets_info": Threshold(50.0, _CHOICE, "information only"),
        "spread_targets": Threshold(1000.0, _CHOICE, "largest spread that was left unscaled and trained: 38"),
        "class_ratio": Threshold(10.0, "SageMaker Debugger, ClassImbalance", "shipped data: at most 1.7"),
        "class_ratio_apart": Threshold(3.0, _CHOICE, "splits at random: below 1.5"),
        "recall_gap": Threshold(0.2, _CHOICE, "largest 0.03 with classes of like size"),
        "rows_judged": Threshold(2000, "a second of work on one core", "no healthy run is affected"),
        "values_judged": Threshold(2e7, "160 MiB of float64, a second of work", "no healthy run is affected"),
        "most_classes": Threshold(1000, _CHOICE, "no healthy run is affected"),
        "few_rows": Threshold(10, _CHOICE, "fewer rows have no spread to speak of"),
        "scale_apart": Threshold(5.0, _CHOICE, "splits at random: below 1.3"),
        "shift_apart": Threshold(4.0, _CHOICE, "splits at random: below 0.5; a split in time 2.3"),
        "init_far": Threshold(100.0, _CHOICE, "between 0.03 and 6"),
        "init_values": Threshold(8, _CHOICE, "fewer values have no spread to speak of"),
        "start_loss": Threshold(10.0, _CHOICE, "information only"),
        "vanishing_start": Threshold(1e-5, _CHOICE, "above 1e-3"),
        "penalty_start": Threshold(10.0, _CHOICE, "largest 0.5"),
        "rows_by_heart": Threshold(8, "Karpathy 2019: a recipe for training neural networks", "every one can"),
        "updates_by_heart": Threshold(300, _CHOICE, "every one can"),
        "learnt_share": Threshold(0.3, _CHOICE, "not measured by itself"),
        "lasting_looks": Threshold(2, _CHOICE, "a single look may be bad luck"),
        "constant_spread": Threshold(1e-7, _DIAG, "no run at any epoch"),
        "alike_units": Threshold(1e-6, _CHOICE, "random starting weights differ by about 0.5"),
        "dead_some": Threshold(0.5, _DIAG, "4 % of runs: information only"),
        "dead_looks": Threshold(5, _CHOICE, "with fewer, a slow start looks the same"),
        "dead_units": Threshold(0.9, _DIAG, "no run at any epoch"),
        "saturated_share": Threshold(0.9, _DIAG, "no run at any epoch"),
        "unchanged_updates": Threshold(20, _CHOICE, "shortest run 15 updates"),
        "unchanged_looks": Threshold(3, _CHOICE, "as few as show that it lasts"),
        "early_looks": Threshold(5, _CHOICE, "the looks of the first hundred updates"),
        "least_ratio": Threshold(1e-4, _DIAG, "no run in its first epoch"),
        "usual_ratio": Threshold(1e-3, _NOTES, "5e-4 to 8e-2"),
        "moved_loss": Threshold(0.9, _CHOICE, "what has learnt so much moves enough"),
        "vanishing_ratio": Threshold(1e-3, _AUTO, "no run whose loss stands still"),
        "explosion_looks": Threshold(4, _CHOICE, "as few as have a median"),
        "explosion_ratio": Threshold(10.0, _DIAG, "not measured by itself: never a finding alone"),
        "penalty_share": Threshold(0.5, _DIAG, "never a finding alone"),
        "unequal_spread": Threshold(100.0, _DIAG, "information only"),
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
