"""trainwise: train Keras models that tell you what is wrong, vote, and leave as one verified SavedModel."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import callbacks as callbacks
    from . import tuning as tuning
    from .toolkit import data as data
    from .toolkit import layers as layers
    from .toolkit import optimizers as optimizers
    from .toolkit import schedules as schedules
    from .toolkit.diagnosis.catalogue import CAUSES as CAUSES
    from .toolkit.diagnosis.catalogue import SYMPTOMS as SYMPTOMS
    from .toolkit.diagnosis.findings import Advice as Advice
    from .toolkit.diagnosis.findings import Finding as Finding
    from .toolkit.diagnosis.findings import rank as rank
    from .toolkit.diagnosis.histories import diagnose as diagnose
    from .toolkit.diagnosis.shapes import Shape as Shape
    from .toolkit.diagnosis.shapes import shape as shape
    from .toolkit.ensembles import Calibration as Calibration
    from .toolkit.ensembles import Combination as Combination
    from .toolkit.ensembles import Selection as Selection
    from .toolkit.ensembles import Soup as Soup
    from .toolkit.ensembles import VoteReport as VoteReport
    from .toolkit.ensembles import average_weights as average_weights
    from .toolkit.ensembles import bagging_weights as bagging_weights
    from .toolkit.ensembles import calibrate as calibrate
    from .toolkit.ensembles import combine as combine
    from .toolkit.ensembles import evaluate_vote as evaluate_vote
    from .toolkit.ensembles import foreign_members as members  # noqa: F401
    from .toolkit.ensembles import greedy_soup as greedy_soup
    from .toolkit.ensembles import mc_dropout as mc_dropout
    from .toolkit.ensembles import select_members as select_members
    from .toolkit.ensembles import vote as vote
    from .toolkit.population import Population as Population
    from .toolkit.population import PopulationResult as PopulationResult
    from .toolkit.population import fit_population as fit_population
    from .toolkit.preflight import check as check
    from .toolkit.saving.exporting import ExportReport as ExportReport
    from .toolkit.saving.exporting import export as export
    from .toolkit.saving.loading import load_model as load_model
    from .toolkit.saving.refusals import ExportRefusedError as ExportRefusedError
    from .toolkit.saving.refusals import NotProvedError as NotProvedError
    from .toolkit.saving.verifying import Verification as Verification
    from .toolkit.saving.verifying import verify as verify

__version__: str

_MODULES = {
    "callbacks": "callbacks",
    "data": "toolkit.data",
    "layers": "toolkit.layers",
    "members": "toolkit.ensembles.foreign_members",
    "optimizers": "toolkit.optimizers",
    "schedules": "toolkit.schedules",
    "tuning": "tuning",
}
_NAMES = {
    "Advice": "toolkit.diagnosis.findings",
    "CAUSES": "toolkit.diagnosis.catalogue",
    "Calibration": "toolkit.ensembles",
    "Combination": "toolkit.ensembles",
    "ExportRefusedError": "toolkit.saving.refusals",
    "ExportReport": "toolkit.saving.exporting",
    "Finding": "toolkit.diagnosis.findings",
    "NotProvedError": "toolkit.saving.refusals",
    "Population": "toolkit.population",
    "PopulationResult": "toolkit.population",
    "SYMPTOMS": "toolkit.diagnosis.catalogue",
    "Selection": "toolkit.ensembles",
    "Shape": "toolkit.diagnosis.shapes",
    "Soup": "toolkit.ensembles",
    "Verification": "toolkit.saving.verifying",
    "VoteReport": "toolkit.ensembles",
    "average_weights": "toolkit.ensembles",
    "bagging_weights": "toolkit.ensembles",
    "calibrate": "toolkit.ensembles",
    "check": "toolkit.preflight",
    "combine": "toolkit.ensembles",
    "diagnose": "toolkit.diagnosis.histories",
    "evaluate_vote": "toolkit.ensembles",
    "export": "toolkit.saving.exporting",
    "fit_population": "toolkit.population",
    "greedy_soup": "toolkit.ensembles",
    "load_model": "toolkit.saving.loading",
    "mc_dropout": "toolkit.ensembles",
    "rank": "toolkit.diagnosis.findings",
    "select_members": "toolkit.ensembles",
    "shape": "toolkit.diagnosis.shapes",
    "verify": "toolkit.saving.verifying",
    "vote": "toolkit.ensembles",
}
__all__ = sorted([*_MODULES, *_NAMES, "__version__"])


def __getattr__(name: str) -> Any:
    # TensorFlow takes seconds to import, so a name brings its module only when it is asked for.
    if name == "__version__":
        # What was installed; setup.cfg alone says which version that is.
        value: Any = importlib.import_module("importlib.metadata").version(__name__)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    elif name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
