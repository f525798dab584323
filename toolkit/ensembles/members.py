"""The members of a vote: gathered, found to be of one kind, and copied."""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import one_of
from ..models.model_ends import is_from_logits, output_activation
from ..models.reading import input_structure, loss_name
from ..runtime.keras_internals import flat_layers, source_operation
from ..saving.loading import load_model
from .foreign_members import from_saved_model

TASKS = ("auto", "multiclass", "binary", "multilabel", "regression", "gaussian")
_KINDS = {"multiclass": "classes", "binary": "labels", "multilabel": "labels", "regression": "values"}
_ENDS = {"softmax": "classes", "sigmoid": "labels"}
_UNNAMED = re.compile(r"(keras_tensor|input_layer|input)(_\d+)?")
# Rows of anything else sum to 1 within a thousandth only by chance, and eight of them never.
_PROBE_ROWS = 8


@dataclass(frozen=True)
class Meaning:
    """What the members' answers mean: a kind of `vote_arithmetic.KINDS`, and who outputs logits."""

    kind: str
    logits: tuple[bool, ...]


def gathered(models: Any) -> list[keras.Model]:
    """The members as built Keras models with one output each; paths are loaded, uncompiled.

    Raises:
        TypeError: `models` is no sequence of models and paths.
        FileNotFoundError: There is no such file.
        ValueError: There are no members; a file holds no Keras model, or one whose code is not there; a
            member is not built, has several outputs, holds NaN, or differs from the first in its inputs
            or its output.
    """
    # A text is a sequence of letters too, and a model may be one of layers.
    if isinstance(models, keras.Model | str | Path) or not isinstance(models, Sequence):
        raise TypeError(f"`models` must be a list of Keras models or paths, got {type(models).__name__}.")
    if not len(models):
        raise ValueError("`models` must hold at least one model, got none.")
    found = [_read(one) for one in models]
    for number, model in enumerate(found):
        _refuse_unusable(model, number)
    # Answers of widths 5 and 1 would broadcast without a word.
    first = _signature(found[0])
    for number, model in enumerate(found):
        if _signature(model) != first:
            raise ValueError(
                f"Member {number} ({model.name!r}) takes and gives {_signature(model)}, member 0 {first}: "
                "members of a vote need the same inputs and the same output."
            )
    return found


def meaning_of(models: Sequence[keras.Model], task: str = "auto", from_logits: Any = "auto") -> Meaning:
    """Finds what the members' answers mean, from their last activations, their losses and what the caller says.

    Raises:
        ValueError: The members differ in what they output, or it does not fit `task`.
    """
    one_of("task", task, TASKS)
    given = _given_logits(from_logits, len(models))
    # An end of `ops.softmax` is no layer, so its answers must tell.
    ends = [output_activation(model) or _probed(model) or _named_end(model) for model in models]
    logits = tuple(
        _answers_logits(model, end, task) if said is None else said
        for model, end, said in zip(models, ends, given, strict=True)
    )
    for number, (end, logit) in enumerate(zip(ends, logits, strict=True)):
        if logit and end in _ENDS:
            raise ValueError(f"Member {number} ends in {end}, so it outputs no logits: leave `from_logits` out.")
    kinds = [_kind(model, end, logit, task) for model, end, logit in zip(models, ends, logits, strict=True)]
    if len(set(kinds)) > 1:
        shown = ", ".join(f"member {k} in {end or 'a function unknown'}" for k, end in enumerate(ends))
        raise ValueError(
            f"The members do not answer the same kind of thing: they end {shown}. "
            "Where some output logits, say which: `from_logits=[False, True, ...]`; where an end is unknown, as of an "
            "exported model, say the `task`."
        )
    return Meaning(kinds[0], logits)


def copied_member(model: keras.Model, number: int) -> keras.Model:
    """A deep copy named `member_NUMBER`, without optimizer, also in the models that it holds."""
    with warnings.catch_warnings():
        # Keras warns of an optimizer that it cannot copy whole, and the copy is not to keep one.
        warnings.simplefilter("ignore", UserWarning)
        # Not `from_config` with `set_weights`: a Normalization then came back with other numbers, silently.
        try:
            made = copy.deepcopy(model)
        except (TypeError, ValueError, NotImplementedError):
            return _shared_member(model, number)
    for inner in [made, *flat_layers(made)]:
        if isinstance(inner, keras.Model):
            # The optimizer's slots would treble the file and are of no use in a vote.
            inner.optimizer = None
            inner.compiled = False
    made.name = f"member_{number}"
    return made


def _shared_member(model: keras.Model, number: int) -> keras.Model:
    """The member itself in a model of its own name, where Keras cannot copy a class that it holds."""
    inputs = fresh_inputs(model)
    return keras.Model(inputs, model(inputs, training=False), name=f"member_{number}")


def fresh_inputs(model: keras.Model) -> Any:
    """New symbolic inputs like those of the model, with names that stay the same from one process to the next."""
    structure = input_structure(model)
    tensors = keras.tree.flatten(structure)
    names = [_input_name(tensor.name, place, len(tensors)) for place, tensor in enumerate(tensors)]
    # Names that Keras makes up count up in a process, and would differ in each exported file.
    fresh = [
        keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
        for tensor, name in zip(tensors, names, strict=True)
    ]
    return keras.tree.pack_sequence_as(structure, fresh)


def reordered(answer: Any, own: Sequence[Any], wanted: Sequence[Any]) -> Any:
    """The class probabilities of one member in the order of another's classes.

    Example:

    >>> ops.convert_to_numpy(reordered(ops.array([[0.2, 0.8]]), ["dog", "cat"], ["cat", "dog"])).round(1).tolist()
    [[0.800000011920929, 0.20000000298023224]]
    """
    order = [list(own).index(name) for name in wanted]
    return answer if order == list(range(len(order))) else ops.take(answer, order, axis=-1)


def checked_classes(classes: Any, models: Sequence[keras.Model], kind: str) -> list[list[Any]] | None:
    """Class names in each member's own order, or `None` where none were given.

    Raises:
        ValueError: There is not one list a member, a list is of the wrong length, or a member knows other classes.
    """
    if classes is None:
        return None
    lists = [list(names) for names in classes]
    width = models[0].outputs[0].shape[-1]
    if kind not in ("classes", "labels") or width == 1:
        raise ValueError("`classes` orders the columns of class probabilities, and these members have none.")
    if len(lists) != len(models):
        raise ValueError(f"`classes` must hold {len(models)} lists, one a member, got {len(lists)}.")
    for number, names in enumerate(lists):
        if len(names) != width or len(set(names)) != width:
            raise ValueError(f"`classes` of member {number} must name its {width} columns, got {names}.")
        if set(names) != set(lists[0]):
            raise ValueError(f"Member {number} knows the classes {names}, member 0 {lists[0]}.")
    return lists


def _read(one: Any) -> keras.Model:
    if isinstance(one, keras.Model):
        return one
    if not isinstance(one, str | Path):
        raise TypeError(f"`models` must hold Keras models or paths, got {type(one).__name__}.")
    path = Path(one)
    if (path / "saved_model.pb").is_file():
        return from_saved_model(path)
    if path.is_dir():
        raise ValueError(
            f"{path} is a folder without saved_model.pb: give a `.keras` file, or the folder of one exported version."
        )
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        # A vote needs no optimizer, and a custom loss need not be there to load.
        return load_model(path, compiled=False)
    except (ValueError, TypeError, OSError, KeyError, ImportError) as reason:
        # The message of `load_model` is cut where Keras writes pages; its cause says it all.
        missing = re.search(
            r"(?:Could not locate (?:class|function)|Unknown (?:layer|object):?) '?([\w>.]+)'?",
            str(reason.__cause__ or reason),
        )
        if missing:
            raise ValueError(
                f"{path} needs the class {missing[1]!r}, which is not there: import the module that registers it with "
                "`keras.saving.register_keras_serializable` first."
            ) from reason
        raise ValueError(f"{path} holds no Keras model that can be loaded: {str(reason).splitlines()[0]}") from reason


def _refuse_unusable(model: keras.Model, number: int) -> None:
    outputs = getattr(model, "outputs", None)
    if not getattr(model, "inputs", None) or not outputs or len(keras.tree.flatten(outputs)) != 1:
        raise ValueError(
            f"Member {number} ({model.name!r}) must be a built model with a single output: functional or Sequential; "
            "for a subclassed one give `tw.members.from_subclassed(model, x)`."
        )
    for variable in model.weights:
        values = ops.convert_to_numpy(variable)
        if np.issubdtype(values.dtype, np.floating) and not np.all(np.isfinite(values)):
            raise ValueError(
                f"Member {number} ({model.name!r}) holds NaN or infinite values in {variable.path}: its training "
                "broke down; leave it out."
            )


def _signature(model: keras.Model) -> tuple[Any, Any]:
    structure = input_structure(model)
    shapes = keras.tree.map_structure(lambda tensor: _described(tensor), structure)
    # Names of single inputs are Keras' own counts, those of a dictionary are the user's.
    inputs = tuple(sorted(shapes.items())) if isinstance(shapes, dict) else tuple(keras.tree.flatten(shapes))
    return inputs, tuple(model.outputs[0].shape)


def _described(tensor: keras.KerasTensor) -> str:
    kind = "words" if tensor.dtype == "string" else "numbers"
    return f"{kind} {tuple(tensor.shape)}".replace("None", "?")


def _given_logits(from_logits: Any, members: int) -> list[bool | None]:
    if isinstance(from_logits, str):
        one_of("from_logits", from_logits, ("auto",))
        return [None] * members
    if isinstance(from_logits, bool | np.bool_):
        return [bool(from_logits)] * members
    flags = list(from_logits)
    if len(flags) != members or not all(isinstance(flag, bool | np.bool_) for flag in flags):
        raise ValueError(f"`from_logits` must be True, False, 'auto' or {members} of True and False, got {flags}.")
    return [bool(flag) for flag in flags]


def _answers_logits(model: keras.Model, end: str | None, task: str) -> bool:
    # `is_from_logits` speaks of the loss; an end in softmax outputs no logits whatever the loss says.
    if end != "linear":
        return False
    return is_from_logits(model) or task in ("multiclass", "binary", "multilabel")


def _kind(model: keras.Model, end: str | None, logit: bool, task: str) -> str:
    width = model.outputs[0].shape[-1]
    if task == "gaussian":
        if width != 2 or end in _ENDS:
            raise ValueError(
                f"A Gaussian member outputs a mean and a variance, `(batch, 2)`; {model.name!r} gives "
                f"{tuple(model.outputs[0].shape)} ending in {end}."
            )
        return "gaussian"
    # Two columns that exclude each other are classes, though the task has two only.
    if task == "binary" and width == 2 and (logit or end in (None, "softmax")):
        return "classes"
    wanted = _KINDS.get(task)
    if logit:
        # Linear ends look alike; the loss tells labels from classes.
        labelled = width == 1 or "binary" in loss_name(model)
        return wanted or ("labels" if labelled else "classes")
    found = _ENDS.get(str(end), "values")
    if wanted is None:
        return found
    # An end that is not known does not contradict what the caller says.
    if wanted != found and end is not None:
        raise ValueError(f"The member {model.name!r} ends in {end}, which does not fit `task={task!r}`.")
    return wanted


def _probed(model: keras.Model) -> str | None:
    """`"softmax"` where the rows of a model's outputs for random numbers sum to 1; `None` where it cannot be told."""
    tensors = keras.tree.flatten(input_structure(model))
    width = model.outputs[0].shape[-1]
    # Random numbers are no words or class numbers, and need a shape that is known.
    if any(not str(t.dtype).startswith("float") or None in t.shape[1:] for t in tensors) or width in (None, 1):
        return None
    generator = np.random.default_rng(0)
    rows = [generator.normal(size=(_PROBE_ROWS, *tensor.shape[1:])).astype(tensor.dtype) for tensor in tensors]
    answer = model(keras.tree.pack_sequence_as(input_structure(model), rows), training=False)
    values = ops.convert_to_numpy(ops.cast(answer, "float32"))
    sums_to_one = np.all(np.abs(values.sum(axis=-1) - 1) <= 1e-3)
    return "softmax" if sums_to_one and values.min() >= 0 else None


def _named_end(model: keras.Model) -> str | None:
    """`"sigmoid"` for a vote, or the like, whose probabilities do not exclude each other."""
    last = source_operation(model.outputs[0])
    told = isinstance(last, keras.layers.Identity) and last.name == "probabilities"
    return "sigmoid" if told else None


def _input_name(name: str, place: int, inputs: int) -> str:
    if not _UNNAMED.fullmatch(name):
        return name
    return "inputs" if inputs == 1 else f"input_{place}"
