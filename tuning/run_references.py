"""The simple models beside a run's network: fitted to what it learns from, asked what it is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..toolkit.data import Split, Splits
from ..toolkit.data.images import small_images
from ..toolkit.data.sequences import filled, is_padded
from ..toolkit.data.tokens import are_tokens, commonest, word_counts
from .encoded_rows import EncodedRows
from .forecast_references import fit_forecast_references
from .reference_models import Reference, fit_references
from .refitting import joined
from .run_settings import Settings

_PIXELS_BESIDE = 16
_WORDS_BESIDE = 500


@dataclass(frozen=True)
class RunReferences:
    """The models beside one run.

    Args:
        rows: What the run learns from.
        settings: Of the run.

    Example:

    >>> from ..toolkit.data import load
    >>> [one.name for one in RunReferences(EncodedRows(load("iris")), Settings()).fitted()]
    ['constant', 'linear model', 'gradient boosting']
    """

    rows: EncodedRows
    settings: Settings

    def fitted(self) -> list[Reference]:
        """Simple models of the training rows; they need no test row."""
        raw, seed = self.rows.raw, self.settings.seed
        if raw.forecast is not None:
            return fit_forecast_references(self._learnt(raw), raw.forecast, seed)
        taken, features = self.inputs(self._learnt(raw), self._learnt(self.rows.splits))
        found = fit_references(
            taken, features, self.rows.head.task, raw.columns, self.rows.layout, seed, self.settings.balanced
        )
        note = self._note(features)
        return [replace(one, note="; ".join(filter(None, [note, one.note]))) for one in found]

    def inputs(self, raw: Split, encoded: Split) -> tuple[Split, np.ndarray]:
        """Rows as these models take them, and their features.

        Args:
            raw: As read.
            encoded: The same as the network takes them.
        """
        if is_padded(self.rows.raw.train.x):
            gaps, means = filled(np.asarray(raw.x), np.asarray(self.rows.raw.train.x))
            return Split(gaps, raw.y), means
        if are_tokens(self.rows.raw.train.x):
            counts = word_counts(np.asarray(raw.x), commonest(np.asarray(self.rows.raw.train.x), _WORDS_BESIDE))
            return Split(counts, raw.y), counts
        if not self.rows.raw.images:
            return raw, np.asarray(encoded.x)
        # Of few pixels, each looked at by itself.
        small = small_images(np.asarray(raw.x), _PIXELS_BESIDE)
        return Split(small, raw.y), small

    def _note(self, features: np.ndarray) -> str:
        if self.rows.on_disk is not None:
            return f"fitted to the {len(features):,} rows that are held"
        if are_tokens(self.rows.raw.train.x):
            return f"of how often each of the {features.shape[1]} commonest words stands in a row"
        if self.rows.raw.images:
            height, width = features.shape[1:3]
            return f"of {height} x {width} pixels"
        return ""

    def _learnt(self, splits: Splits) -> Split:
        """What the exported model has learnt from."""
        return joined(splits.train, splits.validation) if self.settings.refit else splits.train
