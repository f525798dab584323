"""Optimizers of trainwise."""

from .memberwise import MemberAdam as MemberAdam
from .memberwise import MemberAdamW as MemberAdamW
from .memberwise import MemberRMSprop as MemberRMSprop
from .memberwise import MemberSGD as MemberSGD

__all__ = ["MemberAdam", "MemberAdamW", "MemberRMSprop", "MemberSGD"]
