"""Advice as code that can be copied: the line of Keras that does what a finding proposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from .wording import AdviceLike

_RATE = "model.optimizer.learning_rate"
_ADD = "# behind each hidden layer:\n"


def cure_code(advice: AdviceLike) -> str:
    """The advice as Python for a compiled `model` and its `fit`; empty where no line of code does it.

    Example:

    >>> from trainwise.toolkit.diagnosis.findings import Advice
    >>> print(cure_code(Advice("learning_rate", "lower", 10.0)))
    model.optimizer.learning_rate = float(model.optimizer.learning_rate) / 10
    """
    write = _CODE.get((advice.parameter, advice.change))
    return "" if write is None else write(advice)


def _rate(advice: AdviceLike) -> str:
    if advice.to is not None:
        return f"{_RATE} = {advice.to:g}"
    return _scaled(f"float({_RATE})", _RATE, advice, "/")


def _scaled(old: str, new: str, advice: AdviceLike, divide: str) -> str:
    """A value made so many times larger or smaller; empty where no factor is advised."""
    if not isinstance(advice.value, int | float):
        return ""
    return f"{new} = {old} {'*' if advice.change == 'raise' else divide} {advice.value:g}"


def _times(name: str) -> Callable[[AdviceLike], str]:
    return lambda advice: _scaled(name, name, advice, "//")


def _number(line: str) -> Callable[[AdviceLike], str]:
    """A line with the advised number, where there is one."""
    return lambda advice: line.format(f"{advice.value:g}") if isinstance(advice.value, int | float) else ""


def _word(line: str) -> Callable[[AdviceLike], str]:
    """A line with the advised word, where that is one that Keras may know."""
    return lambda advice: (
        line.format(advice.value) if isinstance(advice.value, str) and advice.value.isidentifier() else ""
    )


def _always(line: str) -> Callable[[AdviceLike], str]:
    return lambda advice: line


def _optimizer(advice: AdviceLike) -> str:
    if advice.value == "LayerwiseLearningRate":
        made = 'tw.optimizers.LayerwiseLearningRate(keras.optimizers.Adam(), multipliers={"LAYER": 0.1})'
        return f"model.compile({made}, loss=model.loss)"
    return _word("model.compile(keras.optimizers.{}(), loss=model.loss)")(advice)


def _dropout(advice: AdviceLike) -> str:
    rate = advice.value if isinstance(advice.value, int | float) else 0.3
    return f"{_ADD}x = keras.layers.Dropout({rate:g})(x)"


_CODE: Mapping[tuple[str, str], Callable[[AdviceLike], str]] = MappingProxyType(
    {
        ("learning_rate", "raise"): _rate,
        ("learning_rate", "lower"): _rate,
        ("learning_rate", "set"): _number(f"{_RATE} = {{}}"),
        ("epochs", "raise"): _times("epochs"),
        ("epochs", "set"): _number("epochs = {}"),
        ("epochs", "lower"): _always(
            'callbacks = [keras.callbacks.EarlyStopping("val_loss", restore_best_weights=True)]'
        ),
        ("batch_size", "raise"): _times("batch_size"),
        ("batch_size", "lower"): _times("batch_size"),
        ("units", "raise"): _times("units"),
        ("units", "lower"): _times("units"),
        ("clipnorm", "set"): _number("model.compile(keras.optimizers.Adam(clipnorm={}), loss=model.loss)"),
        ("optimizer", "set"): _optimizer,
        ("loss", "set"): _word('model.compile(model.optimizer, loss="{}")'),
        ("output_activation", "set"): _word('outputs = keras.layers.Dense(units, activation="{}")(x)'),
        ("activation", "set"): _word('x = keras.layers.Dense(units, activation="{}")(x)'),
        ("kernel_initializer", "set"): _word('x = keras.layers.Dense(units, kernel_initializer="{}")(x)'),
        ("normalization", "set"): _always("scale = tw.layers.Standardize()\nscale.adapt(x_train)  # the first layer"),
        ("batch_normalization", "add"): _always(f"{_ADD}x = keras.layers.BatchNormalization()(x)"),
        ("dropout", "raise"): _dropout,
        ("dropout", "set"): _dropout,
        ("weight_decay", "raise"): _always(
            "model.compile(keras.optimizers.AdamW(weight_decay=0.004), loss=model.loss)"
        ),
        ("layers", "add"): _always('x = keras.layers.Dense(64, activation="relu")(x)'),
        ("targets", "standardize"): _always("y_train = (y_train - y_train.mean()) / y_train.std()"),
        ("class_weight", "set"): _always(
            "counts = np.bincount(y_train)\nclass_weight = dict(enumerate(len(y_train) / (len(counts) * counts)))\n"
            "model.fit(x_train, y_train, class_weight=class_weight)"
        ),
        ("labels", "number from 0"): _always("_, y_train = np.unique(y_train, return_inverse=True)"),
        ("rows", "drop or fill in"): _always(
            "whole = np.isfinite(x_train).all(axis=1)\nx_train, y_train = x_train[whole], y_train[whole]"
        ),
        ("layer.adapt", "call"): lambda advice: f"model.get_layer({advice.value!r}).adapt(x_train)",
        ("trainable", "set"): _always("model.trainable = True\nmodel.compile(model.optimizer, loss=model.loss)"),
    }
)
