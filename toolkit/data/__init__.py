"""Data in: any source becomes train, validation and a sealed test split."""

import sys

from .mixing import mixup as mixup
from .splits import Opening as Opening
from .splits import SealedSplit as SealedSplit
from .splits import Split as Split
from .splits import Splits as Splits
from .splits import fingerprint as fingerprint
from .splits import load as load

__all__ = ["Opening", "SealedSplit", "Split", "Splits", "fingerprint", "load", "mixup"]

# tensorflow-datasets takes seconds to import, so its builders are told to it only where it is there already.
if "tensorflow_datasets" in sys.modules:
    from . import tfds_builders as tfds_builders
