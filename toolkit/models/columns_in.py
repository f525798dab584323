"""Columns as a model takes them: each under a name that a SavedModel may have, words as tensors of strings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from ..data.sources import Inputs
from .input_names import input_names

# The layers of an encoder and of what stands behind it; Keras has no two of one name in a model.
_LAYER_NAMES = re.compile(
    r"(lookup|date_encoding|text_terms|text_length|text_shape|text_scale|get_item|member|identity)(_\d+)?|numbers|number_encoding"
    r"|category_numbers|category_encoding|encoded|encoder|model|ensemble|values|probabilities|label|votes|features",
    re.IGNORECASE,
)


def model_inputs(x: Inputs) -> Any:
    """Rows as the model takes them: columns become `(rows, 1)` under their safe names, words tensors of strings.

    Example:

    >>> {name: column.shape for name, column in model_inputs({"size (cm)": np.ones(3)}).items()}
    {'size__cm_': (3, 1)}
    """
    if not isinstance(x, dict):
        return x
    inputs = column_inputs(x)
    return {inputs[name]: _model_column(column) for name, column in x.items()}


def _model_column(column: np.ndarray) -> Any:
    if column.dtype == object:
        return keras.ops.convert_to_tensor(column[:, None].tolist(), dtype="string")
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
