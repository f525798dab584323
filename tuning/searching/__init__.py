"""The search for an architecture: each judged at its best rate, hopeless ones stopped by their curves."""

from ...toolkit.optimizers.rate_ladder import ladder as ladder
from .driver import SearchFailedError as SearchFailedError
from .keras_tuner_folders import read_folder as read_folder
from .plan import ObjectiveError as ObjectiveError
from .result import SearchResult as SearchResult
from .tuner import Search as Search
from .tuner import search as search
