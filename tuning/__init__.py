"""Procedures that run many fits."""

from ..toolkit.ranges import RangeResult as RangeResult
from ..toolkit.ranges import range_test as range_test
from .comparing import Comparison as Comparison
from .comparing import compare_momentum as compare_momentum
from .comparing import compare_rates as compare_rates
from .growing import fit_growing_batches as fit_growing_batches
from .recipe import Settings as Settings
from .recipe import run as run
from .repairing import Repair as Repair
from .repairing import repair as repair

__all__ = [
    "Comparison",
    "RangeResult",
    "Repair",
    "Settings",
    "compare_momentum",
    "compare_rates",
    "fit_growing_batches",
    "range_test",
    "repair",
    "run",
]
