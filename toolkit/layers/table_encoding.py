"""Columns of a table as features, inside a model: numbers with gaps, categories, dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TOKENS = {
    "%Y": r"(\d{4})",
    "%y": r"(\d{2})",
    "%m": r"(\d{1,2})",
    "%d": r"(\d{1,2})",
    "%H": r"(\d{1,2})",
    "%I": r"(\d{1,2})",
    "%M": r"(\d{1,2})",
    "%S": r"(\d{1,2})",
    "%b": r"([A-Za-z]{3,})",
    "%B": r"([A-Za-z]{3,})",
    "%p": r"([AaPp][Mm])",
}
_PACKED = {"%Y": r"(\d{4})", **dict.fromkeys(("%m", "%d", "%H", "%M", "%S"), r"(\d{2})")}
_TAIL = r"(?:[.,]\d+)?\s*(?:Z|UTC|[+-]\d{2}:?\d{2})?"


@keras.saving.register_keras_serializable(package="trainwise")
class NumberEncoding(keras.layers.Layer):
    """Numbers with gaps as features: gaps filled and told, long tails drawn in, standardised, values told apart.

    Where values are few, each can have a feature of its own; where they are many, an interval can: it is 0 for values
    below, 1 for those above, and between them a straight line. A network bends sharply at the ends of intervals, as a
    tree does, which it learns slowly from one standardised number.

    A long-tailed column goes through `asinh((x - tail_center) / tail_scale)` first, which is linear near the middle and
    a logarithm far out, for either sign.

    Args:
        fill: What takes the place of a gap, one a column.
        tail_center: Middle of each column, and
        tail_scale: its spread, where the column has a long tail; 0 where it has none.
        center: Mean of each column after that.
        scale: Standard deviation of each column after that, > 0.
        gaps: Places of the columns whose gaps get a feature of their own.
        classes: Pairs of a column's place and one of its values, which gets a feature of its own.
        intervals: A column's place, the low and the high end of an interval of it, low < high.
        **kwargs: `name`, `dtype` and the like, as for any Keras layer.

    Input shape: `(batch, columns)`, NaN for gaps. Output shape: `(batch, columns + gaps + classes + intervals)`.

    Raises:
        ValueError: The statistics do not fit one another.

    Reference: Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features in tabular deep learning",
    arXiv:2203.05556, section 3.2, piecewise linear encoding.

    Example:

    >>> layer = NumberEncoding(fill=[2.0], tail_center=[0.0], tail_scale=[0.0], center=[2.0], scale=[1.0], gaps=[0])
    >>> np.asarray(layer(np.array([[1.0], [np.nan]]))).tolist()
    [[-1.0, 0.0], [0.0, 1.0]]
    """

    def __init__(
        self,
        fill: Sequence[float],
        tail_center: Sequence[float],
        tail_scale: Sequence[float],
        center: Sequence[float],
        scale: Sequence[float],
        gaps: Sequence[int] = (),
        classes: Sequence[Sequence[float]] = (),
        intervals: Sequence[Sequence[float]] = (),
        **kwargs: Any,
    ) -> None:
        # In half precision Keras would round the inputs before they are centred.
        super().__init__(autocast=False, **kwargs)
        lengths = {len(one) for one in (fill, tail_center, tail_scale, center, scale)}
        if len(lengths) != 1:
            raise ValueError(
                "`fill`, `tail_center`, `tail_scale`, `center` and `scale` must have one length, got "
                f"{sorted(lengths)}."
            )
        self.fill, self.tail_center, self.tail_scale = fill, tail_center, tail_scale
        if not all(low < high for _, low, high in intervals):
            raise ValueError(f"`intervals` must have a low end below the high one, got {[*map(list, intervals)]}.")
        self.center, self.scale, self.gaps, self.classes, self.intervals = center, scale, gaps, classes, intervals

    def call(self, inputs: Any) -> Any:
        x = ops.cast(inputs, "float32")
        missing = ops.isnan(x)
        x = ops.where(missing, _constant(self.fill), x)
        long = np.asarray(self.tail_scale) > 0
        spread = np.where(long, self.tail_scale, 1.0)
        drawn = ops.arcsinh((x - _constant(self.tail_center)) / _constant(spread))
        values = ops.where(ops.convert_to_tensor(long), drawn, x) if long.any() else x
        features = [(values - _constant(self.center)) / _constant(self.scale)]
        if len(self.gaps):
            features.append(ops.cast(ops.take(missing, np.asarray(self.gaps, "int32"), axis=1), "float32"))
        if len(self.classes):
            places = np.asarray([int(place) for place, _ in self.classes], "int32")
            chosen = ops.equal(ops.take(x, places, axis=1), _constant([value for _, value in self.classes]))
            features.append(ops.cast(chosen, "float32"))
        if len(self.intervals):
            places = np.asarray([int(place) for place, _, _ in self.intervals], "int32")
            low, high = (_constant([interval[end] for interval in self.intervals]) for end in (1, 2))
            features.append(ops.clip((ops.take(x, places, axis=1) - low) / (high - low), 0.0, 1.0))
        whole = ops.concatenate(features, axis=1) if len(features) > 1 else features[0]
        return ops.cast(whole, self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, int]:
        return input_shape[0], len(self.fill) + len(self.gaps) + len(self.classes) + len(self.intervals)

    def get_config(self) -> dict[str, Any]:
        names = ("fill", "tail_center", "tail_scale", "center", "scale")
        own = {name: [float(value) for value in getattr(self, name)] for name in names}
        pairs = [[int(place), float(value)] for place, value in self.classes]
        ends = [[int(place), float(low), float(high)] for place, low, high in self.intervals]
        places = [int(place) for place in self.gaps]
        config = {**super().get_config(), **own, "gaps": places, "classes": pairs, "intervals": ends}
        config.pop("autocast", None)
        return config


@keras.saving.register_keras_serializable(package="trainwise")
class CategoryEncoding(keras.layers.Layer):
    """Numbers of categories as features: one a category where they are few, else a share that an embedding takes.

    Number 0 is the bucket of unknown and rare values. A column of many becomes `number / size`, from which
    `CategoryNumbers` gives the number back: features stay in one small range, whatever they are.

    Args:
        sizes: How many numbers each column has.
        most: Up to this size a column has a feature for each number.
        ordered: Places of the columns whose numbers from 1 on stand in an order, which is a feature too.
        **kwargs: `name`, `dtype` and the like, as for any Keras layer.

    Input shape: `(batch, columns)`, whole numbers. Output shape: `(batch, features)`: those of the small columns, the
    orders, then one for each large column.

    Example:

    >>> layer = CategoryEncoding([2, 40], most=17)
    >>> np.asarray(layer(np.array([[1, 10]]))).tolist()
    [[0.0, 1.0, 0.25]]
    """

    def __init__(self, sizes: Sequence[int], most: int = 17, ordered: Sequence[int] = (), **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.sizes, self.most, self.ordered = sizes, most, ordered

    def call(self, inputs: Any) -> Any:
        numbers = ops.cast(inputs, "int32")
        small = [ops.one_hot(numbers[:, place], size) for place, size in enumerate(self.sizes) if size <= self.most]
        ranks = [_rank(ops.cast(numbers[:, place], "float32"), self.sizes[place])[:, None] for place in self.ordered]
        large = [
            (ops.cast(numbers[:, place], "float32") / float(size))[:, None]
            for place, size in enumerate(self.sizes)
            if size > self.most
        ]
        return ops.cast(ops.concatenate([*small, *ranks, *large], axis=1), self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, int]:
        return input_shape[0], sum(size if size <= self.most else 1 for size in self.sizes) + len(self.ordered)

    def get_config(self) -> dict[str, Any]:
        own = {"sizes": list(map(int, self.sizes)), "most": self.most, "ordered": list(map(int, self.ordered))}
        config = {**super().get_config(), **own}
        config.pop("autocast", None)
        return config


@keras.saving.register_keras_serializable(package="trainwise")
class CategoryNumbers(keras.layers.Layer):
    """Gives numbers of categories or of words back from `number / size`, as an embedding takes them.

    Args:
        size: How many numbers there are, >= 1.
        **kwargs: `name`, `dtype` and the like, as for any Keras layer.

    Input shape: `(batch, 1)`, or `(batch, steps)`. Output shape: `(batch,)`, or `(batch, steps)`; int32.

    Example:

    >>> np.asarray(CategoryNumbers(40)(np.array([[0.25]]))).tolist()
    [10]
    """

    def __init__(self, size: int, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.size = size

    def call(self, inputs: Any) -> Any:
        shares = ops.cast(inputs, "float32")
        numbers = ops.round((shares[:, 0] if inputs.shape[1] == 1 else shares) * float(self.size))
        return ops.cast(ops.clip(numbers, 0, self.size - 1), "int32")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, ...]:
        return (input_shape[0],) if input_shape[1] == 1 else tuple(input_shape)

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype="int32")

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "size": int(self.size)}
        config.pop("autocast", None)
        return config


@keras.saving.register_keras_serializable(package="trainwise")
class DateEncoding(keras.layers.Layer):
    """Dates as words into features: time since the first, year, month, day of the year, weekday, hour.

    Months, days of the year and hours are points on a circle, so that December stands beside January. A cell that is no
    date of the form gives zeros and, as the last feature, 1. Needs TensorFlow's operations on strings.

    Args:
        date_format: Of the dates, as `strptime` takes it.
        first: First time of the training rows, in days since 1970.
        last: Last time of the training rows; later ones are taken for this one, earlier ones for the first.
        **kwargs: `name`, `dtype` and the like, as for any Keras layer.

    Input shape: `(batch, 1)`, words. Output shape: `(batch, 15)`, and 2 more where the form has hours.

    Reference: Hinnant 2013, "chrono-Compatible Low-Level Date Algorithms" (the number of a day).

    Example:

    >>> layer = DateEncoding("%Y-%m-%d", first=0.0, last=10.0)
    >>> features = np.asarray(layer(keras.ops.convert_to_tensor([["1970-01-06"], ["soon"]], dtype="string")))
    >>> features[0, 0], features[:, -1].tolist()  # half of the time; no gap in the first cell, one in the second
    (np.float32(0.0), [0.0, 1.0])
    """

    def __init__(self, date_format: str, first: float, last: float, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self.date_format, self.first, self.last = date_format, first, last
        self.pattern, self.parts = _pattern(date_format)
        self.has_hours = "%H" in self.parts or "%I" in self.parts

    def call(self, inputs: Any) -> Any:
        days, seconds, year, month, day, there = self._read(inputs)
        time = ops.cast(days, "float32") - float(self.first) + ops.cast(seconds, "float32") / 86_400
        length = max(float(self.last) - float(self.first), 1e-6)
        years = max(length / 365.25, 1.0)
        first_year = 1970 + float(self.first) / 365.2425
        of_year = ops.cast(days - _days(year, month * 0 + 1, day * 0 + 1), "float32") / 365.2425
        weekday = ops.one_hot(ops.mod(days + 3, 7), 7)  # 0 is Monday
        features = [
            (2 * ops.clip(time / length, 0.0, 1.0) - 1)[:, None],
            ops.clip((ops.cast(year, "float32") - first_year) / years, -1.0, 2.0)[:, None],
            *_circle((ops.cast(month, "float32") - 1) / 12),
            *_circle(of_year),
            weekday,
            *_circle((ops.cast(day, "float32") - 1) / 31)[:1],
            *(_circle(ops.cast(seconds, "float32") / 86_400) if self.has_hours else []),
        ]
        known = ops.cast(there, "float32")[:, None]
        return ops.cast(
            ops.concatenate([ops.concatenate(features, axis=1) * known, 1 - known], axis=1), self.compute_dtype
        )

    def _read(self, inputs: Any) -> tuple[Any, ...]:
        import tensorflow as tf

        words = tf.strings.strip(tf.reshape(inputs, [-1]))
        there = tf.strings.regex_full_match(words, self.pattern)
        # What does not fit would stay as it is, and is no number.
        fitting = tf.where(there, words, tf.constant(_example(self.date_format)))

        def part(token: str, default: int) -> Any:
            if token not in self.parts:
                return tf.fill(tf.shape(fitting), default)
            return tf.strings.to_number(self._part(fitting, token), tf.int32)

        year = part("%Y", 1970)
        if "%y" in self.parts:
            short = part("%y", 70)
            year = tf.where(short < 69, short + 2000, short + 1900)
        month = part("%m", 1)
        for token in ("%b", "%B"):
            if token in self.parts:
                names = tf.strings.lower(tf.strings.substr(self._part(fitting, token), 0, 3))
                month = (
                    tf.argmax(tf.equal(names[:, None], tf.constant(_MONTHS)[None]), axis=1, output_type=tf.int32) + 1
                )
        hour = part("%H", 0)
        if "%I" in self.parts:
            afternoon = tf.equal(tf.strings.lower(self._part(fitting, "%p")), "pm")
            hour = part("%I", 12) % 12 + 12 * tf.cast(afternoon, tf.int32)
        day = part("%d", 1)
        seconds = hour * 3600 + part("%M", 0) * 60 + part("%S", 0)
        return _days(year, month, day), seconds, year, month, day, there

    def _part(self, words: Any, token: str) -> Any:
        import tensorflow as tf

        return tf.strings.regex_replace(words, self.pattern, rf"\{self.parts.index(token) + 1}")

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> tuple[int | None, int]:
        return input_shape[0], 17 if self.has_hours else 15

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        own = {"date_format": self.date_format, "first": float(self.first), "last": float(self.last)}
        config = {**super().get_config(), **own}
        config.pop("autocast", None)
        return config


def _constant(values: Any) -> Any:
    return ops.convert_to_tensor(np.asarray(values, "float32"))


def _rank(numbers: Any, size: int) -> Any:
    """From -1 for number 1 to 1 for the last; 0 for unknown ones."""
    middle, half = size / 2, max((size - 2) / 2, 1)
    return ops.where(numbers > 0, (numbers - middle) / half, ops.zeros_like(numbers))


def _circle(turns: Any) -> list[Any]:
    angle = 2 * np.pi * turns
    return [ops.sin(angle)[:, None], ops.cos(angle)[:, None]]


def _days(year: Any, month: Any, day: Any) -> Any:
    """Days since 1970 of a date of the Gregorian calendar, years from March on."""
    year = year - ops.cast(month <= 2, "int32")
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + ops.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def _pattern(date_format: str) -> tuple[str, list[str]]:
    """A regular expression for a form, and the parts that its groups give."""
    packed = not re.search(r"[^%A-Za-z]", date_format)
    tokens = _PACKED if packed else _TOKENS
    pieces, parts = [], []
    for piece in re.findall(r"%.|\s+|[^%\s]+", date_format):
        if piece in tokens:
            pieces.append(tokens[piece])
            parts.append(piece)
        else:
            pieces.append(r"\s+" if piece.isspace() else re.escape(piece))
    tail = _TAIL if "%H" in parts or "%I" in parts else ""
    return f"^{''.join(pieces)}{tail}$", parts


def _example(date_format: str) -> str:
    import datetime

    return datetime.datetime(1970, 1, 1).strftime(date_format)
