"""The rows of a data set as first models learn them: columns encoded once, with the head and the builder that fit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import keras
import numpy as np

from ..toolkit.data import Split, Splits
from ..toolkit.data.disk_rows import DiskRows
from ..toolkit.models.first import described, first_model, fitting_augmentation, is_image
from ..toolkit.models.forecaster import forecast_model
from ..toolkit.models.series import is_grey, is_series
from ..toolkit.models.table_encoder import TableEncoder
from ..toolkit.models.units import is_long_tailed, through_a_logarithm
from ..toolkit.tasks import head
from .large_rows import rows_on_disk


class EncodedRows:
    """Training and validation rows as the first model takes them; the test rows stay sealed.

    `.splits` holds the encoded rows, `.encoder` what encoded them (`None` for arrays), `.layout` what the features are,
    `.head` the end of the model, `.inputs` and `.architecture` both in words, `.augmentation` what fits images.
    `.long_tailed` says whether a quantity is learnt through its logarithm. `.loss_weights` make the loss of a quantity
    free of its unit, so that rates of SGD mean the same for all targets.

    Args:
        raw: The rows as `load` gives them.
        text: How texts are read, as for `TableEncoder`.

    Raises:
        ValueError: The targets do not fit the task.

    Example:

    >>> from trainwise.toolkit.data import load
    >>> rows = EncodedRows(load("iris"))
    >>> rows.head.units, rows.architecture, rows.builder(rows.splits.train)().output_shape
    (3, 'MLP 128-128', (None, 3))
    """

    def __init__(self, raw: Splits, text: str = "terms") -> None:
        self.raw, self.splits = raw, raw
        self.encoder: TableEncoder | None = None
        if raw.columns:
            self.encoder = TableEncoder(raw.columns, raw.train.x, text)
            self.splits = replace(raw, train=self.encoded(raw.train), validation=self.encoded(raw.validation))
        self.without_target = 0
        self.layout = self.encoder.layout if self.encoder else None
        self.head = head(raw.task, raw.train.y, len(raw.classes or ()) or None)
        self.long_tailed = raw.task == "regression" and raw.forecast is None and is_long_tailed(raw.train.y)
        if self.long_tailed:
            self.head = through_a_logarithm(self.head)
        self.inputs, self.architecture = described(raw)
        self.are_images = is_image(raw.train.x) or is_grey(raw.train.x)
        self.are_series = is_series(raw.train.x)
        self.augmentation = fitting_augmentation(raw.train.x) if raw.images else "none"

        # A loss in the squared units of the targets would make every rate of SGD too high, or too low.
        measure = np.mean if self.long_tailed else np.var
        size = float(measure(raw.train.y, dtype="float64")) if raw.task == "regression" else 1.0
        self.loss_weights = [1 / size] if raw.task == "regression" and size > 0 else None
        named = "mean" if self.long_tailed else "variance"
        self.unit = f"losses in units of the targets' {named}" if self.loss_weights else ""

    @cached_property
    def on_disk(self) -> DiskRows | None:
        """All training rows of a table larger than memory, of which `.splits` holds those that were drawn; else `None`.

        They are read and encoded when they are first asked for.
        """
        if self.raw.others is None:
            return None
        rows, self.without_target = rows_on_disk(self.raw, self.encoder, self.splits.train)
        return rows

    @cached_property
    def training_rows(self) -> int:
        """Number of rows to train on, in memory and on disk; those that a refit adds later do not count."""
        return len(self.splits.train) if self.on_disk is None else self.on_disk.rows

    def close(self) -> None:
        """Removes what was written to disk; the rows in memory stay."""
        # Not `on_disk` itself, which would be made to be removed.
        written = vars(self).get("on_disk")
        if written is not None:
            written.close()

    def encoded(self, rows: Split) -> Split:
        """Other rows of the same columns, as the model takes them."""
        return rows if self.encoder is None else Split(self.encoder.encode(rows.x), rows.y)

    def builder(
        self, rows: Split, learning_rate: float = 1e-3, augmentation: str | None = None
    ) -> Callable[[], keras.Model]:
        """A function that returns a new compiled first model, normalised by these encoded rows.

        Args:
            rows: Encoded training rows.
            learning_rate: Of the Adam optimizer, > 0.
            augmentation: As for `first_model`; what fits the images by default.
        """
        x = np.asarray(rows.x)
        if self.raw.forecast is not None:
            return forecast_model(x, rows.y, self.head, learning_rate, len(self.raw.forecast.channels))
        kind = self.augmentation if augmentation is None else augmentation
        return first_model(x, rows.y, self.head, learning_rate, self.layout, kind)
