"""Many models become one: votes, averages of weights, samples of dropout; members chosen, judged and calibrated."""

from .bagging import bagging_weights as bagging_weights
from .calibration import Calibration as Calibration
from .calibration import calibrate as calibrate
from .combining import Combination as Combination
from .combining import combine as combine
from .monte_carlo_dropout import mc_dropout as mc_dropout
from .selection import Selection as Selection
from .selection import select_members as select_members
from .soups import Soup as Soup
from .soups import average_weights as average_weights
from .soups import greedy_soup as greedy_soup
from .vote_reports import VoteReport as VoteReport
from .vote_reports import evaluate_vote as evaluate_vote
from .votes import vote as vote

__all__ = [
    "Calibration",
    "Combination",
    "Selection",
    "Soup",
    "VoteReport",
    "average_weights",
    "bagging_weights",
    "calibrate",
    "combine",
    "evaluate_vote",
    "greedy_soup",
    "mc_dropout",
    "select_members",
    "vote",
]
