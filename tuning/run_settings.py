"""What a run trains, and how long."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from ..toolkit.checks import number, one_of, whole_number
from ..toolkit.models.first_sizes import fitting_batch_size, fitting_rate

Number = TypeVar("Number", int, float)

# What a machine can hold and a person can mean; above, a slip of the keyboard.
_MOST = {"members": 1_000, "epochs": 1_000_000, "patience": 1_000_000, "batch_size": 2**31 - 1}
# Keras' seeds end here, and each member has the next one.
_SEEDS = 2**32
_AUGMENTATIONS = ("auto", "none", "shift", "flip", "shift_flip")


@dataclass(frozen=True)
class Settings:
    """What a run trains, and how long.

    Args:
        members: Number of members of the ensemble, in [1, 1000]; each has a seed of its own.
        epochs: Epochs a member at most, in [1, 1000000]; the best one by validation loss is kept.
        patience: Epochs without a lower validation loss after which a member stops, in [1, 1000000].
        batch_size: Rows an update, in [1, 2**31); by default so many that an epoch has about 60 updates, 8 to 512.
        learning_rate: Of the Adam optimizer, > 0; by default 0.001 to 0.01, the higher the fewer updates there are.
        seed: Decides the splits, the starting weights and the order of the batches, in [0, 2**32 - members].
        augmentation: Of images, in training only: `"none"`, `"shift"`, `"flip"` (left to right), `"shift_flip"`; by
            default images read from files are shifted where they have 16 pixels a side, those of colours mirrored too.
        class_weights: `"none"`, or `"balanced"`: classes count alike however many rows they have, in training, choice
            and measurement. Probabilities are then those of classes that are equally common.
        refit: Whether the members are trained again after the choice, on training and validation rows together, for the
            mean of their best epochs; these are measured and exported.
        text: How texts in a table are read: `"terms"`, by which words and pairs of words there are; `"sequence"`, by
            their order too, through an embedding and a convolution over neighbours.

    Raises:
        TypeError: A setting is not a number.
        ValueError: A setting is out of range.

    Example:

    >>> Settings(members=0)
    Traceback (most recent call last):
    ValueError: `members` must be at least 1, got 0.
    """

    members: int = 5
    epochs: int = 30
    patience: int = 5
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    augmentation: str = "auto"
    class_weights: str = "none"
    refit: bool = False
    text: str = "terms"

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            if getattr(self, name) is not None:
                whole_number(name, getattr(self, name), 1, most)
        whole_number("seed", self.seed, 0, _SEEDS - self.members)
        one_of("augmentation", self.augmentation, _AUGMENTATIONS)
        one_of("class_weights", self.class_weights, ("none", "balanced"))
        one_of("text", self.text, ("terms", "sequence"))
        if self.learning_rate is not None:
            number("learning_rate", self.learning_rate, 0, np.inf, open_low=True, open_high=True)

    def fitted_to(self, rows: int, images: bool, series: bool = False) -> Settings:
        """These settings with a batch size and a rate that fit so many training rows, where none were given."""
        batch_size = self.batch_size or fitting_batch_size(rows, images)
        updates = self.epochs * -(-rows // batch_size)
        # Keras takes no rate that is a whole number or one of numpy's.
        rate = float(self.learning_rate or fitting_rate(updates, images or series))
        return replace(self, batch_size=batch_size, learning_rate=rate)

    @property
    def balanced(self) -> bool:
        """Whether unequal classes count alike."""
        return self.class_weights == "balanced"


def fitted(setting: Number | None) -> Number:
    """A setting that was fitted to the rows, and so is there.

    Raises:
        TypeError: It was not.

    Example:

    >>> fitted(Settings().fitted_to(6_000, images=False).batch_size)
    128
    """
    if setting is None:
        raise TypeError("Settings must be fitted to the rows before they are used.")
    return setting
