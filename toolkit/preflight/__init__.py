"""What is wrong with a model and its data, said before the first epoch."""

from .checking import check as check

__all__ = ["check"]
