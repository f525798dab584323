"""Sound first models: a small CNN for images, an MLP for tables and rows, normalised inside and with the right head."""

from __future__ import annotations

import math
from collections.abc import Callable

import keras
import numpy as np

from ..data.images import LONGEST_SIDE
from ..data.sources import Inputs
from ..data.splits import Splits
from ..data.tokens import are_tokens
from ..layers.normalization import Standardize
from ..layers.table_encoding import CategoryNumbers
from ..tasks import Head
from .forecaster import described as of_windows
from .series import described as of_series
from .series import is_grey, is_series, series_features
from .table_encoder import Layout
from .tokens import described as of_tokens
from .tokens import token_features
from .units import in_target_units, logarithms, statistics

HIDDEN_UNITS = (128, 128)
FILTERS = (32, 64)
_WORD_WIDTH, _TERM_UNITS, _TERM_DROPOUT = 32, 32, 0.5
# The CNN halves each side twice.
_SMALLEST_IMAGE = 4
# Below, a tenth of a side is no pixel.
_SMALLEST_TO_SHIFT = 16
# Sides of what is flattened, at most.
_PLACES = 8


def describe(x: Inputs) -> tuple[str, str]:
    """Names the inputs and the architecture that fits them.

    Example:

    >>> import numpy as np
    >>> describe(np.zeros((10, 28, 28, 1)))
    ('images of 28 x 28 x 1', 'small CNN')
    """
    if isinstance(x, dict):
        words = sum(column.dtype == object for column in x.values())
        return f"{len(x)} columns ({words} of words)", "MLP 128-128"
    if is_image(x) or is_grey(x):
        return f"images of {' x '.join(map(str, x.shape[1:]))}", "small CNN"
    if is_series(x):
        return of_series(x)
    if are_tokens(x):
        return of_tokens(x)
    return f"rows of {' x '.join(map(str, x.shape[1:])) or 1} numbers", "MLP 128-128"


def described(splits: Splits) -> tuple[str, str]:
    """Names the inputs of a data set and the architecture that fits them.

    Args:
        splits: Its rows.

    Example:

    >>> from ..data import load
    >>> described(load("iris"))
    ('rows of 4 numbers', 'MLP 128-128')
    """
    if splits.forecast is not None:
        return of_windows(splits.forecast.window, splits.forecast.columns, splits.forecast.steps)
    return describe(splits.train.x)


def first_model(
    x: np.ndarray,
    y: np.ndarray,
    head: Head,
    learning_rate: float = 1e-3,
    layout: Layout | None = None,
    augmentation: str = "none",
) -> Callable[[], keras.Model]:
    """Prepares a builder of compiled models for these training rows.

    Numbers are standardised inside the model by the training rows, so that the model takes raw rows; the features of a
    table come encoded, and categories of many values are embedded. For regression the output is scaled back, so that it
    predicts in the units of the targets.

    Args:
        x: Training inputs: images `(rows, height, width, channels)`, series `(rows, steps, channels)`, token ids
            `(rows, steps)` as whole numbers, arrays `(rows, ...)`, or the features of a table as a `TableEncoder` gives
            them.
        y: Training targets.
        head: The end of the model, from `tasks.head`.
        learning_rate: Of the Adam optimizer, > 0.
        layout: What the features of a table are, `None` for other arrays.
        augmentation: `"none"`, or of images `"shift"`, `"flip"` or `"shift_flip"`: in training only.

    Returns:
        A function without arguments; each call gives a new model, compiled, its starting weights drawn
        from Keras' random state.

    Example:

    >>> import numpy as np
    >>> from trainwise.toolkit.tasks import head
    >>> x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    >>> model = first_model(x, y, head("binary", y))()
    >>> model.predict(x, verbose=0).shape
    (20, 1)
    """
    image = layout is None and (is_image(x) or is_grey(x))
    series, tokens = layout is None and is_series(x), layout is None and are_tokens(x)
    whole = layout is None and not series and not tokens
    scaling = statistics(x[..., None] if is_grey(x) else x) if whole else {}
    targets = (logarithms if head.activation == "exponential" else statistics)(y) if head.task == "regression" else None

    def build() -> keras.Model:
        name = "image" if image else "series" if series else "tokens" if tokens else "features"
        inputs = keras.Input(x.shape[1:], dtype="int32" if tokens else None, name=name)
        linear: list[keras.KerasTensor] = []
        if layout is not None:
            features, linear = _table_features(inputs, layout)
        elif series:
            features = series_features(inputs, x)
        elif tokens:
            features = token_features(inputs, x)
        else:
            features = keras.layers.Reshape((*x.shape[1:], 1), name="grey")(inputs) if image and x.ndim == 3 else inputs
            features = Standardize(**scaling, name="standardize")(features)
            features = _convolve(augmented(_resized(features), augmentation)) if image else _flatten(features)
        for number, units in enumerate(HIDDEN_UNITS[:1] if image or series or tokens else HIDDEN_UNITS):
            features = keras.layers.Dense(units, activation="relu", name=f"hidden_{number}")(features)
        if linear:
            # Texts are told apart by their words as well by a linear way as by a deep one, and sooner.
            features = keras.layers.Concatenate(name="deep_and_linear")([features, *linear])
        outputs = in_target_units(features, head, targets)
        model = keras.Model(inputs, outputs, name="model")
        model.compile(keras.optimizers.Adam(learning_rate), loss=head.loss, metrics=list(head.metrics))
        return model

    return build


def _table_features(inputs: keras.KerasTensor, layout: Layout) -> tuple[keras.KerasTensor, list[keras.KerasTensor]]:
    """Features as the hidden layers take them, and those that go to the end as well."""
    if layout.width == layout.plain:
        return inputs, []
    # What is read word by word has no need of its terms in the deep way.
    parts = [inputs[:, : layout.plain]] if layout.plain else []
    at = layout.plain + layout.text
    linear = [inputs[:, layout.plain : at]] if layout.text else []
    if linear and not layout.sequences:
        # A wide layer of thousands of terms would hold nearly all weights of the model, and take nearly all its time.
        terms = keras.layers.Dense(_TERM_UNITS, activation="relu", name="terms")(linear[0])
        parts.append(keras.layers.Dropout(_TERM_DROPOUT, name="terms_dropout")(terms))
    for place, (size, width) in enumerate(layout.embeddings):
        number = CategoryNumbers(size, name=f"category_{place}")(inputs[:, at + place : at + place + 1])
        parts.append(keras.layers.Embedding(size, width, name=f"embedding_{place}")(number))
    at += len(layout.embeddings)
    for place, (size, steps) in enumerate(layout.sequences):
        parts.append(_read_in_order(inputs[:, at : at + steps], size, place))
        at += steps
    return keras.layers.Concatenate(name="columns")(parts) if len(parts) > 1 else parts[0], linear


def _read_in_order(shares: keras.KerasTensor, size: int, place: int) -> keras.KerasTensor:
    """What stands anywhere in a text, of words and their neighbours (Kim 2014, arXiv:1408.5882)."""
    numbers = CategoryNumbers(size, name=f"words_{place}")(shares)
    if len(numbers.shape) == 1:
        numbers = keras.layers.Reshape((1,), name=f"one_word_{place}")(numbers)
    words = keras.layers.Embedding(size, _WORD_WIDTH, name=f"word_embedding_{place}")(numbers)
    phrases = keras.layers.Conv1D(FILTERS[1], 3, padding="same", activation="relu", name=f"phrases_{place}")(words)
    return keras.layers.GlobalMaxPooling1D(name=f"anywhere_{place}")(phrases)


def constant_features(x: Inputs, names: tuple[str, ...] = ()) -> list[str]:
    """Names the features that have the same value in every row.

    Example:

    >>> import numpy as np
    >>> constant_features(np.array([[1.0, 2.0], [1.0, 3.0]]), ("height", "weight"))
    ['height']
    """
    if isinstance(x, dict):
        return [name for name, column in x.items() if len(set(column.tolist())) == 1]
    if are_tokens(x):
        return []
    rows = x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x[:, None]
    constant = np.flatnonzero(np.ptp(rows, axis=0) == 0)
    return [names[i] if len(names) == rows.shape[1] else f"feature {i}" for i in constant]


def is_image(x: Inputs) -> bool:
    """Whether the rows are images that the small CNN can take.

    Example:

    >>> is_image(np.zeros((10, 28, 28, 1))), is_image(np.zeros((10, 28)))
    (True, False)
    """
    return not isinstance(x, dict) and x.ndim == 4 and min(x.shape[1:3]) >= _SMALLEST_IMAGE


def _flatten(features: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.Flatten(name="flatten")(features) if len(features.shape) > 2 else features


def _resized(features: keras.KerasTensor) -> keras.KerasTensor:
    height, width = features.shape[1:3]
    if max(height, width) <= LONGEST_SIDE:
        return features
    factor = LONGEST_SIDE / max(height, width)
    sides = [max(_SMALLEST_IMAGE, round(side * factor)) for side in (height, width)]
    return keras.layers.Resizing(*sides, antialias=True, name="resize")(features)


def augmented(features: keras.KerasTensor, kind: str) -> keras.KerasTensor:
    """Images moved and mirrored at random while a model is trained, and as they are else.

    Args:
        features: Images `(batch, height, width, channels)`.
        kind: `"none"`, `"shift"` (by a tenth of each side at most), `"flip"` (left to right), `"shift_flip"`.

    Example:

    >>> image = keras.Input((9, 9, 1))
    >>> [layer.name for layer in keras.Model(image, augmented(image, "shift_flip")).layers[1:]]
    ['shift', 'flip']
    """
    if "shift" in kind:
        features = keras.layers.RandomTranslation(0.1, 0.1, fill_mode="nearest", name="shift")(features)
    if "flip" in kind:
        features = keras.layers.RandomFlip("horizontal", name="flip")(features)
    return features


def fitting_augmentation(x: Inputs) -> str:
    """What may be done to images in training: large enough ones are shifted, those of colours mirrored too.

    Grey images are often written signs, which mean something else when they are mirrored.

    Example:

    >>> [fitting_augmentation(np.zeros((1, side, side, channels))) for side, channels in ((8, 3), (28, 1), (32, 3))]
    ['none', 'shift', 'shift_flip']
    """
    if isinstance(x, dict) or not is_image(x) or min(x.shape[1:3]) < _SMALLEST_TO_SHIFT:
        return "none"
    return "shift_flip" if x.shape[3] == 3 else "shift"


def _convolve(features: keras.KerasTensor) -> keras.KerasTensor:
    # Larger images are halved more often, so that the layer behind has few places to look at.
    blocks = max(len(FILTERS), math.ceil(math.log2(max(features.shape[1:3]) / _PLACES)))
    for number, filters in enumerate([*FILTERS, *FILTERS[-1:] * blocks][:blocks]):
        features = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"convolution_{number}")(
            features
        )
        features = keras.layers.MaxPooling2D(name=f"pool_{number}")(features)
    return keras.layers.Dropout(0.25, name="dropout")(keras.layers.Flatten(name="flatten")(features))
