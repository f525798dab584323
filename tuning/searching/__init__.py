"""The search for an architecture: each judged at its best rate, hopeless ones stopped by their curves.

To read it, follow one trial: `driver` has it proposed and hands it to `workers`, where `trial` makes its trainings;
each `training` trains what `trainables` makes of the model, while `follower` tells the `race` what was logged.
What comes of it goes back as an outcome into a `result`, which `presenting` shows as a leaderboard. Before all this
`tuner`, the face, gathers `options`, and `preparing` makes the plan.
"""

from ...toolkit.optimizers.default_rates import ladder as ladder
from .driver import SearchFailedError as SearchFailedError
from .keras_tuner_folders import read_folder as read_folder
from .plan import ObjectiveError as ObjectiveError
from .result import SearchResult as SearchResult
from .tuner import Search as Search
from .tuner import search as search
