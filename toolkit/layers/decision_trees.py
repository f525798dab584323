"""Decision trees, forests and boosted trees as a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from ..checks import whole_number

# The arrays of `DecisionTrees.from_arrays`, with the type that each is kept in.
_ARRAYS = {
    "feature": "int32",
    "threshold": "float64",
    "left": "int32",
    "right": "int32",
    "missing_left": "bool",
    "value": "float64",
    "roots": "int32",
}


@keras.saving.register_keras_serializable(package="trainwise")
class DecisionTrees(keras.layers.Layer):
    """Walks each row down trees that were grown elsewhere, and outputs the sum of the leaves that it ends in.

    Nothing of it is trained. A row goes left where its feature is at most the threshold, compared in float64; a gap
    (NaN) goes where the tree says.

    Args:
        nodes: Number of nodes of all trees together, at least 1.
        trees: Number of trees, at least 1.
        outputs: Numbers in a leaf, at least 1.
        depth: Most steps from a root to a leaf, at least 0.
        **kwargs: `name` and the like.

    Input shape: `(batch, features)`. Output shape: `(batch, outputs)`, float32.

    Raises:
        TypeError: A count is not a whole number.
        ValueError: A count is out of range, or an array does not fit.

    Reference: Breiman et al. 1984, "Classification and Regression Trees".

    Example:

    >>> stump = DecisionTrees.from_arrays(
    ...     feature=[0, 0, 0], threshold=[0.5, 0.0, 0.0], left=[1, 1, 2], right=[2, 1, 2],
    ...     missing_left=[True, False, False], value=[[0.0], [10.0], [20.0]], roots=[0], depth=1,
    ... )
    >>> ops.convert_to_numpy(stump(np.array([[0.2], [0.7], [np.nan]]))).ravel().tolist()
    [10.0, 20.0, 10.0]
    """

    def __init__(self, nodes: int, trees: int, outputs: int, depth: int, **kwargs: Any) -> None:
        # Half precision would move thresholds, and rows with them.
        super().__init__(**{**kwargs, "autocast": False, "trainable": False})
        self.nodes = whole_number("nodes", nodes, low=1)
        self.trees = whole_number("trees", trees, low=1)
        self.outputs = whole_number("outputs", outputs, low=1)
        self.depth = whole_number("depth", depth, low=0)
        self._held: dict[str, keras.Variable] = {}

    @classmethod
    def from_arrays(cls, *, depth: int, **arrays: Any) -> DecisionTrees:
        """The layer of trees that are given as arrays.

        Args:
            depth: Most steps from a root to a leaf.
            **arrays: `feature`, `threshold`, `left`, `right` and `missing_left`, each `(nodes,)`; `value`
                `(nodes, outputs)`; `roots` `(trees,)`. Children are places among all nodes; a leaf is its own child.

        Raises:
            ValueError: An array is missing, or another than those is given.
        """
        if set(arrays) != set(_ARRAYS):
            raise ValueError(f"The arrays of trees are {sorted(_ARRAYS)}, got {sorted(arrays)}.")
        value = np.asarray(arrays["value"])
        made = cls(nodes=len(value), trees=len(arrays["roots"]), outputs=value.shape[1], depth=depth)
        made.build()
        made.set_arrays(arrays)
        return made

    def build(self, input_shape: Any = None) -> None:
        if self._held:
            return
        shapes = {"value": (self.nodes, self.outputs), "roots": (self.trees,)}
        self._held = {
            name: self.add_weight(
                name=name, shape=shapes.get(name, (self.nodes,)), dtype=dtype, initializer="zeros", trainable=False
            )
            for name, dtype in _ARRAYS.items()
        }
        self.built = True

    def set_arrays(self, arrays: Mapping[str, Any]) -> None:
        """Fills the trees in; arrays as for `from_arrays`."""
        for name, dtype in _ARRAYS.items():
            self._held[name].assign(np.asarray(arrays[name]).astype(dtype))

    def call(self, inputs: Any) -> Any:
        rows = ops.cast(inputs, "float64")
        held = {name: ops.convert_to_tensor(weight) for name, weight in self._held.items()}

        def step(_: Any, node: Any) -> Any:
            values = ops.take_along_axis(rows, ops.take(held["feature"], node), axis=1)
            at_most = ops.where(
                ops.isnan(values), ops.take(held["missing_left"], node), values <= ops.take(held["threshold"], node)
            )
            return ops.where(at_most, ops.take(held["left"], node), ops.take(held["right"], node))

        # Every row begins at the root of every tree.
        start = ops.zeros((ops.shape(rows)[0], 1), "int32") + held["roots"][None, :]
        leaves = ops.fori_loop(0, self.depth, step, start)
        return ops.cast(ops.sum(ops.take(held["value"], leaves, axis=0), axis=1), "float32")

    def compute_output_spec(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor((inputs.shape[0], self.outputs), dtype="float32")

    def get_config(self) -> dict[str, Any]:
        own = {"nodes": self.nodes, "trees": self.trees, "outputs": self.outputs, "depth": self.depth}
        return {**super().get_config(), **own}
