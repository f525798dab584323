"""What rides along in one `model.fit`."""

from .curve_watch import CurveWatch as CurveWatch
from .progress import Progress as Progress
from .resume import Resume as Resume

__all__ = ["CurveWatch", "Progress", "Resume"]
