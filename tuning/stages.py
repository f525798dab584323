"""Overfit first, then regularise: a diagnosis and a small, explainable search, one question at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import keras_tuner
import numpy as np

from ..toolkit.checks import number, whole_number
from ..toolkit.curves import Curves
from ..toolkit.curves import read as read_curves
from ..toolkit.data.sealing import refuse_sealed
from ..toolkit.findings import Finding
from ..toolkit.intervals import bootstrap
from ..toolkit.outputs import loss_name
from ..toolkit.population import Leaderboard, PopulationResult, fit_population
from ..toolkit.population.result import best_epoch
from ..toolkit.preflight import check
from ..toolkit.randomness import preserved
from .feeding import rows_of
from .searching import ladder
from .spaces import CNN, MLP, Space

_FITTED_ACCURACY = 0.995
_FITTED_LOSS = 0.05
