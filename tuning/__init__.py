"""Procedures that run many fits."""

from ..toolkit.diagnosis.time_gradient import TimeGradient as TimeGradient
from ..toolkit.diagnosis.time_gradient import gradient_over_time as gradient_over_time
from ..toolkit.population.range_test import RangeResult as RangeResult
from ..toolkit.population.range_test import range_test as range_test
from .comparing import Comparison as Comparison
from .comparing import compare_momentum as compare_momentum
from .comparing import compare_rates as compare_rates
from .growing import fit_growing_batches as fit_growing_batches
from .main_job import run as run
from .repairing import Repair as Repair
from .repairing import repair as repair
from .run_settings import Settings as Settings
from .searching import ObjectiveError as ObjectiveError
from .searching import Search as Search
from .searching import SearchFailedError as SearchFailedError
from .searching import SearchResult as SearchResult
from .searching import ladder as ladder
from .searching import read_folder as read_folder
from .searching import search as search
from .spaces import CNN as CNN
from .spaces import MLP as MLP
from .spaces import RNN as RNN
from .stages import Staged as Staged
from .stages import overfit_then_regularize as overfit_then_regularize

__all__ = [
    "CNN",
    "MLP",
    "RNN",
    "Comparison",
    "ObjectiveError",
    "RangeResult",
    "Repair",
    "Search",
    "SearchFailedError",
    "SearchResult",
    "Settings",
    "Staged",
    "TimeGradient",
    "compare_momentum",
    "compare_rates",
    "fit_growing_batches",
    "gradient_over_time",
    "ladder",
    "overfit_then_regularize",
    "range_test",
    "read_folder",
    "repair",
    "run",
    "search",
]
