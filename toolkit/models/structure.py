"""The make of a model as plain data: depth, widths, activations, penalties, optimizer, rate; no Keras."""

from __future__ import annotations

from dataclasses import dataclass

_SATURATING = ("sigmoid", "hard_sigmoid", "tanh", "softsign", "softmax")


@dataclass(frozen=True)
class Structure:
    """The make of a model, as plain data.

    Args:
        hidden: Activations of the hidden layers with weights, first to last; what follows a linear layer
            (batch normalisation, then ReLU) counts as its own.
        widths: Units or filters of these layers.
        outputs: Output units, or `None`.
        activation: Output activation, or `None`.
        loss: Name of the loss, or `""`.
        penalised: Whether a penalty on weights is part of the loss.
        optimizer: Name of the optimizer, or `""`.
        learning_rate: Its rate at the start, or `None`.
        dropout: Largest rate of a dropout layer, in [0, 1).

    Example:

    >>> Structure(("relu", "relu"), (64, 2), outputs=10, activation="softmax").narrowest
    2
    """

    hidden: tuple[str, ...] = ()
    widths: tuple[int, ...] = ()
    outputs: int | None = None
    activation: str | None = None
    loss: str = ""
    penalised: bool = False
    optimizer: str = ""
    learning_rate: float | None = None
    dropout: float = 0.0

    @property
    def narrowest(self) -> int | None:
        """Units of the narrowest hidden layer."""
        return min(self.widths, default=None)

    @property
    def linear(self) -> bool:
        """Whether there are hidden layers, and none has an activation."""
        return bool(self.hidden) and all(name == "linear" for name in self.hidden)

    @property
    def saturating(self) -> int:
        """Number of hidden layers with an activation that saturates."""
        return sum(name in _SATURATING for name in self.hidden)

    @property
    def rate(self) -> str:
        """`"high"` or `"low"` where the learning rate lies far from what is usual for the optimizer, else `""`."""
        low, high = _USUAL.get(self.optimizer, (0.0, float("inf")))
        if self.learning_rate is None or low <= self.learning_rate <= high:
            return ""
        return "low" if self.learning_rate < low else "high"

    def lower_rate(self) -> float:
        """How many times lower a rate that breaks the fit should be: ten times, or down to what is usual.

        Example:

        >>> Structure(optimizer="sgd", learning_rate=3.0).lower_rate()
        300.0
        """
        # What Keras' SGD and Adam begin with.
        usual = 0.01 if self.optimizer in _PLAIN else 0.001
        if self.learning_rate is None or self.optimizer not in _USUAL or self.learning_rate <= 10 * usual:
            return 10.0
        return float(f"{self.learning_rate / usual:.2g}")


# A decade around what the tutorials of Keras and its examples use.
_ADAPTIVE = (1e-4, 2e-2)
_PLAIN = ("sgd", "adagrad", "ftrl", "adadelta")
_USUAL = {
    "sgd": (2e-3, 1.0), "adam": _ADAPTIVE, "adamw": _ADAPTIVE, "nadam": _ADAPTIVE, "adamax": _ADAPTIVE,
    "rmsprop": _ADAPTIVE, "adagrad": (3e-3, 1.0), "adadelta": (5e-2, 10.0), "ftrl": (3e-3, 1.0),
}  # fmt: skip
