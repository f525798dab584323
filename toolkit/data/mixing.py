"""Mixup for rows of any shape: what `keras.layers.MixUp` does for images, for tables and sequences."""

from __future__ import annotations

from typing import Any

from ..checks import number, seed_of


def mixup(data: Any, alpha: float = 0.2, seed: int = 0) -> Any:
    """Mixes each row of a batch, and its answer, with another row of the batch.

    `x = w x + (1 - w) x'` and `y = w y + (1 - w) y'`, with a share `w` of Beta(alpha, alpha) for each row, drawn anew
    in each epoch. It stands in the data and not in the model, so that nothing of it is exported.

    Args:
        data: A `tf.data.Dataset` of batches `(x, y)`, both of floats and of any shape `(batch, ...)`: classes as
            shares (`keras.utils.to_categorical`), with `"categorical_crossentropy"` as loss.
        alpha: How evenly rows are mixed, > 0: a small one leaves most rows nearly as they are, 1 takes any share.
        seed: Decides the draws.

    Returns:
        A `tf.data.Dataset` of as many batches, of the same shapes and types.

    Raises:
        TypeError: `data` is no `tf.data.Dataset`, or `alpha` no number.
        ValueError: `data` holds no pairs of floats, or `alpha` is not above 0.

    Reference: Zhang et al. 2018, "mixup: Beyond Empirical Risk Minimization", arXiv:1710.09412.

    Example:

    >>> import tensorflow as tf
    >>> x, y = [[0.0], [1.0]], [[1.0, 0.0], [0.0, 1.0]]
    >>> batches = tf.data.Dataset.from_tensor_slices((x, y)).batch(2)
    >>> mixed_x, mixed_y = next(iter(mixup(batches, alpha=1.0)))
    >>> bool(tf.reduce_all(mixed_x[:, 0] == mixed_y[:, 1]))
    True
    """
    import tensorflow as tf

    share_of_one = number("alpha", alpha, 0, float("inf"), open_low=True, open_high=True)
    draws = tf.data.Dataset.random(seed_of("seed", seed), rerandomize_each_iteration=True).batch(2)
    _refuse_unmixable(data)

    def mixed(pair: tuple[Any, Any], drawn: Any) -> tuple[Any, Any]:
        count = tf.shape(pair[0])[0]
        # A share of Beta(a, a) is one of two amounts of Gamma(a) in their sum; a tiny alpha can make both 0.
        one, two = (tf.random.stateless_gamma([count], drawn + place, share_of_one) for place in (0, 1))
        share = tf.where(one + two > 0, one / (one + two), 1.0)
        order = tf.argsort(tf.random.stateless_uniform([count], drawn + 2))
        return _joined(pair[0], share, order), _joined(pair[1], share, order)

    return tf.data.Dataset.zip(data, draws).map(mixed, num_parallel_calls=tf.data.AUTOTUNE)


def _joined(rows: Any, share: Any, order: Any) -> Any:
    import tensorflow as tf

    weight = tf.cast(share, rows.dtype)
    weight = tf.reshape(weight, tf.concat([tf.shape(weight), tf.ones(tf.rank(rows) - 1, "int32")], axis=0))
    return weight * rows + (1 - weight) * tf.gather(rows, order)


def _refuse_unmixable(data: Any) -> None:
    import tensorflow as tf

    if not isinstance(data, tf.data.Dataset):
        raise TypeError(f"`data` must be a tf.data.Dataset of batches, got {type(data).__name__}.")
    spec = data.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2 or not all(isinstance(one, tf.TensorSpec) for one in spec):
        raise ValueError(f"`data` must hold batches `(x, y)`, a tensor each, got {spec}.")
    for name, one in zip(("x", "y"), spec, strict=True):
        if not one.dtype.is_floating or one.shape.rank == 0:
            cure = " (classes as shares: `keras.utils.to_categorical`)" if name == "y" else ""
            raise ValueError(
                f"`data` must hold batches of floats as {name}{cure}, got {one.dtype.name} of shape {one.shape}."
            )
