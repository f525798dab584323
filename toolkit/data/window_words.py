"""A column of words in the windows of a series: a channel for each word that is common enough."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

# As many as a table's category may have and still get a feature for each.
MOST_WORDS = 16
# What one row has tells nothing of the next.
_FEWEST_ROWS = 2


@dataclass(frozen=True)
class WindowWords:
    """What the words of a column are told apart as.

    Args:
        name: Of the column.
        words: Those that have a channel of their own; all others share one more.
    """

    name: str
    words: tuple[str, ...]

    @property
    def width(self) -> int:
        """Number of channels.

        Example:

        >>> WindowWords("weather", ("dry", "wet")).width
        3
        """
        return len(self.words) + 1

    @classmethod
    def found(cls, name: str, cells: np.ndarray) -> WindowWords:
        """The commonest words of a column.

        Args:
            name: Of the column.
            cells: Its words, empty ones for gaps.

        Example:

        >>> WindowWords.found("weather", np.array(["wet", "dry", "dry", "", "wet", "hail"], dtype=object)).words
        ('dry', 'wet')
        """
        counts = pd.Series(cells[cells != ""], dtype=object).value_counts()
        common = sorted(counts.index[counts >= _FEWEST_ROWS], key=lambda word: (-counts[word], word))
        return cls(name, tuple(sorted(map(str, common[:MOST_WORDS]))))

    def numbers(self, cells: np.ndarray) -> np.ndarray:
        """The place of each cell's word, NaN for gaps; what has no channel of its own stands behind all words.

        Args:
            cells: Words, empty ones for gaps.

        Example:

        >>> WindowWords("weather", ("dry", "wet")).numbers(np.array(["wet", "", "hail"], dtype=object)).tolist()
        [1.0, nan, 2.0]
        """
        places = {word: float(place) for place, word in enumerate(self.words)}
        other = float(len(self.words))
        return np.array([np.nan if cell == "" else places.get(cell, other) for cell in cells])

    def channels(self, numbers: np.ndarray) -> np.ndarray:
        """A 1 in the channel of each word, `(rows, width)`; a gap has none.

        Args:
            numbers: As `numbers` gives them.

        Example:

        >>> WindowWords("weather", ("dry", "wet")).channels(np.array([1.0, np.nan])).tolist()
        [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
        """
        return np.asarray(numbers[:, None] == np.arange(self.width), dtype="float64")
