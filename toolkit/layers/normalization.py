"""Standard and min-max normalisation as layers whose statistics are weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import number

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

    def adapt(self, x: Any) -> None:
        """Learns the statistics. Give it the training rows only.

        Args:
            x: Array of shape `(rows, ..., features)`, or `(rows,)` for a single feature.

        Raises:
            TypeError: `x` does not hold numbers.
            ValueError: `x` has no rows, or holds NaN or infinite values.

        Warns:
            UserWarning: A feature is constant; it comes out as 0 (its scale is set to 1).
        """
        rows = np.asarray(x)
        if rows.dtype == bool or not np.issubdtype(rows.dtype, np.number):
            raise TypeError(f"`adapt` needs numbers, got dtype {rows.dtype}.")
        if rows.size == 0:
            raise ValueError(f"`adapt` needs at least one row, got shape {rows.shape}.")
        # Sums over many rows lose digits in float32.
        rows = rows.reshape(-1, rows.shape[-1] if rows.ndim > 1 else 1).astype("float64")
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=0))
        if bad.size:
            raise ValueError(
                f"`adapt` found NaN or infinite values in {_named(bad)}; drop those rows or fill them in first."
            )
        if not self.built:
            self.build((None, rows.shape[1]))
        if rows.shape[1] != self.center_weight.shape[0]:
            raise ValueError(f"`adapt` expected {self.center_weight.shape[0]} features, got {rows.shape[1]}.")
        center, scale = self._statistics(rows)
        constant = np.flatnonzero(np.ptp(rows, axis=0) == 0)
        if constant.size:
            warnings.warn(f"`adapt` of {self.name}: constant, so they come out as 0: {_named(constant)}.", stacklevel=2)
            # A mean of equal values may miss them by a rounding, which a scale near 0 would blow up.
            center[constant], scale[constant] = rows[0, constant], 1.0
        self.center_weight.assign(center)
        self.scale_weight.assign(scale)

    def _statistics(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raise NotImplementedError("A normalisation must override `_statistics(rows)` to return (center, scale).")

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

    def _statistics(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return rows.mean(axis=0), rows.std(axis=0)


@keras.saving.register_keras_serializable(package="trainwise")
class MinMax(_Normalization):
    """Maps every feature linearly so that the training rows span the range from `low` to `high`.

    Call `adapt` on the training rows before the first use; until then the layer outputs NaN. Rows
    outside the training range come out outside `low` to `high`: nothing is clipped.

    Args:
        low: Where the smallest training value goes.
        high: Where the largest training value goes, > `low`.
        axis: Feature axis; only -1.
        center: Input that goes to 0, one a feature, or `None` to learn it with `adapt`.
        scale: Input distance that goes to 1, one a feature, or `None` to learn it with `adapt`.
        invert: Whether the layer maps normalised values back.
        **kwargs: `name`, `dtype` and the like, as for any Keras layer.

    Input shape: `(batch, ..., features)`. Output shape: the same.

    Raises:
        TypeError: `low` or `high` is not a number.
        ValueError: `high` is not above `low`, or `axis` is not -1.

    Example:

    >>> import numpy as np
    >>> layer = MinMax(low=-1.0, high=1.0)
    >>> layer.adapt(np.array([[0.0], [255.0]]))
    >>> np.asarray(layer(np.array([[0.0], [255.0]]))).ravel().tolist()
    [-1.0, 1.0]
    """

    def __init__(self, low: float = 0.0, high: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        number("low", low, -np.inf, np.inf)
        number("high", high, low, np.inf, open_low=True)
        self.low = low
        self.high = high

    def _statistics(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        smallest, span = rows.min(axis=0), np.ptp(rows, axis=0)
        scale = np.where(span == 0, 1.0, span) / (self.high - self.low)
        return smallest - self.low * scale, scale

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "low": self.low, "high": self.high}


def _named(features: np.ndarray) -> str:
    listed = ", ".join(str(index) for index in features[:_MOST_NAMED])
    more = f" and {len(features) - _MOST_NAMED} more" if len(features) > _MOST_NAMED else ""
    return f"feature{'' if len(features) == 1 else 's'} {listed}{more}"
