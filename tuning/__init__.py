"""Procedures that run many fits."""

from .recipe import Settings as Settings
from .recipe import run as run

__all__ = ["Settings", "run"]
