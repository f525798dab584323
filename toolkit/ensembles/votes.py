"""Votes of several models as one Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from ..checks import one_of
from ..metrics import vote_arithmetic
from .members import Meaning, checked_classes, copied_member, fresh_inputs, gathered, meaning_of, reordered

HOWS = ("soft", "hard", "median", "geometric")
OUTPUTS = ("probabilities", "label", "all")


def vote(
    models: Sequence[Any],
    how: str = "soft",
    weights: Sequence[float] | None = None,
    ties: str = "soft",
    output: str = "probabilities",
    name: str = "ensemble",
    *,
    task: str = "auto",
    from_logits: bool | str | Sequence[bool] = "auto",
    threshold: float | Sequence[float] = 0.5,
    classes: Sequence[Sequence[Any]] | None = None,
    uncertainty: bool = False,
) -> keras.Model:
    """Joins trained models into one Keras model that outputs their vote.

    The members are deep copies, so that the originals stay as they are; the vote is made of Keras'
    own operations, in float32 whatever the policy, and saves, reloads and exports like any functional
    model, without trainwise where its members do.

    Args:
        models: At least one built functional or Sequential model, or the path of a `.keras` file or of an
            exported SavedModel; `tw.members` makes members of subclassed models and of scikit-learn's. All take
            the same inputs and output one array of the same shape: class probabilities
            `(batch, classes)` or `(batch, ..., classes)`; `(batch, 1)` or `(batch, labels)` from a
            sigmoid; or quantities.
        how: `"soft"`: the mean of the answers. `"hard"`: each member votes for its likeliest class,
            or for every label above `threshold`. `"median"`: the median of each value. `"geometric"`: the
            geometric mean of the probabilities, that is the mean of logits.
        weights: One weight a member, >= 0, not all 0; equal by default. Only their ratios matter; a
            member of weight 0 is left out.
        ties: Who wins a tied hard vote: `"soft"`, the class with the larger mean probability;
            `"first"`, the first of the classes (as scikit-learn does).
        output: `"probabilities"`: `(batch, classes)`; for a hard vote the share of the votes of each
            class, in which the winner of a tie leads by 4e-7, so that `argmax` (or `> 0.5`) gives it.
            `"label"`: the class number `(batch,)`, or 0 and 1 for each label `(batch, labels)`, int32;
            -1 where a member outputs NaN. `"all"`: a dictionary of both, and of `votes`, their shares.
        name: Name of the new model.
        task: `"multiclass"`, `"binary"`, `"multilabel"`, `"regression"`, `"gaussian"` (each member outputs
            mean and variance, `(batch, 2)`, and so does the vote: those of the mixture), or `"auto"`: found
            from the members' last activations.
        from_logits: Whether the members output logits: one for all or one for each; `"auto"`: where a member
            ends linear and its loss takes logits, or `task` asks for classes.
        threshold: Probability above which a label counts as present, one for all or one for each label.
        classes: One list of class names a member, in the order of its outputs, where the orders differ; the
            vote takes that of the first. No order can be seen in a model, so it is yours to know.
        uncertainty: With `output="all"`: adds `entropy`, `mutual_information` (nats) and `disagreement`,
            or for quantities `standard_deviation`.

    Returns:
        A functional model with the inputs of the members and one output, several only for `"all"`.

    Raises:
        FileNotFoundError: There is no file at a path.
        TypeError: `models` is not a list of Keras models and paths.
        ValueError: There are no models, they differ in inputs, output or meaning, one holds NaN or cannot be
            loaded, `weights` do not fit, or what is asked for needs probabilities and there are none.

    Reference: Hansen and Salamon 1990, "Neural network ensembles", IEEE TPAMI 12(10); Lakshminarayanan
    et al. 2017, arXiv:1612.01474.

    Example:

    >>> import keras, numpy as np
    >>> def member():
    ...     return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="softmax")])
    >>> members = [member(), member()]
    >>> x = np.ones((4, 2))
    >>> mean = (members[0].predict(x, verbose=0) + members[1].predict(x, verbose=0)) / 2
    >>> bool(np.allclose(vote(members).predict(x, verbose=0), mean, atol=1e-6))
    True
    """
    one_of("how", how, HOWS)
    one_of("ties", ties, ("soft", "first"))
    one_of("output", output, OUTPUTS)
    members = gathered(models)
    meaning = meaning_of(members, task, from_logits)
    orders = checked_classes(classes, members, meaning.kind)
    shares = vote_arithmetic.checked_weights(weights, len(members))
    _refuse_what_has_no_answer(how, output, uncertainty, meaning)
    limits = _checked_threshold(threshold, members[0].outputs[0].shape[-1])
    inputs = fresh_inputs(members[0])
    answers = []
    for number, (model, share) in enumerate(zip(members, shares, strict=True)):
        # A member of weight 0 would cost its time and could still bring NaN.
        if share > 0:
            raw = copied_member(model, number)(inputs)
            answer = vote_arithmetic.probabilities(raw, meaning.kind, meaning.logits[number])
            answer = answer if orders is None else reordered(answer, orders[number], orders[0])
            # The name lets each member's answer be found again in a reloaded vote.
            answers.append(_named(answer, f"answer_{number}"))
    # The zeros left out change no sum: the weights sum to 1 as before.
    counted = [share for share in shares if share > 0]
    joined = _joined(answers, counted, how, ties, meaning.kind, limits)
    outputs = _outputs(joined, answers, counted, meaning.kind, how, output, uncertainty, limits)
    return keras.Model(inputs, outputs, name=name)


def _refuse_what_has_no_answer(how: str, output: str, uncertainty: bool, meaning: Meaning) -> None:
    has_classes = meaning.kind in ("classes", "labels")
    if how in ("hard", "geometric") and not has_classes:
        raise ValueError(
            f"A {how} vote needs members that output probabilities, got quantities: members that end linear. Where "
            "these are logits, say `from_logits=True`; else vote `how='soft'` or `how='median'`."
        )
    if how != "soft" and meaning.kind == "gaussian":
        raise ValueError(f"Gaussian members are mixed with `how='soft'`, got {how!r}.")
    if output == "label" and not has_classes:
        raise ValueError("`output='label'` needs members that output probabilities, got quantities.")
    if uncertainty and output != "all":
        raise ValueError(f"`uncertainty=True` adds outputs, so it needs `output='all'`, got {output!r}.")


def _checked_threshold(threshold: float | Sequence[float], width: int) -> Any:
    array = np.asarray(threshold, dtype="float64")
    if array.shape not in ((), (width,)) or not np.all((array > 0) & (array < 1)):
        raise ValueError(f"`threshold` must be one number in (0, 1), or {width}, got {threshold}.")
    return array.tolist()


def _joined(
    answers: list[keras.KerasTensor],
    weights: list[float],
    how: str,
    ties: str,
    kind: str,
    threshold: float | list[float],
) -> keras.KerasTensor:
    if how == "hard":
        return vote_arithmetic.hard(answers, weights, kind, ties, threshold)
    if how == "median":
        return vote_arithmetic.median(answers, weights, kind)
    if how == "geometric":
        return vote_arithmetic.geometric(answers, weights, kind)
    return vote_arithmetic.soft(answers, weights, kind)


def _outputs(
    joined: keras.KerasTensor,
    answers: list[keras.KerasTensor],
    weights: list[float],
    kind: str,
    how: str,
    output: str,
    uncertainty: bool,
    threshold: float | list[float],
) -> keras.KerasTensor | dict[str, keras.KerasTensor]:
    main = "probabilities" if kind in ("classes", "labels") else "values"
    if output == "probabilities":
        return _named(joined, main)
    found = {main: joined}
    if main == "probabilities":
        # A majority is above one half, whatever each member's threshold is.
        found["label"] = vote_arithmetic.labels(joined, kind, 0.5 if how == "hard" else threshold)
        found["votes"] = vote_arithmetic.shares(answers, weights, kind, threshold)
    if output == "label":
        return _named(found["label"], "label")
    if uncertainty:
        found |= vote_arithmetic.uncertainty(answers, weights, kind, threshold)
    return {key: _named(tensor, key) for key, tensor in found.items()}


def _named(tensor: keras.KerasTensor, name: str) -> keras.KerasTensor:
    # Outputs of operations have names that Keras makes up; the dtype keeps a half-precision policy from casting.
    return keras.layers.Identity(dtype=keras.backend.standardize_dtype(tensor.dtype), name=name)(tensor)
