"""Sound first models: a small CNN for images, an MLP for tables, normalised inside and with the right head."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np

from ..data.reading import Inputs
from ..layers.normalization import Standardize
from ..tasks import Head
from .input_names import input_names
from .units import in_target_units, statistics

HIDDEN_UNITS = (64, 64)
FILTERS = (32, 64)
# The CNN halves each side twice.
_SMALLEST_IMAGE = 4
# The layers below and those of a vote of such models; Keras has no two of one name in a model.
_LAYER_NAMES = re.compile(
    r".*_encoded|.*_standardized|(hidden|convolution|pool|answer|member)_\d+|columns|flatten|dropout|standardize"
    r"|values|standardized_values|probabilities|model|ensemble|label|votes",
    re.IGNORECASE,
)


def describe(x: Inputs) -> tuple[str, str]:
    """Names the inputs and the architecture that fits them.

    Example:

    >>> import numpy as np
    >>> describe(np.zeros((10, 28, 28, 1)))
    ('images of 28 x 28 x 1', 'small CNN')
    """
    if isinstance(x, dict):
        words = sum(column.dtype == object for column in x.values())
        return f"{len(x)} columns ({words} of words)", "MLP 64-64"
    if _is_image(x):
        return f"images of {' x '.join(map(str, x.shape[1:]))}", "small CNN"
    return f"rows of {' x '.join(map(str, x.shape[1:])) or 1} numbers", "MLP 64-64"


def first_model(x: Inputs, y: np.ndarray, head: Head, learning_rate: float = 1e-3) -> Callable[[], keras.Model]:
    """Prepares a builder of compiled models for these training rows.

    Numbers are standardised and words encoded inside the model, by the training rows, so that the
    model takes raw rows. For regression the output is scaled back, so that it predicts in the units of the targets.

    Args:
        x: Training inputs: images `(rows, height, width, channels)`, arrays `(rows, ...)`, or
            columns by name.
        y: Training targets.
        head: The end of the model, from `tasks.head`.
        learning_rate: Of the Adam optimizer, > 0.

    Returns:
        A function without arguments; each call gives a new model, compiled, its starting weights drawn
        from Keras' random state. It takes rows as `model_inputs` gives them.

    Example:

    >>> import numpy as np
    >>> from trainwise.toolkit.tasks import head
    >>> x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2
    >>> model = first_model(x, y, head("binary", y))()
    >>> model.predict(x, verbose=0).shape
    (20, 1)
    """
    encoders = _encoders(x)
    targets = statistics(y) if head.task == "regression" else None
    image = _is_image(x)

    def build() -> keras.Model:
        inputs = _inputs(x)
        features = _encode(inputs, encoders)
        features = _convolve(features) if image else _flatten(features)
        for number, units in enumerate(HIDDEN_UNITS[:1] if image else HIDDEN_UNITS):
            features = keras.layers.Dense(units, activation="relu", name=f"hidden_{number}")(features)
        outputs = in_target_units(features, head, targets)
        model = keras.Model(inputs, outputs, name="model")
        model.compile(keras.optimizers.Adam(learning_rate), loss=head.loss, metrics=list(head.metrics))
        return model

    return build


def constant_features(x: Inputs, names: tuple[str, ...] = ()) -> list[str]:
    """Names the features that have the same value in every row.

    Example:

    >>> import numpy as np
    >>> constant_features(np.array([[1.0, 2.0], [1.0, 3.0]]), ("height", "weight"))
    ['height']
    """
    if isinstance(x, dict):
        return [name for name, column in x.items() if len(set(column.tolist())) == 1]
    rows = x.reshape(-1, x.shape[-1]) if x.ndim > 1 else x[:, None]
    constant = np.flatnonzero(np.ptp(rows, axis=0) == 0)
    return [names[i] if len(names) == rows.shape[1] else f"feature {i}" for i in constant]


def model_inputs(x: Inputs) -> Any:
    """Rows as the model takes them: columns become `(rows, 1)` under their safe names, words tensors of strings.

    Example:

    >>> import numpy as np
    >>> {name: column.shape for name, column in model_inputs({"size (cm)": np.ones(3)}).items()}
    {'size__cm_': (3, 1)}
    """
    if not isinstance(x, dict):
        return x
    inputs = column_inputs(x)
    return {inputs[name]: _model_column(column) for name, column in x.items()}


def _model_column(column: np.ndarray) -> Any:
    if column.dtype == object:
        return keras.ops.convert_to_tensor([[word] for word in column], dtype="string")
    return column[:, None]


def column_inputs(columns: Iterable[str]) -> dict[str, str]:
    """The name of the model's input for each column: one that a SavedModel may have and no layer bears.

    Example:

    >>> column_inputs(["sepal length (cm)", "class"])
    {'sepal length (cm)': 'sepal_length__cm_', 'class': 'class_column'}
    """
    names = list(columns)
    return dict(zip(names, input_names(names, taken=_is_layer_name), strict=True))


def _is_layer_name(name: str) -> bool:
    # Keras names an operation that nobody named after its kind: `mean`, `mean_1`.
    return bool(_LAYER_NAMES.fullmatch(name)) or hasattr(keras.ops, re.sub(r"_\d+$", "", name.lower()))


def _is_image(x: Inputs) -> bool:
    return not isinstance(x, dict) and x.ndim == 4 and min(x.shape[1:3]) >= _SMALLEST_IMAGE


def _inputs(x: Inputs) -> keras.KerasTensor | dict[str, keras.KerasTensor]:
    if isinstance(x, dict):
        names = column_inputs(x)
        return {
            names[name]: keras.Input((1,), name=names[name], dtype="string" if column.dtype == object else "float32")
            for name, column in x.items()
        }
    return keras.Input(x.shape[1:], name="image" if _is_image(x) else "features")


def _encoders(x: Inputs) -> dict[str, dict[str, Any]]:
    if not isinstance(x, dict):
        return {"x": statistics(x)}
    return {
        name: {"vocabulary": sorted(set(column))} if column.dtype == object else statistics(column)
        for name, column in x.items()
    }


def _encode(inputs: Any, encoders: dict[str, dict[str, Any]]) -> keras.KerasTensor:
    if not isinstance(inputs, dict):
        return Standardize(**encoders["x"], name="standardize")(inputs)
    names = column_inputs(encoders)
    columns = [_encode_column(names[name], inputs[names[name]], known) for name, known in encoders.items()]
    return keras.layers.Concatenate(name="columns")(columns) if len(columns) > 1 else columns[0]


def _encode_column(name: str, column: keras.KerasTensor, known: dict[str, Any]) -> keras.KerasTensor:
    if "vocabulary" in known:
        return keras.layers.StringLookup(
            # A word that no training row has gets a place of its own.
            vocabulary=known["vocabulary"],
            output_mode="one_hot",
            num_oov_indices=1,
            name=f"{name}_encoded",
        )(column)
    return Standardize(**known, name=f"{name}_standardized")(column)


def _flatten(features: keras.KerasTensor) -> keras.KerasTensor:
    return keras.layers.Flatten(name="flatten")(features) if len(features.shape) > 2 else features


def _convolve(features: keras.KerasTensor) -> keras.KerasTensor:
    for number, filters in enumerate(FILTERS):
        features = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"convolution_{number}")(
            features
        )
        features = keras.layers.MaxPooling2D(name=f"pool_{number}")(features)
    return keras.layers.Dropout(0.25, name="dropout")(keras.layers.Flatten(name="flatten")(features))
