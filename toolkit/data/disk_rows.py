"""Rows of features on disk, in blocks that are shuffled: training rows where memory has no room for them."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..checks import whole_number

_BYTES_OF_A_BLOCK = 8 * 2**20
_MOST_ROWS, _FEWEST_ROWS = 32_768, 256
# Blocks that are shuffled together; as many more are read ahead.
_TOGETHER = 8


class DiskRows:
    """Features and targets in files, which go with the object.

    Args:
        features: Numbers a row, at least 1.
        dtype: Of the targets.
        block: Rows of a block; by default so many as have 8 MiB.
        folder: Where the files are made; where the system has room for such by default.

    Raises:
        ValueError: A number is out of range.

    Example:

    >>> rows = DiskRows(2, block=3)
    >>> rows.add(np.arange(10.0).reshape(5, 2), np.arange(5))
    >>> rows.rows, rows.blocks, rows.block(1)[1].tolist()
    (5, 2, [3.0, 4.0])
    """

    def __init__(
        self, features: int, dtype: Any = "float32", block: int | None = None, folder: str | Path | None = None
    ) -> None:
        self.features = whole_number("features", features, low=1)
        fitting = int(np.clip(_BYTES_OF_A_BLOCK // (4 * features), _FEWEST_ROWS, _MOST_ROWS))
        self.block_rows = fitting if block is None else whole_number("block", block, low=1)
        self.dtype = np.dtype(dtype)
        self.rows = 0
        self._folder = tempfile.TemporaryDirectory(prefix="trainwise-rows-", dir=folder)
        self._files = [Path(self._folder.name, name) for name in ("features", "targets")]

    @property
    def blocks(self) -> int:
        """Number of blocks; the last may have fewer rows."""
        return -(-self.rows // self.block_rows)

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Writes rows behind those that are there.

        Args:
            x: Features `(rows, features)`.
            y: Targets `(rows,)`.

        Raises:
            ValueError: There is no room for them on the disk.
        """
        free = shutil.disk_usage(self._folder.name).free
        if x.size * 4 + y.nbytes > free:
            raise ValueError(
                f"{self._folder.name} has {free / 2**30:.1f} GiB left, and the encoded training rows need more: set "
                "TMPDIR to a larger disk."
            )
        for file, values in zip(self._files, (x.astype("float32"), y.astype(self.dtype)), strict=True):
            with file.open("ab") as target:
                np.ascontiguousarray(values).tofile(target)
        self.rows += len(y)

    def close(self) -> None:
        """Removes the files; what cannot be removed now goes with the process."""
        with contextlib.suppress(OSError):
            self._folder.cleanup()

    def block(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Features and targets of a block.

        Args:
            place: Which, in [0, blocks).
        """
        start = place * self.block_rows
        count = min(self.block_rows, self.rows - start)
        x = np.fromfile(self._files[0], "float32", count * self.features, offset=start * self.features * 4)
        y = np.fromfile(self._files[1], self.dtype, count, offset=start * self.dtype.itemsize)
        return x.reshape(count, self.features), y


class BlockBatches(keras.utils.PyDataset):
    """Batches of rows on disk: the blocks in a new order each epoch, the rows of some blocks shuffled together.

    While some blocks are learnt from, the next are read. Which rows make a batch hangs on seed and epoch alone, so that
    a fit can be resumed.

    Args:
        rows: On disk.
        batch_size: Rows a batch, >= 1; the last one of the blocks that are shuffled together may be smaller.
        seed: Decides the order.
        epoch: First epoch.
        class_weights: Of each class, for class numbers as targets; `None` where all rows count alike.
        together: How many blocks are shuffled together, >= 1.

    Example:

    >>> rows = DiskRows(1, block=2)
    >>> rows.add(np.arange(5.0)[:, None], np.arange(5))
    >>> batches = BlockBatches(rows, batch_size=2, seed=0, together=2)
    >>> sorted(value for place in range(len(batches)) for value in batches[place][1].tolist())
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """

    def __init__(
        self,
        rows: DiskRows,
        batch_size: int,
        seed: int,
        epoch: int = 0,
        class_weights: np.ndarray | None = None,
        together: int = _TOGETHER,
    ) -> None:
        super().__init__()
        self.rows, self.batch_size, self.seed, self.epoch = rows, batch_size, seed, epoch
        self.class_weights, self.together = class_weights, together
        whole, short = divmod(rows.rows, rows.block_rows)
        sizes = [rows.block_rows] * whole + [short] * bool(short)
        counts = [sum(sizes[at : at + together]) for at in range(0, len(sizes), together)]
        # The first batch of each set of blocks: the same each epoch, since the short block is always the last.
        self._first = np.cumsum([0, *(-(-count // batch_size) for count in counts)])
        self._reader = ThreadPoolExecutor(1)
        self._ahead: dict[tuple[int, int], Future[tuple[np.ndarray, np.ndarray]]] = {}
        self._at: tuple[int, int] | None = None
        self._begun = False

    def __len__(self) -> int:
        return int(self._first[-1])

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        place = int(np.searchsorted(self._first, index, side="right")) - 1
        if self._at != (self.epoch, place):
            self._go_to(place)
        start = (index - int(self._first[place])) * self.batch_size
        x, y = (values[start : start + self.batch_size] for values in self._held)
        return (x, y) if self.class_weights is None else (x, y, self.class_weights[y.astype(int)].astype("float32"))

    def on_epoch_begin(self) -> None:
        # Keras may read and end an "epoch" before the first, to build the model; only begun ones count.
        self.epoch += self._begun
        self._begun = True

    def _go_to(self, place: int) -> None:
        ready = self._ahead.pop((self.epoch, place), None) or self._reader.submit(self._shuffled, self.epoch, place)
        self._held = ready.result()
        self._at = self.epoch, place
        following = (self.epoch, place + 1) if place + 2 < len(self._first) else (self.epoch + 1, 0)
        self._ahead = {following: self._reader.submit(self._shuffled, *following)}

    def _shuffled(self, epoch: int, place: int) -> tuple[np.ndarray, np.ndarray]:
        whole = self.rows.rows // self.rows.block_rows
        order = np.random.default_rng((self.seed, epoch)).permutation(whole).tolist()
        order += range(whole, self.rows.blocks)
        blocks = [self.rows.block(one) for one in order[place * self.together : (place + 1) * self.together]]
        x, y = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        at = np.random.default_rng((self.seed, epoch, place)).permutation(len(y))
        return x[at], y[at]
