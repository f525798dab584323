"""Names of columns as the inputs of a SavedModel may bear them."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Sequence

_OTHER = re.compile(r"[^A-Za-z0-9_]")
# TensorFlow calls a signature as a method, by the names of its inputs.
_TAKEN = frozenset({"self"})
_LONGEST = 200


def input_names(names: Sequence[str], taken: Callable[[str], bool] = lambda name: False) -> list[str]:
    """Names of which each is allowed, and no two are equal, not even but for capitals.

    A name that is allowed stays; one that is not has its other characters replaced by `_`, and is numbered
    where that makes it equal to another.

    Args:
        names: As the user has them, all different.
        taken: Says of a name whether something else bears it.

    Example:

    >>> input_names(["age", "sepal length (cm)", "self", "이름", "나이"])
    ['age', 'sepal_length__cm_', 'self_column', 'column___', 'column____2']
    """
    allowed = [_allowed(name, taken) for name in names]
    # Those that may stay as they are come first: no other takes their name.
    order = sorted(range(len(names)), key=lambda place: allowed[place] != names[place])
    found, used = [""] * len(names), set()
    for place in order:
        name, number = allowed[place], 1
        # Signatures do not tell capitals apart.
        while name.lower() in used:
            number += 1
            name = f"{allowed[place]}_{number}"
        used.add(name.lower())
        found[place] = name
    return found


def _allowed(name: str, taken: Callable[[str], bool]) -> str:
    plain = name if re.match("[A-Za-z]", name) else f"column_{name}"
    plain = _OTHER.sub("_", plain)[:_LONGEST]
    return f"{plain}_column" if plain in _TAKEN or keyword.iskeyword(plain) or taken(plain) else plain
