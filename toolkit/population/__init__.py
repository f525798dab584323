"""Many members of one architecture, trained as one graph."""

from .fitting import fit_population as fit_population
from .leaderboard import Leaderboard as Leaderboard
from .model import Population as Population
from .result import PopulationResult as PopulationResult

__all__ = ["Leaderboard", "Population", "PopulationResult", "fit_population"]
