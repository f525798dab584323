"""The data sets that scikit-learn ships, as tensorflow-datasets builders that need no download."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import sklearn.datasets
import tensorflow_datasets as tfds
from tensorflow_datasets.core import registered

_LOADERS: dict[str, Callable[[], Any]] = {
    "digits": sklearn.datasets.load_digits,
    "iris": sklearn.datasets.load_iris,
    "wine": sklearn.datasets.load_wine,
    "breast_cancer": sklearn.datasets.load_breast_cancer,
    "diabetes": lambda: sklearn.datasets.load_diabetes(scaled=False),
}
NAMES = tuple(_LOADERS)


def arrays(name: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...], tuple[str, ...] | None]:
    """Reads one shipped data set.

    Args:
        name: One of `NAMES`.

    Returns:
        Inputs, targets, the names of the features (empty for images) and those of the classes
        (`None` for regression). Digits are images `(1797, 8, 8, 1)` with values 0 to 16; the others
        are tables `(rows, features)` in their original units.

    Example:

    >>> x, y, features, classes = arrays("iris")
    >>> x.shape, classes
    ((150, 4), ('setosa', 'versicolor', 'virginica'))
    """
    bunch = _LOADERS[name]()
    if name == "digits":
        return bunch.images[..., None].astype("float32"), bunch.target, (), tuple(map(str, bunch.target_names))
    features = tuple(map(str, bunch.feature_names))
    if name == "diabetes":
        return bunch.data.astype("float32"), bunch.target.astype("float32"), features, None
    return bunch.data.astype("float32"), bunch.target, features, tuple(map(str, bunch.target_names))


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


class _Provider(registered.DatasetBuilderProvider):
    """Answers the shipped names ahead of tfds' own builders, whose iris would want a download."""

    def has_dataset(self, name: str) -> bool:
        return name in BUILDERS

    def get_builder_cls(self, name: str) -> type:
        return BUILDERS[name]


def register() -> None:
    """Makes `tfds.load` know the shipped data sets. Calling it again changes nothing."""
    providers = registered._DATASET_PROVIDER_REGISTRY
    if not any(isinstance(provider, _Provider) for provider in providers):
        registered.add_dataset_builder_provider(_Provider(), index=0)
