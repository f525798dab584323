"""What the spaces of architectures share: they learn the form of the data, and build with the right head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import keras_tuner
import numpy as np

from ...toolkit.checks import number, one_of, whole_number
from ...toolkit.data.tokens import are_tokens
from ...toolkit.models.first import augmented
from ...toolkit.tasks import TASKS, Head, Task, check_labels, find_task, head
from .choices import activation_name, choice, several
from .forms import Form, inputs_array, rows_of_batches

_NORMALIZATIONS = ("none", "batch", "layer")


class Space(keras_tuner.HyperModel):
    """What the spaces share: they learn the form of the data, and build uncompiled models with the right head.

    Every argument of several values is a choice of the search; one value alone is fixed. The rate is no
    part of the space: the search judges each architecture at its own best rate.

    Args:
        activation: Activations to choose from, by Keras name.
        normalization: `"none"`, `"batch"`, `"layer"`: between a layer and its activation.
        dropout: Dropout rates, in [0, 1), before the output and between wide layers.
        l2: L2 penalties on kernels, at least 0.
        augmentation: `"none"`, `"noise"` (Gaussian, a tenth of a standard deviation), and for images
            `"shift"`, `"flip"` (left to right) and `"shift_flip"`.
        batch_size: Rows of a batch, at least 1; by default what the search is told.
        most_parameters: No architecture has more parameters, at least 1; `None` for no limit.
        task: One of regression, binary, multiclass, multilabel; by default told from the targets.
        standardize: Whether inputs (and the targets of a regression) are standardised inside the model.

    Raises:
        TypeError: A setting of the wrong kind.
        ValueError: A setting out of range, or without a value.
    """

    def __init__(
        self,
        *,
        activation: Any = ("relu", "gelu", "tanh"),
        normalization: Any = _NORMALIZATIONS,
        dropout: Any = (0.0, 0.25, 0.5),
        l2: Any = (0.0, 1e-4, 1e-3),
        augmentation: Any = "none",
        batch_size: Any = None,
        most_parameters: int | None = None,
        task: Task | None = None,
        standardize: bool = True,
    ) -> None:
        super().__init__(name=type(self).__name__.lower())
        self.activation = [activation_name(name) for name in several("activation", activation)]
        self.normalization = [
            one_of("normalization", n, _NORMALIZATIONS) for n in several("normalization", normalization)
        ]
        self.dropout = [number("dropout", rate, 0, 1, open_high=True) for rate in several("dropout", dropout)]
        self.l2 = [number("l2", penalty, 0, np.inf) for penalty in several("l2", l2)]
        self.augmentation = [
            one_of("augmentation", a, self._augmentations()) for a in several("augmentation", augmentation)
        ]
        sizes = [] if batch_size is None else several("batch_size", batch_size)
        self.batch_size = [whole_number("batch_size", size, low=1) for size in sizes]
        self.most_parameters = None if most_parameters is None else whole_number("most_parameters", most_parameters, 1)
        if task is not None:
            one_of("task", task, TASKS)
        self.task: Task | None = task
        self.standardize = bool(standardize)
        self._form: Form | None = None

    # Of whole numbers `(rows, steps)` only a recurrent network makes words.
    _takes_tokens = False

    @classmethod
    def _augmentations(cls) -> Sequence[str]:
        return ("none", "noise")

    @property
    def head(self) -> Head:
        """Output units, activation, loss and metrics for the task.

        Raises:
            ValueError: The space has seen no data yet.
        """
        return self._known().head

    def adapt(self, x: Any, y: Any = None, held_y: Any = None) -> None:
        """Learns the form of the inputs and the task from training rows.

        A `tf.data` set is read once: all its targets, and of its inputs the first 10 000 rows.

        Args:
            x: Training inputs, array `(rows, ...)`, a list of sequences of unequal length, or a `tf.data` set of
                batches `(inputs, targets)` that ends.
            y: Training targets.
            held_y: Targets of validation rows, whose classes count too.

        Raises:
            TypeError: Inputs that are neither.
            ValueError: No rows, inputs of a form that the architecture cannot take, or targets
                whose task cannot be told.
        """
        if hasattr(x, "element_spec"):
            x, y = rows_of_batches(x)
        x = inputs_array(x)
        if y is None:
            raise ValueError("A space needs the targets to tell the task; give `y`.")
        tokens = self._takes_tokens and are_tokens(x)
        if tokens and x.min() < 0:
            raise ValueError(f"Token ids are whole numbers from 0, which fills up, got {x.min()}.")
        if not tokens:
            self._check_form(x.shape)
        # The head counts the classes of both, as a class may be seen in validation rows alone.
        task = self.task or find_task(y)
        both = y if held_y is None else np.concatenate([np.asarray(y), np.asarray(held_y)])
        check_labels(task, both)
        # Statistics by the training rows alone: those held out are to be new to the model.
        self._form = Form(x, np.asarray(y), head(task, both), self.standardize, tokens)

    @property
    def adapted(self) -> bool:
        """Whether the space has seen rows."""
        return self._form is not None

    def _known(self) -> Form:
        if self._form is None:
            raise ValueError(
                f"The space {type(self).__name__} has seen no data; call `adapt(x, y)` with training rows."
            )
        return self._form

    def _check_form(self, shape: tuple[int, ...]) -> None:
        """Refuses inputs that the architecture cannot take."""

    def build(self, hp: keras_tuner.HyperParameters) -> Any:
        """The uncompiled model for these hyperparameters.

        Args:
            hp: `keras_tuner.HyperParameters`.

        Raises:
            FailedTrialError: The model has more than `most_parameters`; a search then counts the trial as failed.
            ValueError: The space has seen no data yet.
        """
        form = self._known()
        if self.batch_size:
            hp.Choice("batch_size", self.batch_size)  # read by the search, which feeds the batches
        inputs = keras.Input(form.shape, name="features", dtype="int32" if form.tokens else None)
        features = self._embedded(hp, inputs, form) if form.tokens else form.standardized(inputs)
        features = self._augmented(features, choice(hp, "augmentation", self.augmentation))
        outputs = form.outputs(self._body(hp, features))
        model = keras.Model(inputs, outputs, name=self.name)
        if self.most_parameters is not None and model.count_params() > self.most_parameters:
            raise keras_tuner.errors.FailedTrialError(
                f"The model has {model.count_params()} parameters, more than `most_parameters`={self.most_parameters}."
            )
        return model

    def _embedded(self, hp: keras_tuner.HyperParameters, inputs: keras.KerasTensor, form: Form) -> keras.KerasTensor:
        raise NotImplementedError

    def _body(self, hp: keras_tuner.HyperParameters, features: keras.KerasTensor) -> keras.KerasTensor:
        raise NotImplementedError

    def _augmented(self, features: keras.KerasTensor, kind: str) -> keras.KerasTensor:
        if kind == "noise":
            return keras.layers.GaussianNoise(0.1, name="noise")(features)
        return augmented(features, kind)

    def _finished(self, hp: keras_tuner.HyperParameters, features: keras.KerasTensor, name: str) -> keras.KerasTensor:
        """Normalisation and activation after a linear layer."""
        kind = choice(hp, "normalization", self.normalization)
        if kind == "batch":
            features = keras.layers.BatchNormalization(name=f"{name}_norm")(features)
        elif kind == "layer":
            features = keras.layers.LayerNormalization(name=f"{name}_norm")(features)
        activation = choice(hp, "activation", self.activation)
        return keras.layers.Activation(activation, name=f"{name}_activation")(features)

    def _dropped(self, hp: keras_tuner.HyperParameters, features: keras.KerasTensor, name: str) -> keras.KerasTensor:
        rate = choice(hp, "dropout", self.dropout)
        return keras.layers.Dropout(rate, name=f"{name}_dropout")(features) if rate else features

    def _penalty(self, hp: keras_tuner.HyperParameters) -> Any:
        penalty = choice(hp, "l2", self.l2)
        return keras.regularizers.L2(penalty) if penalty else None
