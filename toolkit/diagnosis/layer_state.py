"""What one look at a model measured, layer by layer; plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class LayerHealth:
    """What was measured of one layer.

    Args:
        name: The layer's name.
        activation: Name of its watched activation, or `""`.
        gradient: Norm of the gradient of its largest weight, or `None` where it has none.
        weight: Norm of that weight.
        alike: Largest difference of its units relative to its weights, 0 where all are equal.
        moved: Norm of the last update of that weight, or `None` where it was not seen.
        dead: Share of its units of ReLU, GELU, SiLU and their like that are off for every row, in [0, 1], or `None`.
        saturated: Share of its outputs of sigmoid, tanh, ELU and their like where these are flat, in [0, 1], or `None`.
        finite: Whether its outputs are finite.
        units: Its units or filters, or `None`.

    Example:

    >>> LayerHealth("hidden", gradient=0.1, weight=2.0, moved=0.002).ratio
    0.001
    """

    name: str
    activation: str = ""
    gradient: float | None = None
    weight: float | None = None
    alike: float = 1.0
    moved: float | None = None
    dead: float | None = None
    saturated: float | None = None
    finite: bool = True
    units: int | None = None

    @property
    def ratio(self) -> float | None:
        """Norm of the last update over the norm of the weights."""
        if self.moved is None or not self.weight or not math.isfinite(self.moved / self.weight):
            return None
        return self.moved / self.weight

    @property
    def slope(self) -> float | None:
        """Norm of the gradient over the norm of the weights."""
        return self.gradient / self.weight if self.gradient is not None and self.weight else None


@dataclass(frozen=True)
class Probe:
    """One look at a model on a few rows.

    Args:
        step: Updates made before it, at least 0.
        epoch: Epoch, from 0.
        loss: Loss on the rows, penalties included.
        penalty: Sum of the penalties on the weights.
        spread: Largest standard deviation of an output over the rows.
        layers: Its layers with weights or a watched activation, first to last.

    Example:

    >>> Probe(step=0, epoch=0, loss=2.5, penalty=0.5, spread=0.1).data_loss
    2.0
    """

    step: int
    epoch: int
    loss: float
    penalty: float
    spread: float
    layers: tuple[LayerHealth, ...] = field(default=())

    @property
    def data_loss(self) -> float:
        """Loss without the penalties."""
        return self.loss - self.penalty
