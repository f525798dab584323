"""Nests of dictionaries and lists, as Keras models take and give them: their leaves, each with its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def leaves(nest: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """The leaves of a nest with their paths, dictionaries in the order of their sorted keys, as Keras flattens them.

    Example:

    >>> leaves({"b": [1, 2], "a": 3})
    [(('a',), 3), (('b', '0'), 1), (('b', '1'), 2)]
    >>> leaves(3)
    [((), 3)]
    """
    if isinstance(nest, Mapping):
        return [leaf for key in sorted(nest, key=str) for leaf in leaves(nest[key], (*path, str(key)))]
    if isinstance(nest, list | tuple):
        return [leaf for place, one in enumerate(nest) for leaf in leaves(one, (*path, str(place)))]
    return [(path, nest)]


def filled(nest: Any, values: Sequence[Any]) -> Any:
    """A nest of the same form with other leaves, given in the order of `leaves`.

    Example:

    >>> filled({"b": [1, 2], "a": 3}, ["x", "y", "z"])
    {'a': 'x', 'b': ['y', 'z']}
    """
    return _filled(nest, iter(values))


def _filled(nest: Any, values: Iterator[Any]) -> Any:
    if isinstance(nest, Mapping):
        return {key: _filled(nest[key], values) for key in sorted(nest, key=str)}
    if isinstance(nest, list | tuple):
        made = [_filled(one, values) for one in nest]
        if isinstance(nest, tuple):
            # A named tuple takes its fields one by one.
            return tuple(made) if type(nest) is tuple else type(nest)(*made)
        return made
    return next(values)


def picked(form: Any, given: Any, name: str, path: tuple[str, ...] = ()) -> list[Any]:
    """The leaves of `given` at the places of `form`; further keys of dictionaries are left out.

    Args:
        form: A nest.
        given: Another, which must have all that `form` has.
        name: Of the argument, for messages.
        path: Where in it `given` stands, for messages.

    Raises:
        ValueError: A place is not there.

    Example:

    >>> picked({"a": 0, "b": [0]}, {"a": 1, "b": [2], "c": 3}, "x")
    [1, 2]
    """
    where = "".join(f"[{key!r}]" for key in path)
    if isinstance(form, Mapping):
        missing = sorted(str(key) for key in form if not isinstance(given, Mapping) or key not in given)
        if missing:
            came = sorted(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
            raise ValueError(f"`{name}{where}` must be a dictionary with {', '.join(missing)}, got {came}.")
        return [leaf for key in sorted(form, key=str) for leaf in picked(form[key], given[key], name, (*path, key))]
    if isinstance(form, list | tuple):
        if not isinstance(given, list | tuple) or len(given) != len(form):
            came = f"{len(given)}" if isinstance(given, list | tuple) else type(given).__name__
            raise ValueError(f"`{name}{where}` must be a list of {len(form)} parts, got {came}.")
        return [leaf for place, one in enumerate(form) for leaf in picked(one, given[place], name, (*path, str(place)))]
    if isinstance(given, Mapping):
        raise ValueError(f"`{name}{where}` must be an array, got a dictionary of {sorted(map(str, given))}.")
    return [given]
