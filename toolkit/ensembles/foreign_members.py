"""Members of a vote that are no functional Keras models: exported, subclassed, or fitted by scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np

from ..checks import instance_of, path_of
from ..saving.outward_operations import refuse_outward
from .scikit_learn_members import from_sklearn as from_sklearn

__all__ = ["from_saved_model", "from_sklearn", "from_subclassed"]


def from_saved_model(
    path: str | Path, endpoint: str = "serving_default", output: str | None = None, trust: bool = False
) -> keras.Model:
    """A Keras model around an exported SavedModel, so that it can vote.

    Args:
        path: Folder with `saved_model.pb` in it, as `tw.export` or `model.export` writes it.
        endpoint: Name of the signature that is called.
        output: Name of the output, where the signature has several.
        trust: Whether operations that touch files, the network or Python may run.

    Returns:
        A functional model with the inputs of the signature, which cannot be trained on. A vote of it is exported with
        `tw.export`; a `.keras` file of it would need the folder.

    Raises:
        FileNotFoundError: There is no SavedModel at the path.
        ValueError: There is no such signature or output, or the model would do more than arithmetic.

    Example:

    >>> import tempfile
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "softmax")])
    >>> folder = tempfile.mkdtemp() + "/1"
    >>> model.export(folder, verbose=False)
    >>> bool(np.allclose(from_saved_model(folder)(np.ones((1, 2))), model(np.ones((1, 2))), atol=1e-6))
    True
    """
    folder = path_of("path", path)
    if not (folder / "saved_model.pb").is_file():
        raise FileNotFoundError(f"There is no SavedModel in {folder}: it holds no saved_model.pb.")
    refuse_outward(folder, trust)
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))
    if endpoint not in list(loaded.signatures):
        raise ValueError(f"{folder} has no signature {endpoint!r}; there are {sorted(loaded.signatures)}.")
    signature = loaded.signatures[endpoint]
    outputs = sorted(signature.structured_outputs)
    if output is None and len(outputs) > 1:
        raise ValueError(f"The signature {endpoint!r} has the outputs {outputs}; say which with `output=`.")
    wanted = outputs[0] if output is None else output
    if wanted not in outputs:
        raise ValueError(f"The signature {endpoint!r} has no output {output!r}; there are {outputs}.")
    inputs = {
        name: keras.Input(batch_shape=spec.shape, dtype=spec.dtype.name, name=name)
        for name, spec in signature.structured_input_signature[1].items()
    }
    answer = _Exported(loaded, endpoint, wanted)(inputs)
    alone = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    return keras.Model(alone, answer, name=folder.name if folder.name.isidentifier() else "exported")


class _Exported(keras.layers.Layer):
    """One output of a signature of a loaded SavedModel."""

    def __init__(self, loaded: Any, endpoint: str, output: str) -> None:
        super().__init__(name="exported", trainable=False, autocast=False)
        # Held as a whole: the variables live there.
        self.loaded = loaded
        self.endpoint, self.output_name = endpoint, output

    def call(self, inputs: dict[str, Any]) -> Any:
        return self.loaded.signatures[self.endpoint](**inputs)[self.output_name]

    def compute_output_spec(self, inputs: dict[str, keras.KerasTensor]) -> keras.KerasTensor:
        spec = self.loaded.signatures[self.endpoint].structured_outputs[self.output_name]
        return keras.KerasTensor(tuple(spec.shape), dtype=spec.dtype.name)

    def get_config(self) -> dict[str, Any]:
        raise ValueError(
            "A vote with a SavedModel as a member cannot be written to a `.keras` file; export it with `tw.export`."
        )


def from_subclassed(model: keras.Model, x: Any) -> keras.Model:
    """A functional Keras model around a subclassed one, so that it can vote.

    Args:
        model: Keras model with one output.
        x: Rows as the model takes them, arrays or a structure of them; they tell shapes and types alone.

    Returns:
        A functional model on the same weights. Where Keras cannot copy the class, which needs `get_config` and a
        registration, a vote takes the model itself: train it no further then.

    Raises:
        TypeError: `model` is no Keras model, or `x` holds no arrays.

    Example:

    >>> class Line(keras.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = keras.layers.Dense(1)
    ...     def call(self, x):
    ...         return self.dense(x)
    >>> from_subclassed(Line(), np.ones((4, 3))).output_shape
    (None, 1)
    """
    instance_of("model", model, keras.Model, "a Keras model")
    for part in keras.tree.flatten(x):
        if not hasattr(part, "shape") or not len(part.shape):
            raise TypeError(f"`x` must be arrays of rows as the model takes them, got {type(part).__name__}.")

    def symbolic(part: Any, name: str | None = None) -> keras.KerasTensor:
        kind = np.asarray(part[:1]).dtype
        return keras.Input(part.shape[1:], dtype="string" if kind.kind in "OSU" else _usual(kind.name), name=name)

    # Keras wants the tensors of a dictionary to bear its keys.
    named = isinstance(x, dict)
    inputs = {key: symbolic(part, key) for key, part in x.items()} if named else keras.tree.map_structure(symbolic, x)
    return keras.Model(inputs, model(inputs, training=False), name=model.name)


def _usual(dtype: str) -> str:
    # `fit` and `predict` hand floats of any size over in Keras' own.
    return keras.backend.floatx() if dtype.startswith("float") else dtype
