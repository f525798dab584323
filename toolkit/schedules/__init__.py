"""Learning-rate schedules, batch-size schedules, and the count of updates."""

from .batches import BatchSizeSchedule as BatchSizeSchedule
from .batches import updates as updates
from .cycles import CyclicalLearningRate as CyclicalLearningRate
from .cycles import OneCycle as OneCycle
from .decays import InverseSqrtDecay as InverseSqrtDecay
from .decays import PiecewiseDecay as PiecewiseDecay
from .decays import WarmupStableDecay as WarmupStableDecay
from .joining import JoinedSchedule as JoinedSchedule
from .joining import LinearWarmup as LinearWarmup
from .previews import plot as plot
from .previews import preview as preview

__all__ = [
    "BatchSizeSchedule",
    "CyclicalLearningRate",
    "InverseSqrtDecay",
    "JoinedSchedule",
    "LinearWarmup",
    "OneCycle",
    "PiecewiseDecay",
    "WarmupStableDecay",
    "plot",
    "preview",
    "updates",
]
