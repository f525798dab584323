"""Writes a model as a SavedModel: one signature for its answers, further ones for classes, doubt and own functions."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from .nests import leaves
from .outward_operations import outward_operations
from .ports import Ports
from .refusals import ExportRefusedError

DEFAULT = "serving_default"
# The name under which Keras' own exports have it, which `TFSMLayer` and others ask for.
ALIAS = "serve"
CLASSIFY = "classify"
UNCERTAINTY = "uncertainty"
RESERVED = (DEFAULT, ALIAS, CLASSIFY, UNCERTAINTY)
# Outputs of a vote that say how sure it is.
DOUBTS = ("entropy", "mutual_information", "disagreement", "standard_deviation")
_HALVES = ("float16", "bfloat16")
_OPERATION = re.compile(r"\{\{.*?\}\}|\[Op:\w+\]")
_BOLD = re.compile(r"\x1b\[\d*m")
Tensors = dict[str, Any]


def write_quietly(archive: keras.export.ExportArchive, folder: Path) -> None:
    """Writes the SavedModel of an archive, without TensorFlow's note of a folder that is renamed soon after."""
    logger = logging.getLogger("tensorflow")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        archive.write_out(str(folder), verbose=False)
    finally:
        logger.setLevel(before)


@dataclass(frozen=True)
class Signatures:
    """The functions of a model that a SavedModel is to hold.

    Args:
        model: The model.
        ports: What it takes.
        answers: From one tensor an input, in the order of the ports, to the model's answers by name.
        after: From those answers to further ones, by the name of their signature.
        own: Functions of the user, from one tensor an input, by the name of their signature.
    """

    model: keras.Model
    ports: Ports
    answers: Callable[..., Tensors]
    after: Mapping[str, Callable[[Tensors], Tensors]]
    own: Mapping[str, Callable[..., Tensors]]

    def write(self, folder: Path) -> None:
        """Traces the functions, and writes the SavedModel.

        Args:
            folder: Where to; it is made.

        Raises:
            ExportRefusedError: A layer cannot be traced, or calls Python.
            OSError: The disk is full or may not be written to.
        """
        import tensorflow as tf

        specs = [tf.TensorSpec(port.shape, port.dtype, name=port.name) for port in self.ports.inputs]
        archive = keras.export.ExportArchive()
        try:
            archive.track(self.model)
            answers = archive.add_endpoint(DEFAULT, self.answers, input_signature=specs)
            # The same graph under a second name, and inside the others: the model is traced once.
            archive.add_endpoint(ALIAS, answers)
            for name, function in self.after.items():
                archive.add_endpoint(name, _followed(answers, function), input_signature=specs)
            for name, function in self.own.items():
                archive.add_endpoint(name, function, input_signature=specs)
            write_quietly(archive, folder)
        except tf.errors.OpError as error:  # as on a full disk, where TensorFlow raises errors of its own
            # The operation, the temporary file; and the system's words.
            told = _OPERATION.sub("", error.message).rpartition("; ")[2].strip()
            raise OSError(
                f"The SavedModel cannot be written to {folder.parent.parent}: {told}. Make room there, or give another "
                "folder."
            ) from error
        except OSError:
            raise
        # Whatever the layers raise where they meet tensors without values.
        except Exception as error:
            raise ExportRefusedError(
                f"The export was refused: the model cannot be traced as a graph: {short(error)}"
            ) from error
        python = [kind for kind in outward_operations(folder) if "PyFunc" in kind]
        if python:
            raise ExportRefusedError(
                f"The export was refused: the model calls Python inside ({', '.join(python)}), which no other process "
                "has: write that part with `keras.ops` or TensorFlow's operations."
            )


def _followed(first: Callable[..., Tensors], second: Callable[[Tensors], Tensors]) -> Callable[..., Tensors]:
    return lambda *tensors: second(first(*tensors))


def short(error: BaseException, most: int = 400) -> str:
    r"""An error in one line, with what it says first and no stack.

    Example:

    >>> short(ValueError("No.\n\nArguments received by Dense.call():\n  inputs=3"))
    'ValueError: No.'
    """
    told = str(error).split("Arguments received by")[0].split("Call arguments received")[0]
    # Keras writes some of it in bold, for terminals.
    told = " ".join(_BOLD.sub("", told).split())
    told = told if len(told) <= most else f"{told[:most]} ..."
    return f"{type(error).__name__}: {told}" if told else type(error).__name__


def signatures_of(
    model: keras.Model,
    ports: Ports,
    names: Sequence[str],
    classes: Sequence[str] | None,
    own: Mapping[str, Callable[[Any], Any]],
) -> Signatures:
    """The functions of a model, by the names of their signatures.

    Args:
        model: The model.
        ports: What it takes.
        names: Of its outputs, in the order of `leaves`.
        classes: Names of the classes, where it answers probabilities of them.
        own: Functions of the user, each of the model's inputs as the model takes them.
    """

    def answers(*tensors: Any) -> Tensors:
        given = model(ports.packed(inner(ports, tensors)), training=False)
        return dict(zip(names, (_single(tensor) for _, tensor in leaves(given)), strict=True))

    def classify(found: Tensors) -> Tensors:
        return _likeliest(found[probabilities_name(names)], list(classes or ()))

    def doubts(found: Tensors) -> Tensors:
        return {name: found[name] for name in DOUBTS if name in found}

    after: dict[str, Callable[[Tensors], Tensors]] = {} if classes is None else {CLASSIFY: classify}
    if set(DOUBTS) & set(names):
        after[UNCERTAINTY] = doubts
    return Signatures(model, ports, answers, after, {name: _of_user(one, name, ports) for name, one in own.items()})


def probabilities_name(names: Sequence[str]) -> str:
    """The output that holds the probabilities: the only one, or the one of that name.

    Example:

    >>> probabilities_name(["label", "probabilities"])
    'probabilities'
    """
    return "probabilities" if "probabilities" in names else names[0]


def inner(ports: Ports, tensors: Sequence[Any]) -> list[Any]:
    """Tensors of a signature in the types of the model.

    Example:

    >>> from .ports import ports_of
    >>> ports = ports_of(keras.Sequential([keras.Input((1,), dtype="float16"), keras.layers.Flatten()]))
    >>> inner(ports, [keras.ops.ones((2, 1))])[0].dtype
    tf.float16
    """
    import tensorflow as tf

    return [
        tf.cast(tensor, port.inner_dtype) if port.dtype != port.inner_dtype else tensor
        for port, tensor in zip(ports.inputs, tensors, strict=True)
    ]


def _single(tensor: Any) -> Any:
    """An answer of half precision as float32: numpy, JSON and gRPC have no bfloat16."""
    import tensorflow as tf

    return tf.cast(tensor, "float32") if tensor.dtype.name in _HALVES else tensor


def _likeliest(probabilities: Any, classes: list[str]) -> Tensors:
    import tensorflow as tf

    # One unit gives the probability of the second class.
    if probabilities.shape[-1] == 1:
        probabilities = tf.concat([1 - probabilities, probabilities], axis=-1)
    best = tf.argmax(probabilities, axis=-1)
    return {"class": tf.gather(tf.constant(classes), best), "probability": tf.reduce_max(probabilities, axis=-1)}


def _of_user(function: Callable[[Any], Any], name: str, ports: Ports) -> Callable[..., Tensors]:
    import tensorflow as tf

    def answers(*tensors: Any) -> Tensors:
        found = leaves(function(ports.packed(inner(ports, tensors))))
        # One answer bears the name of its signature.
        names = ["_".join(path) if path else name for path, _ in found]
        return {
            name if name[0].isalpha() else f"output_{name}": _single(tf.convert_to_tensor(tensor))
            for name, (_, tensor) in zip(names, found, strict=True)
        }

    return answers
