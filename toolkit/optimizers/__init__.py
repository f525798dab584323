"""Optimizers of trainwise."""

from . import layerwise as layerwise
from .accumulation import AccumulatedGradients as AccumulatedGradients
from .lars import LARS as LARS
from .layerwise import LayerwiseLearningRate as LayerwiseLearningRate
from .member_forms import MemberAdadelta as MemberAdadelta
from .member_forms import MemberAdafactor as MemberAdafactor
from .member_forms import MemberAdagrad as MemberAdagrad
from .member_forms import MemberAdam as MemberAdam
from .member_forms import MemberAdamax as MemberAdamax
from .member_forms import MemberAdamW as MemberAdamW
from .member_forms import MemberFtrl as MemberFtrl
from .member_forms import MemberLamb as MemberLamb
from .member_forms import MemberLion as MemberLion
from .member_forms import MemberNadam as MemberNadam
from .member_forms import MemberRMSprop as MemberRMSprop
from .member_forms import MemberSGD as MemberSGD
from .momentum import MomentumSGD as MomentumSGD

__all__ = [
    "LARS",
    "AccumulatedGradients",
    "LayerwiseLearningRate",
    "MemberAdadelta",
    "MemberAdafactor",
    "MemberAdagrad",
    "MemberAdam",
    "MemberAdamW",
    "MemberAdamax",
    "MemberFtrl",
    "MemberLamb",
    "MemberLion",
    "MemberNadam",
    "MemberRMSprop",
    "MemberSGD",
    "MomentumSGD",
    "layerwise",
]
