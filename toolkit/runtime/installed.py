"""Which versions are installed of what decides a run."""

from __future__ import annotations

import platform
from importlib import metadata

_PACKAGES = ("trainwise", "tensorflow", "keras", "numpy", "scikit-learn")


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide a run.

    Example:

    >>> sorted(versions())
    ['keras', 'numpy', 'python', 'scikit-learn', 'tensorflow', 'trainwise']
    """
    return {"python": platform.python_version(), **{package: metadata.version(package) for package in _PACKAGES}}
