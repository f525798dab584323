"""The data sets that scikit-learn ships, as arrays."""

from __future__ import annotations

import numpy as np

# Names in `sklearn.datasets`, after `load_`.
NAMES = ("digits", "iris", "wine", "breast_cancer", "diabetes")


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
