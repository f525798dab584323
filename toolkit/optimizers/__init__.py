"""Optimizers of trainwise."""

from . import layerwise as layerwise
from .accumulation import AccumulatedGradients as AccumulatedGradients
from .lars import LARS as LARS
from .layerwise import LayerwiseLearningRate as LayerwiseLearningRate
from .memberwise import MemberAdam as MemberAdam
from .memberwise import MemberAdamW as MemberAdamW
from .memberwise import MemberRMSprop as MemberRMSprop
from .memberwise import MemberSGD as MemberSGD
from .momentum import MomentumSGD as MomentumSGD

__all__ = [
    "LARS",
    "AccumulatedGradients",
    "LayerwiseLearningRate",
    "MemberAdam",
    "MemberAdamW",
    "MemberRMSprop",
    "MemberSGD",
    "MomentumSGD",
    "layerwise",
]
