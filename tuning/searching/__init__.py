"""The search for an architecture: each judged at its best rate, hopeless ones stopped by their curves."""

from .earlier import read_folder as read_folder
from .ladders import ladder as ladder
from .plans import ObjectiveError as ObjectiveError
from .results import SearchResult as SearchResult
from .running import SearchFailedError as SearchFailedError
from .tuner import Search as Search
from .tuner import search as search
