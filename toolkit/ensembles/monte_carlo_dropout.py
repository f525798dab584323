"""Dropout as model averaging: one model that outputs the mean of many draws of its dropout."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from ..checks import one_of, seed_of, whole_number
from ..layers.dropout_sampling import DropoutSampling
from ..metrics import vote_arithmetic
from ..models.rebuilding import rebuilt
from ..runtime.keras_internals import flat_layers
from .members import copied_member, fresh_inputs, gathered, meaning_of

# Attributes that hold the strength of noise that stands for an ensemble.
_STRENGTHS = ("rate", "stddev", "dropout", "recurrent_dropout")
_NOISE = (
    keras.layers.Dropout, keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D,
    keras.layers.GaussianDropout, keras.layers.GaussianNoise, keras.layers.AlphaDropout,
    keras.layers.LSTM, keras.layers.GRU, keras.layers.SimpleRNN, keras.layers.MultiHeadAttention,
)  # fmt: skip
# By name: the class they share is private to Keras, and Resizing, which augments nothing, is of it too.
_AUGMENTATIONS = ("Random", "RandAugment", "AutoContrast", "AugMix", "CutMix", "MixUp")
_OUTPUTS = ("probabilities", "all")
_SEEDS = 10_007  # keeps the layers of one seed apart from those of the next


def mc_dropout(
    model: keras.Model,
    samples: int = 32,
    seed: int = 0,
    output: str = "probabilities",
    uncertainty: bool = False,
    name: str = "mc_dropout",
    *,
    task: str = "auto",
    from_logits: bool | str = "auto",
) -> keras.Model:
    """Makes a model that draws its dropout anew `samples` times for each row and outputs the mean.

    Everything but noise stays in inference: batch normalisation keeps its statistics, augmentation is off. All
    draws of a batch are one pass through one graph, over `samples` times as many rows. The draws follow from
    `seed` and the calls made so far; a reloaded file begins anew, so each fresh load repeats the same draws.

    Args:
        model: A built functional or Sequential model with dropout (of any of Keras' layers, or inside an LSTM, GRU or
            SimpleRNN); it stays as it is.
        samples: Draws for each row, >= 1.
        seed: Decides the draws.
        output: `"probabilities"`: the mean, in the shape of the model's output; `"all"`: a dictionary, as for `vote`.
        uncertainty: As for `vote`.
        name: Name of the new model.
        task: As for `vote`.
        from_logits: As for `vote`.

    Returns:
        A functional model; as a `.keras` file it loads with `tw.load_model`.

    Raises:
        TypeError: `model` is no Keras model, or `samples` no whole number.
        ValueError: The model has no dropout, or all its rates are 0; `samples` is below 1.

    Reference: Gal and Ghahramani 2016, arXiv:1506.02142.

    Example:

    >>> made = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")])
    >>> mc_dropout(made, samples=8).predict(np.ones((2, 4)), verbose=0).shape
    (2, 3)
    """
    samples = whole_number("samples", samples, 1, 10**6)
    seed = seed_of("seed", seed)
    one_of("output", output, _OUTPUTS)
    if uncertainty and output != "all":
        raise ValueError(f"`uncertainty=True` adds outputs, so it needs `output='all'`, got {output!r}.")
    (model,) = gathered([model])
    meaning = meaning_of([model], task, from_logits)
    noisy = DropoutSampling(_with_noise_only(model, seed), name="draws")
    inputs = fresh_inputs(model)
    # Rows repeated, not calls: dropout draws a mask for each row, so one pass has all draws.
    repeated = keras.tree.map_structure(lambda tensor: ops.repeat(tensor, samples, axis=0), inputs)
    raw = vote_arithmetic.probabilities(noisy(repeated), meaning.kind, meaning.logits[0])
    answers, weights = ops.reshape(raw, (-1, samples, *raw.shape[1:])), [1 / samples] * samples
    main = "probabilities" if meaning.kind in ("classes", "labels") else "values"
    mean = vote_arithmetic.soft(answers, weights, meaning.kind)
    found = {main: mean}
    if output == "all" and main == "probabilities":
        found["label"] = vote_arithmetic.labels(mean, meaning.kind)
        found["votes"] = vote_arithmetic.shares(answers, weights, meaning.kind)
    if uncertainty:
        found |= vote_arithmetic.uncertainty(answers, weights, meaning.kind)
    named = {
        key: keras.layers.Identity(dtype=keras.backend.standardize_dtype(tensor.dtype), name=key)(tensor)
        for key, tensor in found.items()
    }
    return keras.Model(inputs, named if output == "all" else named[main], name=name)


def _with_noise_only(model: keras.Model, seed: int) -> keras.Model:
    """A copy in which `training=True` turns on noise, and nothing else."""
    made = _without_augmentation(copied_member(model, 0))
    made.name = "member_0"
    layers = _layers(made)
    if not any(isinstance(layer, _NOISE) and _strength(layer) > 0 for layer in layers):
        lack = "all its rates are 0" if any(hasattr(layer, "rate") for layer in layers) else "it has none"
        raise ValueError(
            f"{model.name!r} has no dropout to draw from ({lack}): add `keras.layers.Dropout(0.5)`, and train it first."
        )
    # A frozen batch normalisation uses the statistics it has learnt, also where training is on.
    for layer in layers:
        # Models and wrappers pass `trainable` on to what they hold, which may be noise.
        if not isinstance(layer, _NOISE) and not isinstance(layer, keras.Model | keras.layers.Wrapper):
            layer.trainable = False
    for place, layer in enumerate(layers):
        generator = getattr(layer, "seed_generator", None)
        if generator is not None:
            # The state of a generator is not saved with a file, its seed is: a reloaded model draws the same.
            layer.seed = _SEEDS * place + seed
            # A layer reads its seed only once, when it is made.
            generator.state.assign(ops.convert_to_tensor(np.array([layer.seed, 0]), dtype=generator.state.dtype))
    return made


def _layers(model: keras.Model) -> list[keras.layers.Layer]:
    return flat_layers(model)


def _strength(layer: keras.layers.Layer) -> float:
    return max((float(getattr(layer, name, None) or 0.0) for name in _STRENGTHS), default=0.0)


def _is_augmentation(layer: keras.layers.Layer) -> bool:
    return type(layer).__name__.startswith(_AUGMENTATIONS) and type(layer).__module__.startswith("keras.")


def _without_augmentation(model: keras.Model) -> keras.Model:
    """The same layers in a new graph, those that change images at random left out."""

    def kept(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
        if _is_augmentation(layer):
            return []
        return [_without_augmentation(layer)] if isinstance(layer, keras.Model) else [layer]

    # Without any, the graph need not be made anew.
    if not any(_is_augmentation(layer) for layer in _layers(model)):
        return model
    made = rebuilt(model, kept)
    made.name = model.name
    return made
