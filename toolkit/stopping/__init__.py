"""Rules that end hopeless trainings early, told by their curves so far, and the replay that measures a rule."""

from .extrapolation import chance_to_beat as chance_to_beat
from .rules import AnyOf as AnyOf
from .rules import Extrapolation as Extrapolation
from .rules import FirstEpochs as FirstEpochs
from .rules import Median as Median
from .rules import Percentile as Percentile
from .rules import Replay as Replay
from .rules import Stopper as Stopper
from .rules import SuccessiveHalving as SuccessiveHalving
from .rules import in_epochs as in_epochs
from .rules import replay as replay
from .rules import stopper_of as stopper_of

__all__ = [
    "AnyOf",
    "Extrapolation",
    "FirstEpochs",
    "Median",
    "Percentile",
    "Replay",
    "Stopper",
    "SuccessiveHalving",
    "chance_to_beat",
    "in_epochs",
    "replay",
    "stopper_of",
]
