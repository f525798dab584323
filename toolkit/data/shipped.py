"""The data sets that scikit-learn ships, as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# Before a name where a file or a folder bears the same one.
PREFIX = "sklearn:"
# Names in `sklearn.datasets`, after `load_`.
NAMES = ("digits", "iris", "wine", "breast_cancer", "diabetes")


def named_beside(name: str) -> str:
    """What is to be said where a file or folder bears the name of a shipped set, and is read; empty elsewhere.

    Example:

    >>> named_beside("iris")
    ''
    """
    if name not in NAMES or not Path(name).exists():
        return ""
    what = "folder" if Path(name).is_dir() else "file"
    return f"{name} is read as the {what} of that name; the data set of scikit-learn is {PREFIX}{name}."


def arrays(name: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...] | None]:
    """Reads one shipped data set.

    Args:
        name: One of `NAMES`.

    Returns:
        Inputs, targets, the names of the features (empty for images) and those of the classes
        (`None` for regression). Digits are images `(1797, 8, 8, 1)` with values 0 to 16; the others
        are tables `(rows, features)` in their original units.

    Example:

    >>> x, y, features, classes = arrays("iris")
    >>> x.shape, classes
    ((150, 4), ('setosa', 'versicolor', 'virginica'))
    """
    # Some tenths of a second, which only those who load the data should pay.
    import sklearn.datasets

    given = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(sklearn.datasets, f"load_{name}")(**given)
    if name == "digits":
        return bunch.images[..., None].astype("float32"), bunch.target, (), tuple(map(str, bunch.target_names))
    features = tuple(map(str, bunch.feature_names))
    if name == "diabetes":
        return bunch.data.astype("float32"), bunch.target.astype("float32"), features, None
    return bunch.data.astype("float32"), bunch.target, features, tuple(map(str, bunch.target_names))
