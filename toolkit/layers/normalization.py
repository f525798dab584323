"""Standard, min-max and robust normalisation as layers whose statistics are weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import instance_of, items_of, number
from .moments import Moments, batches_of

_MOST_NAMED = 5


class _Normalization(keras.layers.Layer):
    """An affine map per feature, `(x - center) / scale`, whose two statistics are non-trainable weights.

    The statistics start as NaN, so that a layer which was never adapted cannot pass unseen. They
    are part of the configuration once known, so that a clone has them too.
    """

    built: bool

    def __init__(
        self,
        axis: int = -1,
        center: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        invert: bool = False,
        **kwargs: Any,
    ) -> None:
        # In half precision Keras would round the inputs before they are centred.
        super().__init__(autocast=False, **kwargs)
        if axis != -1:
            raise ValueError(f"`axis` must be -1 (features last), got {axis!r}.")
        if (center is None) != (scale is None):
            raise ValueError("`center` and `scale` must be given together.")
        # What is padded stays padded, for a recurrent layer behind this one.
        self.supports_masking = True
        self.axis = axis
        self.center = center
        self.scale = scale
        self.inverse = bool(invert)

    def build(self, input_shape: Sequence[int | None]) -> None:
        if not input_shape or input_shape[-1] is None:
            raise ValueError(f"The last axis of the input must be known, got shape {tuple(input_shape)}.")
        features = int(input_shape[-1])
        self.center_weight = self._statistic("center", self.center, features)
        self.scale_weight = self._statistic("scale", self.scale, features)

    def _statistic(self, name: str, known: Sequence[float] | None, features: int) -> keras.Variable:
        if known is not None and len(known) != features:
            raise ValueError(f"`{name}` must hold {features} values, one a feature, got {len(known)}.")
        start = np.full(features, np.nan) if known is None else np.asarray(known)
        return self.add_weight(
            name=name,
            shape=(features,),
            dtype="float32",
            initializer=lambda shape, dtype: ops.convert_to_tensor(start, dtype),
            trainable=False,
            autocast=False,
        )

    @property
    def adapted(self) -> bool:
        """Whether the statistics are known."""
        return bool(self.built) and bool(np.all(np.isfinite(ops.convert_to_numpy(self.scale_weight))))

    def adapt(self, x: Any, mask: Any = None) -> None:
        """Learns the statistics. Give it the training rows only.

        Gaps (NaN) are left out of the statistics, as scikit-learn does, and stay gaps in what the layer answers.

        Args:
            x: Array of shape `(rows, ..., features)`, or `(rows,)` for a single feature; or a `tf.data` set or
                `PyDataset` of such batches, read once.
            mask: Which steps of an array count, shape `(rows, ...)`, such as those that are no padding.

        Raises:
            TypeError: `x` does not hold numbers.
            ValueError: `x` has no rows, holds infinite values, or a feature is all gaps.

        Warns:
            UserWarning: A feature is constant; it comes out as 0 (its scale is set to 1).
        """
        seen = self._seen(x, mask)
        if not self.built:
            self.build((None, len(seen.mean)))
        empty = np.flatnonzero(seen.count == 0)
        if empty.size:
            raise ValueError(f"`adapt` found nothing but gaps in {_named(empty)}; leave them out.")
        center, scale = self._statistics(seen)
        constant = np.flatnonzero(seen.high == seen.low)
        if constant.size:
            warnings.warn(f"`adapt` of {self.name}: constant, so they come out as 0: {_named(constant)}.", stacklevel=2)
            # A mean of equal values may miss them by a rounding, which a scale near 0 would blow up.
            center[constant], scale[constant] = seen.low[constant], 1.0
        self.center_weight.assign(center)
        self.scale_weight.assign(scale)

    def _seen(self, x: Any, mask: Any) -> Moments:
        seen: Moments | None = None
        for rows in batches_of(x, mask):
            bad = np.flatnonzero(np.isinf(rows).any(axis=0))
            if bad.size:
                raise ValueError(f"`adapt` found infinite values in {_named(bad)}; drop those rows or mend them first.")
            features = int(self.center_weight.shape[0]) if self.built else rows.shape[1]
            if rows.shape[1] != features:
                raise ValueError(f"`adapt` expected {features} features, got {rows.shape[1]}.")
            seen = Moments(features) if seen is None else seen
            seen.add(rows)
            self._keep(rows)
        if seen is None:
            raise ValueError("`adapt` needs at least one row, got a stream without any.")
        return seen

    def _keep(self, rows: np.ndarray) -> None:
        """Takes note of rows for statistics that moments do not tell."""

    def _statistics(self, seen: Moments) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError("A normalisation must override `_statistics(seen)` to return (center, scale).")

    def call(self, inputs: Any) -> Any:
        return self.invert(inputs) if self.inverse else self.normalize(inputs)

    def normalize(self, x: Any) -> Any:
        """`(x - center) / scale`, in the layer's compute dtype; same shape as `x`."""
        return ops.cast((ops.cast(x, "float32") - self.center_weight) / self.scale_weight, self.compute_dtype)

    def invert(self, z: Any) -> Any:
        """`z * scale + center`: the inverse of `normalize`; same shape as `z`."""
        return ops.cast(ops.cast(z, "float32") * self.scale_weight + self.center_weight, self.compute_dtype)

    def compute_output_shape(self, input_shape: Sequence[int | None]) -> Sequence[int | None]:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        center, scale = self.center, self.scale
        if self.adapted:
            center = [float(value) for value in ops.convert_to_numpy(self.center_weight)]
            scale = [float(value) for value in ops.convert_to_numpy(self.scale_weight)]
        config = {**super().get_config(), "axis": self.axis, "center": center, "scale": scale, "invert": self.inverse}
        config.pop("autocast", None)
        return config


@keras.saving.register_keras_serializable(package="trainwise")
class Standardize(_Normalization):
    """Shifts and scales every feature to mean 0 and standard deviation 1.

    Call `adapt` on the training rows before the first use; until then the layer outputs NaN. Its
    statistics are non-trainable weights: they are saved, cloned, deep-copied and exported (ONNX
    included) with the model.

    Args:
        axis: Feature axis; only -1.
        center: Means, one a feature, or `None` to learn them with `adapt`.
        scale: Standard deviations, one a feature, > 0, or `None` to learn them with `adapt`.
        invert: Whether the layer maps standardised values back, as the end of a regression
            model does.
        **kwargs: `name`, `dtype` and the like, as for any Keras layer.

    Input shape: `(batch, ..., features)`. Output shape: the same.

    Raises:
        ValueError: `axis` is not -1, or `center` and `scale` do not fit the features.

    Reference: LeCun et al. 1998, "Efficient BackProp", section 4.3.

    Example:

    >>> import numpy as np
    >>> layer = Standardize()
    >>> layer.adapt(np.array([[1.0], [3.0]]))
    >>> np.asarray(layer(np.array([[1.0], [2.0], [3.0]]))).ravel().tolist()
    [-1.0, 0.0, 1.0]
    """

    def _statistics(self, seen: Moments) -> tuple[np.ndarray, np.ndarray]:
        return seen.mean.copy(), seen.deviation


@keras.saving.register_keras_serializable(package="trainwise")
class MinMax(_Normalization):
    """Maps every feature linearly so that the training rows span the range from `low` to `high`.

    Call `adapt` on the training rows before the first use; until then the layer outputs NaN. Rows
    outside the training range come out outside `low` to `high`, but with `clip=True`.

    Args:
        low: Where the smallest training value goes.
        high: Where the largest training value goes, > `low`.
        feature_range: Both as a pair, by scikit-learn's name; `None` for `low` and `high`.
        clip: Whether values outside the training range go to its ends.
        axis: Feature axis; only -1.
        center: Input that goes to 0, one a feature, or `None` to learn it with `adapt`.
        scale: Input distance that goes to 1, one a feature, or `None` to learn it with `adapt`.
        invert: Whether the layer maps normalised values back.
        **kwargs: `name`, `dtype` and the like, as for any Keras layer.

    Input shape: `(batch, ..., features)`. Output shape: the same.

    Raises:
        TypeError: `low` or `high` is not a number.
        ValueError: `high` is not above `low`, `feature_range` is no pair, or `axis` is not -1.

    Example:

    >>> import numpy as np
    >>> layer = MinMax(low=-1.0, high=1.0)
    >>> layer.adapt(np.array([[0.0], [255.0]]))
    >>> np.asarray(layer(np.array([[0.0], [255.0]]))).ravel().tolist()
    [-1.0, 1.0]
    """

    def __init__(
        self,
        low: float = 0.0,
        high: float = 1.0,
        feature_range: Sequence[float] | None = None,
        clip: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.feature_range = feature_range
        self.clip = instance_of("clip", clip, bool, "True or False")
        if feature_range is not None:
            pair = items_of("feature_range", feature_range)
            if len(pair) != 2:
                raise ValueError(f"`feature_range` must be two numbers, low and high, got {feature_range!r}.")
            low, high = pair
        number("low", low, -np.inf, np.inf)
        number("high", high, low, np.inf, open_low=True)
        self.low = low
        self.high = high

    def _statistics(self, seen: Moments) -> tuple[np.ndarray, np.ndarray]:
        span = seen.high - seen.low
        scale = np.where(span == 0, 1.0, span) / (self.high - self.low)
        return seen.low - self.low * scale, scale

    def normalize(self, x: Any) -> Any:
        """`(x - center) / scale`, clipped to `low` and `high` where asked; same shape as `x`."""
        normalized = super().normalize(x)
        return ops.clip(normalized, self.low, self.high) if self.clip else normalized

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "low": self.low, "high": self.high, "clip": self.clip}


@keras.saving.register_keras_serializable(package="trainwise")
class Robust(_Normalization):
    """Shifts and scales every feature by its median and the distance of two of its quantiles.

    Outliers, which draw mean and standard deviation after them, hardly move these. Call `adapt` on the training rows
    before the first use; until then the layer outputs NaN. A stream is held in memory while it is read.

    Args:
        quantile_range: The two quantiles, in percent, low before high, in [0, 100].
        axis: Feature axis; only -1.
        center: Medians, one a feature, or `None` to learn them with `adapt`.
        scale: Distances, one a feature, > 0, or `None` to learn them with `adapt`.
        invert: Whether the layer maps normalised values back.
        **kwargs: `name`, `dtype` and the like, as for any Keras layer.

    Input shape: `(batch, ..., features)`. Output shape: the same.

    Raises:
        ValueError: `quantile_range` is no pair in [0, 100], low before high, or `axis` is not -1.

    Example:

    >>> import numpy as np
    >>> layer = Robust()
    >>> layer.adapt(np.array([[1.0], [2.0], [3.0], [4.0], [1000.0]]))
    >>> np.asarray(layer(np.array([[3.0], [5.0]]))).ravel().tolist()
    [0.0, 1.0]
    """

    def __init__(self, quantile_range: Sequence[float] = (25.0, 75.0), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        pair = items_of("quantile_range", quantile_range)
        if len(pair) != 2:
            raise ValueError(f"`quantile_range` must be two numbers, low and high, got {quantile_range!r}.")
        number("quantile_range", pair[0], 0, 100)
        number("quantile_range", pair[1], pair[0], 100, open_low=True)
        self.quantile_range = quantile_range
        self._rows: list[np.ndarray] = []

    def adapt(self, x: Any, mask: Any = None) -> None:
        """Learns the statistics; see `Standardize.adapt`."""
        self._rows = []
        try:
            super().adapt(x, mask)
        finally:
            self._rows = []

    def _keep(self, rows: np.ndarray) -> None:
        self._rows.append(rows)

    def _statistics(self, seen: Moments) -> tuple[np.ndarray, np.ndarray]:
        rows = np.concatenate(self._rows)
        low, median, high = np.nanpercentile(rows, [self.quantile_range[0], 50.0, self.quantile_range[1]], axis=0)
        # Where half of the values are equal there is no distance; as scikit-learn does.
        return median, np.where(high == low, 1.0, high - low)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "quantile_range": list(self.quantile_range)}


def _named(features: np.ndarray) -> str:
    listed = ", ".join(str(index) for index in features[:_MOST_NAMED])
    more = f" and {len(features) - _MOST_NAMED} more" if len(features) > _MOST_NAMED else ""
    return f"feature{'' if len(features) == 1 else 's'} {listed}{more}"
