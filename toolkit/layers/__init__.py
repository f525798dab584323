"""Keras layers of trainwise."""

from .normalization import MinMax as MinMax
from .normalization import Standardize as Standardize

__all__ = ["MinMax", "Standardize"]
