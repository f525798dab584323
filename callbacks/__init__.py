"""What rides along in one `model.fit`."""

from ..toolkit.optimizers.rate_owners import refuse_two_owners as refuse_two_owners
from .averaging import WeightAverage as WeightAverage
from .curve_watch import CurveWatch as CurveWatch
from .gradient_watch import GradientWatch as GradientWatch
from .progress import Progress as Progress
from .rates import LearningRateFinder as LearningRateFinder
from .rates import LearningRateMonitor as LearningRateMonitor
from .rates import UpdateRatioMonitor as UpdateRatioMonitor
from .resumable import ResumableState as ResumableState
from .resume import Resume as Resume
from .snapshots import SnapshotEnsemble as SnapshotEnsemble

__all__ = [
    "CurveWatch",
    "GradientWatch",
    "LearningRateFinder",
    "LearningRateMonitor",
    "Progress",
    "ResumableState",
    "Resume",
    "SnapshotEnsemble",
    "UpdateRatioMonitor",
    "WeightAverage",
    "refuse_two_owners",
]
