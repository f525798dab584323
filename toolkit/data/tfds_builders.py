"""The shipped data sets as builders of tensorflow-datasets that need no download.

Importing this module takes seconds, for it imports tensorflow-datasets; `trainwise.data` does so only where needed.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from ..runtime.keras_internals import provide_datasets
from .shipped import NAMES, arrays


class _Shipped(tfds.core.GeneratorBasedBuilder, skip_registration=True):  # type: ignore[call-arg]
    VERSION = tfds.core.Version("1.0.0")

    def _info(self) -> tfds.core.DatasetInfo:
        x, _, _, classes = arrays(self.name)
        key, feature = "features", tfds.features.Tensor(shape=x.shape[1:], dtype=np.float32)
        if self.name == "digits":
            key = "image"
            feature = tfds.features.Image(shape=x.shape[1:], dtype=np.uint8, encoding_format="png")
        label = tfds.features.ClassLabel(names=classes) if classes else tfds.features.Scalar(np.float32)
        return tfds.core.DatasetInfo(
            builder=self,
            description=f"The {self.name} data set as scikit-learn ships it.",
            features=tfds.features.FeaturesDict({key: feature, "label": label}),
            supervised_keys=(key, "label"),
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {"train": self._generate_examples()}

    def _generate_examples(self) -> Iterator[tuple[int, dict[str, Any]]]:
        x, y, _, _ = arrays(self.name)
        key = "image" if self.name == "digits" else "features"
        for row, (inputs, target) in enumerate(zip(x, y, strict=True)):
            yield row, {key: inputs.astype("uint8") if key == "image" else inputs, "label": target}


def _builder(name: str) -> type:
    # `__module__` must name this module: tfds looks there for what belongs to a builder.
    members = {"name": name, "__module__": __name__}
    title = name.title().replace("_", "")
    return types.new_class(title, (_Shipped,), {"skip_registration": True}, lambda space: space.update(members))


BUILDERS = {name: _builder(name) for name in NAMES}


def register() -> None:
    """Makes `tfds.load` know the shipped data sets, whose iris needs no download; again it changes nothing."""
    provide_datasets(BUILDERS)


register()
