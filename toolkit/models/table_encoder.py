"""Raw columns into one matrix of features, by a model that is fitted to the training rows and exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pandas as pd

from ..data.columns import Column
from ..data.dates import days_of, parsed
from ..data.sources import Inputs
from ..layers.table_encoding import CategoryEncoding, DateEncoding, NumberEncoding
from ..runtime.keras_internals import source_operation
from .columns_in import column_inputs, model_inputs

# Up to here a category has a feature of its own; beyond, an embedding of at most so many numbers.
MOST_ONE_HOT = 16
_WIDEST_EMBEDDING = 50
_MOST_TERMS, _FEWEST_TERMS = 10_000, 300
# Features of intervals of numbers, and of all texts together: rows times features are held as float32.
_MOST_ENCODED, _MOST_OF_TEXTS = 40_000_000, 80_000_000
# Of the distance of far values to the middle in quartile ranges: 2 for a normal column, 4 for an exponential one.
_LONG_TAIL = 4.0
_FAR = 0.995
# Unit rows of a thousand terms are small beside standardised numbers.
_TEXT_SCALE = 4.0
# Whole numbers of so many values, with rows enough for each, are told apart as if they were names: months, days, hours.
_MOST_FEW, _ROWS_OF_A_VALUE = 32, 50
# Numbers of more values are cut where so many equal shares of the rows end; fewer shares for fewer rows.
_MOST_SHARES, _FEWEST_SHARES, _ROWS_OF_A_SHARE = 16, 4, 50
# Words of a text that are read in order: as many as nineteen of twenty have, and at most so many.
_MOST_WORDS, _MOST_STEPS, _READ_WHOLE = 10_000, 200, 0.95
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Layout:
    """What the columns of a matrix of features are, from left to right.

    Args:
        plain: Number of plain features.
        text: Number of features of texts, behind them.
        embeddings: For each column of category shares, the last ones: how many categories, and how wide an embedding.
        intervals: Places of the plain features that tell in which interval a number lies, first and one past the last;
            a linear model has no use for them that still leaves it one.
        sequences: For each text that is read word by word: how many words are known, and how many of a text are read.
            Their shares stand behind all else.
    """

    plain: int
    text: int = 0
    embeddings: tuple[tuple[int, int], ...] = ()
    intervals: tuple[int, int] = (0, 0)
    sequences: tuple[tuple[int, int], ...] = ()

    @property
    def width(self) -> int:
        """Number of features.

        Example:

        >>> Layout(3, 10, ((400, 24),)).width
        14
        """
        return self.plain + self.text + len(self.embeddings) + sum(steps for _, steps in self.sequences)


class TableEncoder:
    """Fits the encoding of a table's columns to training rows, and encodes rows by it.

    Args:
        columns: What the columns are; those that are not used are passed over.
        x: Training rows: columns by name, or an array `(rows, columns)` of numbers.
        text: `"terms"`: texts are told by their words and pairs of words, wherever they stand; `"sequence"`: by their
            words in order too.

    Example:

    >>> encoder = TableEncoder([Column("size", "number"), Column("kind", "category")],
    ...                        {"size": np.array([1.0, 2, 3, np.nan]), "kind": np.array(["a", "b"] * 2, dtype=object)})
    >>> encoder.layout.plain, encoder.encode({"size": np.array([2.0]), "kind": np.array(["b"], dtype=object)}).shape
    (5, (1, 5))
    """

    def __init__(self, columns: Sequence[Column], x: Inputs, text: str = "terms") -> None:
        used = [column for column in columns if column.used]
        if isinstance(x, dict):
            names = column_inputs(x)
            of_words = {column.name for column in used if not column.is_number}
            inputs: Any = {
                names[name]: keras.Input((1,), name=names[name], dtype="string" if name in of_words else "float32")
                for name in x
            }
            numbers = [column for column in used if column.is_number]
            tensors = [inputs[names[column.name]] for column in numbers]
            matrix = np.stack([x[column.name] for column in numbers], axis=1) if numbers else np.zeros((0, 0))
            number_tensor = (
                (keras.layers.Concatenate(name="numbers")(tensors) if len(tensors) > 1 else tensors[0])
                if tensors
                else None
            )
        else:
            inputs, numbers, matrix = keras.Input(x.shape[1:], name="features"), used, x
            number_tensor, names = inputs, {}
        plain, terms, shares, words = [], [], [], []
        sequences: list[tuple[int, int]] = []
        intervals = (0, 0)
        if numbers:
            layer = _number_layer(numbers, matrix)
            plain.append(layer(number_tensor))
            # Numbers stand first, and their intervals behind all else that they give.
            end = int(plain[0].shape[1])
            intervals = (end - len(layer.intervals), end) if layer.intervals else (0, 0)
        for place, column in enumerate(column for column in used if column.kind == "date"):
            plain.append(_date_layer(column, x[column.name], place)(inputs[names[column.name]]))
        categories = [column for column in used if column.kind in ("category", "ordered", "boolean")]
        embeddings: list[tuple[int, int]] = []
        if categories:
            found, embeddings = _encode_categories(categories, x, inputs, names)
            small = found.shape[1] - len(embeddings)
            plain += [found[:, :small]] if small else []
            shares += [found[:, small:]] if embeddings else []
        texts = [column for column in used if column.kind == "text"]
        for place, column in enumerate(texts):
            tensor = inputs[names[column.name]]
            terms.append(_encode_text(x[column.name], tensor, place, len(texts)))
            if text == "sequence":
                in_order, sizes = _encode_words(x[column.name], tensor, place, len(texts))
                words.append(in_order)
                sequences.append(sizes)
        parts = [*plain, *terms, *shares, *words]
        features = keras.layers.Concatenate(name="encoded")(parts) if len(parts) > 1 else parts[0]
        width = [sum(int(part.shape[1]) for part in some) for some in (plain, terms)]
        self.layout = Layout(width[0], width[1], tuple(embeddings), intervals, tuple(sequences))
        self.model = keras.Model(inputs, features, name="encoder")

    def encode(self, x: Inputs) -> np.ndarray:
        """Rows as float32 features `(rows, features)`: done once before a fit, so that no batch looks words up again.

        Args:
            x: Raw rows, as the training rows were.
        """
        rows = len(next(iter(x.values()))) if isinstance(x, dict) else len(x)
        found = np.empty((rows, self.layout.width), dtype="float32")
        for start in range(0, rows, _ROWS_AT_ONCE):
            at = slice(start, start + _ROWS_AT_ONCE)
            part = {name: column[at] for name, column in x.items()} if isinstance(x, dict) else x[at]
            # A call takes tensors only, or arrays only.
            given = keras.tree.map_structure(keras.ops.convert_to_tensor, model_inputs(part))
            found[at] = keras.ops.convert_to_numpy(self.model(given, training=False))
        return found

    def before(self, model: keras.Model) -> keras.Model:
        """A model of raw rows: the encoding, and behind it a model of the features.

        Args:
            model: Takes what `encode` gives, and has one output.
        """
        name = source_operation(model.outputs[0]).name
        inputs = self.model.input
        answers = keras.layers.Identity(name=name, dtype="float32")(model(self.model(inputs)))
        return keras.Model(inputs, answers, name="model")


def _number_layer(columns: Sequence[Column], values: np.ndarray) -> NumberEncoding:
    settings: dict[str, list[Any]] = {name: [] for name in ("fill", "tail_center", "tail_scale", "center", "scale")}
    gaps, classes, intervals = [], [], []
    shares = _shares(*values.shape)
    for place, column in enumerate(columns):
        cells = values[:, place].astype("float64")
        there = cells[np.isfinite(cells)]
        fill = float(np.float32(np.median(there))) if len(there) else 0.0
        filled = np.where(np.isfinite(cells), cells, fill)
        middle, spread = _long_tail(there)
        drawn = np.arcsinh((filled - middle) / spread) if spread else filled
        deviation = float(drawn.std())
        for name, value in (
            ("fill", fill),
            ("tail_center", middle),
            ("tail_scale", spread),
            ("center", float(drawn.mean())),
            # What varies less than float32 can hold would be noise after scaling.
            ("scale", deviation if deviation > 1e-6 * (1e-30 + float(np.abs(drawn).max(initial=0))) else 1.0),
        ):
            settings[name].append(value)
        if len(there) < len(cells):
            gaps.append(place)
        told_apart = _told_apart(column, there)
        classes += [[place, value] for value in told_apart]
        intervals += [[place, *ends] for ends in _intervals(there, 0 if told_apart else shares)]
    return NumberEncoding(**settings, gaps=gaps, classes=classes, intervals=intervals, name="number_encoding")


def _told_apart(column: Column, values: np.ndarray) -> list[float]:
    """The values of a column that get a feature each: of one that holds classes, or few whole numbers."""
    known = np.unique(values)
    few = 2 < len(known) <= min(_MOST_FEW, len(values) // _ROWS_OF_A_VALUE) and np.all(known == np.round(known))
    return [float(value) for value in known[:_MOST_FEW]] if column.few or few else []


def _shares(rows: int, columns: int) -> int:
    """In how many shares of the rows each column of numbers is cut; 0 where rows are few, or columns many."""
    shares = min(_MOST_SHARES, rows // _ROWS_OF_A_SHARE, _MOST_ENCODED // max(1, rows * columns))
    return shares if shares >= _FEWEST_SHARES else 0


def _intervals(values: np.ndarray, shares: int) -> list[tuple[float, float]]:
    """The intervals between the quantiles of a column; none for one of two values."""
    if not shares or len(values) < 2:
        return []
    ends = np.unique(np.quantile(values, np.linspace(0, 1, shares + 1)).astype("float32"))
    return [(float(low), float(high)) for low, high in pairwise(ends)] if len(ends) > 2 else []


def _long_tail(values: np.ndarray) -> tuple[float, float]:
    """Middle and spread of a column that has a long tail; a spread of 0 for any other."""
    if len(np.unique(values[:1000])) <= 10 and len(np.unique(values)) <= 10:
        return 0.0, 0.0
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    distance = np.abs(values - middle)
    spread = float(high - low)
    if spread == 0:
        # Most values are one: the middle distance of the others.
        spread = float(np.median(distance[distance > 0]))
    long = float(np.quantile(distance, _FAR)) > _LONG_TAIL * spread
    return (float(np.float32(middle)), float(np.float32(spread))) if long else (0.0, 0.0)


def _date_layer(column: Column, words: np.ndarray, place: int) -> DateEncoding:
    times = parsed(pd.Series(words, dtype=object), column.date_format).dropna()
    days = days_of(times)
    first, last = (float(days.min()), float(days.max())) if len(days) else (0.0, 1.0)
    return DateEncoding(column.date_format, first, last, name=f"date_encoding_{place}")


def vocabulary(column: Column, words: np.ndarray) -> list[str]:
    """The values of a category that have a number of their own: those that are not rare in the training rows.

    Args:
        column: What the column is.
        words: Its training cells.

    Example:

    >>> vocabulary(Column("kind", "category"), np.array(["a", "a", "b", "", ""], dtype=object))
    ['', 'a']
    """
    known, counts = np.unique(words.astype(str), return_counts=True)
    # A number that one row has tells nothing of the next.
    rare = int(np.clip(len(words) // 1_000, 2, 50))
    common = [str(word) for word, count in zip(known, counts, strict=True) if count >= rare] or [str(known[0])]
    if column.kind != "ordered":
        return common
    return [level for level in column.levels if level in common]


def _encode_categories(
    columns: Sequence[Column], x: Any, inputs: Any, names: dict[str, str]
) -> tuple[keras.KerasTensor, list[tuple[int, int]]]:
    numbers, sizes, ordered = [], [], []
    for place, column in enumerate(columns):
        known = vocabulary(column, x[column.name])
        lookup = keras.layers.StringLookup(vocabulary=known, num_oov_indices=1, name=f"lookup_{place}")
        numbers.append(lookup(inputs[names[column.name]]))
        sizes.append(len(known) + 1)
        if column.kind == "ordered" and len(known) <= MOST_ONE_HOT:
            ordered.append(place)
    stacked = keras.layers.Concatenate(name="category_numbers")(numbers) if len(numbers) > 1 else numbers[0]
    layer = CategoryEncoding(sizes, MOST_ONE_HOT + 1, ordered, name="category_encoding")
    large = [size for size in sizes if size > MOST_ONE_HOT + 1]
    # The width of fastai's rule, which grows slower than the root of the size.
    return layer(stacked), [(size, int(min(_WIDEST_EMBEDDING, round(1.6 * size**0.56)))) for size in large]


def _encode_text(words: np.ndarray, column: keras.KerasTensor, place: int, texts: int) -> keras.KerasTensor:
    terms = int(np.clip(_MOST_OF_TEXTS // max(1, len(words)), _FEWEST_TERMS, _MOST_TERMS)) // texts
    vectorize = keras.layers.TextVectorization(
        max_tokens=max(terms, 100), ngrams=2, output_mode="tf_idf", name=f"text_terms_{place}"
    )
    vectorize.adapt(np.array([[word] for word in words], dtype=object))
    # How many terms there are is known now, and not to the layer's own shape.
    found = keras.layers.Reshape((vectorize.vocabulary_size(),), name=f"text_shape_{place}")(vectorize(column))
    unit = keras.layers.UnitNormalization(name=f"text_length_{place}")(found)
    return keras.layers.Rescaling(_TEXT_SCALE, name=f"text_scale_{place}")(unit)


def _encode_words(
    words: np.ndarray, column: keras.KerasTensor, place: int, texts: int
) -> tuple[keras.KerasTensor, tuple[int, int]]:
    """A text's words in order, as shares of the vocabulary; with how many words are known, and how many are read."""
    lengths = [len(word.split()) for word in words]
    most = max(1, min(_MOST_STEPS, _MOST_OF_TEXTS // max(1, len(words) * texts)))
    steps = int(np.clip(np.quantile(lengths, _READ_WHOLE), 1, most))
    vectorize = keras.layers.TextVectorization(
        max_tokens=_MOST_WORDS, output_sequence_length=steps, name=f"text_words_{place}"
    )
    vectorize.adapt(np.array([[word] for word in words], dtype=object))
    size = int(vectorize.vocabulary_size())
    numbers = keras.layers.Reshape((steps,), name=f"text_steps_{place}")(vectorize(column))
    return keras.layers.Rescaling(1 / size, name=f"text_shares_{place}")(numbers), (size, steps)
