"""Data in: any source becomes train, validation and a sealed test split."""

from . import shipped
from .splits import Opening as Opening
from .splits import SealedSplit as SealedSplit
from .splits import Split as Split
from .splits import Splits as Splits
from .splits import fingerprint as fingerprint
from .splits import load as load

__all__ = ["Opening", "SealedSplit", "Split", "Splits", "fingerprint", "load"]

shipped.register()
