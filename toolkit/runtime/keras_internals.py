"""The private corners of Keras, KerasTuner, TensorFlow, tfds and scikit-learn that are read: one small function each.

No other file reads one. Each function says what it reads and where that was seen; where an upgrade took the
corner away it raises `MissingCornerError`, or does what its docstring says instead.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import numpy as np

_ABSENT = object()
# To read the content of an empty cell raises, so that cells are compared with one.
_EMPTY_CELL = types.CellType()
# The functions of Keras that TensorFlow traces around a training step.
_STEPS = ("one_step_on_", "multi_step_on_")


class MissingCornerError(AttributeError):
    """The installed Keras lacks something that the version this package was written for has."""


def _corner(owner: Any, name: str) -> Any:
    found = getattr(owner, name, _ABSENT)
    if found is _ABSENT:
        raise MissingCornerError(
            f"{type(owner).__name__} has no `{name}` in Keras {keras.__version__}; it was there in Keras 3.15, "
            'so install that: `pip install "keras<3.16"`.'
        )
    return found


# Models, layers and tensors


def flat_layers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers in a model or layer, at any depth, without itself: `Layer._flatten_layers`, seen in Keras 3.15.

    Example:

    >>> inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="deep")])
    >>> [type(one).__name__ for one in flat_layers(keras.Sequential([inner]))]
    ['Sequential', 'Dense', 'InputLayer']
    """
    return list(_corner(layer, "_flatten_layers")(include_self=False))


def is_functional(layer: keras.layers.Layer) -> bool:
    """Whether `walked` can walk a model's graph: `Functional._run_through_graph`, seen in Keras 3.15.

    Without the corner no model can be walked, which callers tell the user of.
    """
    return hasattr(layer, "_run_through_graph")


def walked(model: keras.Model, inputs: Any, call: Callable[..., Any]) -> Any:
    """The outputs of a functional model where `call` stands for each of its operations.

    Reads `Function._run_through_graph`, seen in Keras 3.15.

    Args:
        model: Functional model.
        inputs: In the structure of its inputs.
        call: Is given an operation, and then what it was called with.
    """
    return _corner(model, "_run_through_graph")(inputs, operation_fn=lambda one: one, call_fn=call)


def source_operation(tensor: keras.KerasTensor) -> Any:
    """The layer or operation that gave a symbolic tensor: `KerasTensor._keras_history`, seen in Keras 3.15."""
    return _corner(tensor, "_keras_history").operation


def source_inputs(tensor: keras.KerasTensor) -> list[keras.KerasTensor]:
    """The symbolic tensors from which a symbolic tensor was made.

    Reads `KerasTensor._keras_history` and `Operation._inbound_nodes`, seen in Keras 3.15.
    """
    history = _corner(tensor, "_keras_history")
    node = _corner(history.operation, "_inbound_nodes")[history.node_index]
    return list(keras.tree.flatten(node.input_tensors))


def symbolic_calls(layer: keras.layers.Layer) -> list[Any]:
    """The nodes of a layer, one for each call on symbolic tensors: `Operation._inbound_nodes`, seen in Keras 3.15."""
    return list(_corner(layer, "_inbound_nodes"))


@contextmanager
def calls_forgotten(layers: Sequence[keras.layers.Layer]) -> Iterator[None]:
    """Calls on symbolic tensors that are made inside it leave no trace: `Operation._inbound_nodes`, Keras 3.15."""
    before = [len(_corner(layer, "_inbound_nodes")) for layer in layers]
    try:
        yield
    finally:
        for layer, count in zip(layers, before, strict=True):
            for name in ("_inbound_nodes", "_outbound_nodes"):
                del getattr(layer, name, [])[count:]


def own_weights(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The trainable variables of a layer itself, without those of layers in it: `Layer._trainable_variables`.

    Seen in Keras 3.15; the public `trainable_variables` counts those of layers in it too.
    """
    return list(_corner(layer, "_trainable_variables"))


def takes_training(layer: keras.layers.Layer) -> bool:
    """Whether a layer's `call` has an argument `training`: `Layer._call_has_training_arg`, seen in Keras 3.15.

    An operation that is no layer has none.
    """
    return bool(getattr(layer, "_call_has_training_arg", False))


def autocasts(variable: keras.Variable) -> bool:
    """Whether a weight is cast to the precision of its layer: `Variable._autocast`, seen in Keras 3.15.

    Keras' default, true, where the corner is gone.
    """
    return bool(getattr(variable, "_autocast", True))


def mask_of(tensor: Any) -> Any:
    """The mask that Keras notes on a tensor, or `None`: `_keras_mask`, seen in Keras 3.15."""
    return getattr(tensor, "_keras_mask", None)


def note_mask(tensor: Any, mask: Any) -> None:
    """Notes a mask on a tensor as Keras does: `_keras_mask`, seen in Keras 3.15."""
    tensor._keras_mask = mask


def logits_of(tensor: Any) -> Any:
    """The logits that Keras notes on a softmax or sigmoid, or `None`: `_keras_logits`, seen in Keras 3.15.

    Without them a loss is computed from probabilities, a little less exactly.
    """
    return getattr(tensor, "_keras_logits", None)


def note_logits(tensor: Any, logits: Any) -> None:
    """Notes logits on a tensor as Keras does: `_keras_logits`, seen in Keras 3.15."""
    tensor._keras_logits = logits


def drew_its_seed(initializer: Any) -> bool:
    """Whether an initializer was given no seed and drew one: `RandomInitializer._init_seed`, seen in Keras 3.15.

    Without the corner none did, which is the safe answer: its weights are then made by building the model.
    """
    return getattr(initializer, "_init_seed", _ABSENT) is None


# What a model was compiled with


def compiled_with(model: keras.Model) -> dict[str, Any]:
    """The arguments of `compile` as they were given, or none for a model that is not compiled.

    Reads `Trainer._compile_config`, seen in Keras 3.15; the public `get_compile_config` gives them serialised.
    """
    # An uncompiled model has the corner, but nothing in it.
    if not getattr(model, "compiled", False):
        return {}
    held = _corner(model, "_compile_config")
    return {} if held is None else dict(held.config)


def elements_of(epoch_iterator: Any) -> Any:
    """What the batches of a running fit hold, as TensorFlow describes them: `(x, y, weights)`; `None` unknown.

    Reads `TFEpochIterator._distributed_dataset`, seen in Keras 3.15.
    """
    return getattr(getattr(epoch_iterator, "_distributed_dataset", None), "element_spec", None)


def shuffled_places(count: int) -> Any:
    """The places of the rows of arrays in the order that `fit` shuffles them to: a `tf.data.Dataset` of one element.

    Each reading shuffles anew; but where a seed was set each draws from it anew, and so all are alike. The same
    operations as `ArrayDataAdapter.get_tf_dataset`, seen in Keras 3.15: their number decides what is drawn.
    """
    import tensorflow as tf

    return tf.data.Dataset.range(1).map(lambda _: tf.random.shuffle(tf.range(count, dtype=tf.int64)))


def tensors_of_arrays(x: Any, y: Any, sample_weight: Any, class_weight: Any) -> Any:
    """All rows of arrays as one batch of the types that `fit` would hand its model: `(x, y, weights)` where given.

    Reads `ArrayDataAdapter._inputs` and `convert_to_sliceable`, seen in Keras 3.15.
    """
    import tensorflow as tf
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
    from keras.src.trainers.data_adapters.array_slicing import convert_to_sliceable

    held = ArrayDataAdapter(x, y, sample_weight, class_weight=class_weight)
    arrays = convert_to_sliceable(held._inputs, target_backend="tensorflow")
    return keras.tree.map_structure(tf.convert_to_tensor, arrays)


# What does not change the rows of a dataset, but their order and grouping.
_ORDERING = ("Shuffle", "Batch", "Prefetch", "Repeat", "Options", "Cache", "Model", "Take")
# What draws or remembers when it is read.
_DRAWING = ("Shuffle", "Generator", "Random", "Sample", "Interleave", "FlatMap", "Cache")


def before_shuffling(dataset: Any) -> Any:
    """A dataset that holds the rows of this one and draws nothing when it is read, or `None` where there is none.

    Reads `DatasetV2._inputs` and the names of its classes, seen in TensorFlow 2.21. A dataset that is mapped after it
    was shuffled has no such source.
    """
    made, current = [], dataset
    while True:
        made.append(type(current).__name__)
        inputs = list(getattr(current, "_inputs", list)())
        if len(inputs) != 1:
            break
        current = inputs[0]
    if inputs or not any(word in name for name in made for word in _DRAWING):
        # Several sources may draw too; without any that draws the dataset itself will do.
        return None if inputs else dataset
    last = max(place for place, name in enumerate(made) if any(word in name for word in _DRAWING))
    if not all(any(word in name for word in _ORDERING) for name in made[: last + 1]) or "Generator" in made[-1]:
        return None
    source = dataset
    for _ in range(last + 1):
        (source,) = source._inputs()
    return source


def adds_losses(layer: keras.layers.Layer) -> bool:
    """Whether a layer, or one inside it, added losses in its last call; reads `Layer._losses`, seen in Keras 3.15."""
    return any(getattr(one, "_losses", None) for one in (layer, *flat_layers(layer)))


def loss_trackers(model: keras.Model) -> list[keras.metrics.Metric]:
    """The metrics in which a compiled loss of several outputs keeps its parts.

    Reads `Trainer._compile_loss`, seen in Keras 3.15; a model without it has none.
    """
    return list(getattr(getattr(model, "_compile_loss", None), "metrics", None) or [])


def function_arguments(loss: keras.losses.Loss | keras.metrics.Metric) -> dict[str, Any]:
    """What a loss or metric hands on to its function: `LossFunctionWrapper._fn_kwargs`, seen in Keras 3.15; else none.

    Some losses leave these out of `get_config`, such as the `delta` of a Huber loss.
    """
    return dict(getattr(loss, "_fn_kwargs", {}))


def direction_of(metric: keras.metrics.Metric) -> str | None:
    """What a metric says is better, `"up"` or `"down"`, or `None`; reads `Metric._direction`, seen in Keras 3.15."""
    return getattr(metric, "_direction", None)


def metric_function(metric: keras.metrics.Metric) -> Callable[[Any, Any], Any] | None:
    """The function of which a metric is the mean, or `None` where it is not made of one.

    Reads `MeanMetricWrapper._fn` and `._fn_kwargs`, seen in Keras 3.15.
    """
    function, settings = getattr(metric, "_fn", None), dict(getattr(metric, "_fn_kwargs", {}))
    if function is None:
        return None
    return lambda y_true, y_pred: function(y_true, y_pred, **settings)


def compiled_loss(given: Any, y_true: Any, y_pred: Any) -> keras.losses.Loss:
    """The loss that `compile` makes of what it is given: `keras.src.trainers.compile_utils`, seen in Keras 3.15.

    Args:
        given: Name, function or object.
        y_true: Targets, whose shape says which loss `"crossentropy"` is.
        y_pred: Predictions.
    """
    from keras.src.trainers import compile_utils

    return compile_utils.get_loss(given, y_true, y_pred)


def compiled_metric(given: Any, y_true: Any, y_pred: Any) -> keras.metrics.Metric:
    """The metric that `compile` makes of what it is given, with its name in the logs.

    Reads `keras.src.trainers.compile_utils`, seen in Keras 3.15.

    Args:
        given: Name, function or object.
        y_true: Targets, whose shape says which metric `"accuracy"` is; asked for nothing else.
        y_pred: Predictions.
    """
    from keras.src.trainers import compile_utils

    return compile_utils.get_metric(given, y_true, y_pred)


def compiled_accuracy(given: str) -> Callable[[Any, Any], keras.metrics.Metric]:
    """Tells which metric `compile` makes of `"accuracy"` for targets and predictions of some shapes.

    All that it may be are made at once: a metric made inside a graph has TensorFlow trace that graph twice.
    Reads `keras.src.trainers.compile_utils`, seen in Keras 3.15.

    Args:
        given: The name.
    """
    from keras.src.trainers import compile_utils

    one, several = np.zeros((1, 1)), np.zeros((1, 2))
    pairs = {"binary": (one, one), "sparse": (one, several), "categorical": (several, several)}
    made = {kind: compile_utils.get_metric(given, *pair) for kind, pair in pairs.items()}

    def chosen(y_true: Any, y_pred: Any) -> keras.metrics.Metric:
        binary, sparse = compile_utils.is_binary_or_sparse_categorical(y_true, y_pred)
        return made["binary" if binary else "sparse" if sparse else "categorical"]

    return chosen


# Callbacks


def callbacks_beside(callback: keras.callbacks.Callback) -> list[keras.callbacks.Callback]:
    """The other callbacks of the fit that calls a callback now, in their order; none where no fit does.

    Keras tells a callback nothing of the others: the list is that of the `CallbackList` among the callers, whose
    `callbacks` was seen in Keras 3.15.
    """
    frame: types.FrameType | None = sys._getframe()
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, keras.callbacks.CallbackList):
            return [one for one in getattr(caller, "callbacks", ()) if one is not callback]
        frame = frame.f_back
    return []


# Optimizers


class OptimizerHooks:
    """What an optimizer may override under public names, to stand before its Keras class among the bases.

    Keras' optimizers clip in `_clip_gradients` and decay in `_apply_weight_decay`, seen in Keras 3.15. Where
    they no longer call these, the tests of this file fail.
    """

    def clipped(self, gradients: list[Any]) -> list[Any]:
        """The gradients as `clipnorm`, `clipvalue` and `global_clipnorm` leave them."""
        return list(super()._clip_gradients(gradients))  # type: ignore[misc]

    def decay_weights(self, variables: list[keras.Variable]) -> None:
        """Applies the weight decay of an update."""
        super()._apply_weight_decay(variables)  # type: ignore[misc]

    def _clip_gradients(self, grads: list[Any]) -> list[Any]:
        return self.clipped(grads)

    def _apply_weight_decay(self, variables: list[keras.Variable]) -> None:
        self.decay_weights(variables)


def clip_gradients(optimizer: keras.optimizers.Optimizer, gradients: list[Any]) -> list[Any]:
    """Gradients as an optimizer's clipping leaves them: `BaseOptimizer._clip_gradients`, seen in Keras 3.15."""
    return list(_corner(optimizer, "_clip_gradients")(gradients))


def is_decayed(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> bool:
    """Whether weight decay counts for a variable: `BaseOptimizer._use_weight_decay`, seen in Keras 3.15."""
    return bool(_corner(optimizer, "_use_weight_decay")(variable))


def decay_exclusions(optimizer: keras.optimizers.Optimizer) -> list[str]:
    """The `var_names` that `exclude_from_weight_decay` was given, as one pattern; none where it was not called.

    Reads `BaseOptimizer._exclude_from_weight_decay_pattern`, seen in Keras 3.15.
    """
    pattern = getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    return [] if pattern is None else [pattern.pattern]


def slots(optimizer: keras.optimizers.Optimizer, name: str) -> list[keras.Variable]:
    """What an optimizer remembers of each variable, under the name that Keras 3.15 gives it."""
    return list(_corner(optimizer, name))


def given_learning_rate(optimizer: keras.optimizers.Optimizer) -> Any:
    """An optimizer's learning rate as a variable, or as the schedule or function that was given.

    Reads `BaseOptimizer._learning_rate`, seen in Keras 3.15; the public `learning_rate` gives a schedule's value.
    """
    return _corner(optimizer, "_learning_rate")


def update_counter(optimizer: keras.optimizers.Optimizer) -> keras.Variable:
    """The variable that counts an optimizer's calls: `BaseOptimizer._iterations`, seen in Keras 3.15.

    The public `iterations` is no variable where Keras accumulates gradients.
    """
    return _corner(optimizer, "_iterations")


def trained_variables(optimizer: keras.optimizers.Optimizer) -> list[keras.Variable]:
    """The variables that an optimizer was built for: `BaseOptimizer._trainable_variables`, seen in Keras 3.15."""
    return list(_corner(optimizer, "_trainable_variables"))


def variable_key(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> Any:
    """What stands for a variable in an optimizer's tables: `BaseOptimizer._var_key`, seen in Keras 3.15."""
    return _corner(optimizer, "_var_key")(variable)


def variable_place(optimizer: keras.optimizers.Optimizer, variable: keras.Variable) -> int:
    """The place of a variable among those of its optimizer: `BaseOptimizer._get_variable_index`, in Keras 3.15."""
    return int(_corner(optimizer, "_get_variable_index")(variable))


# The random state of the process


def keras_random_state() -> dict[str, Any]:
    """Keras' global seed and seed generator, by name: `keras.src.backend.common.global_state`, seen in Keras 3.15."""
    from keras.src.backend.common import global_state

    names = ("global_random_seed", "global_seed_generator")
    return {name: global_state.get_global_attribute(name) for name in names}


def set_keras_random_state(state: Mapping[str, Any]) -> None:
    """Gives Keras back what `keras_random_state` returned; seen in Keras 3.15."""
    from keras.src.backend.common import global_state

    for name, value in state.items():
        global_state.set_global_attribute(name, value)


def tensorflow_random_state() -> Any:
    """TensorFlow's global seed, and how far its own generator has drawn; `None` on another backend.

    Reads `_seed` and `_rng` of `tensorflow.python.eager.context`, seen in TensorFlow 2.21.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    from tensorflow.python.eager import context

    held = context.context()
    generator = getattr(held, "_rng", None)
    # No generator yet: TensorFlow makes it with the first draw.
    return _corner(held, "_seed"), generator and generator.getstate()


def set_tensorflow_random_state(state: Any) -> None:
    """Gives TensorFlow back what `tensorflow_random_state` returned; seen in TensorFlow 2.21."""
    if state is None:
        return
    from tensorflow.python.eager import context

    seed, drawn = state
    held = context.context()
    # First, since it makes a new generator, which then goes on where the old one was.
    _corner(held, "_set_global_seed")(seed)
    if drawn is not None:
        held._rng.setstate(drawn)


# What TensorFlow and tensorflow-datasets hold for the life of the process


def drop_step_gradients() -> int:
    """Drops from TensorFlow's gradient registry what Keras' traced training steps left there; returns how many.

    TensorFlow registers the gradient of each custom-gradient op that it traces under a name of its own, and
    with it keeps the whole graph for as long as the process lives (tensorflow issue 61791); every update of an
    optimizer holds one such op, the sum over replicas. A step whose tracing has ended has its gradients in it,
    so nobody will look for them; a step that another thread traces now is left alone. Reads `_registry` of
    `tensorflow.python.framework.ops.gradient_registry`, seen in TensorFlow 2.21, and knows a step by its name
    in Keras 3.15. Without these nothing is dropped.
    """
    from tensorflow.python.framework import ops

    registry: dict[str, Any] = getattr(ops.gradient_registry, "_registry", {})
    # A copy of the names: another thread may trace, and add some, meanwhile.
    named = [name for name in list(registry) if name.startswith("CustomGradient-")]
    dropped = [name for name in named if _is_of_traced_step(registry.get(name))]
    for name in dropped:
        registry.pop(name, None)  # another thread may have been here
    return len(dropped)


def _is_of_traced_step(entry: Any) -> bool:
    graph: Any = _graph_of(entry["type"]) if isinstance(entry, dict) and "type" in entry else None
    # A step's operations may be traced in graphs within its own, such as those of a loop.
    while hasattr(getattr(graph, "outer_graph", None), "outer_graph"):
        graph = graph.outer_graph
    # A graph has its outputs only once its tracing has ended.
    ended = getattr(graph, "structured_outputs", None) is not None
    return ended and str(getattr(graph, "name", "")).startswith(_STEPS)


def _graph_of(function: Any) -> Any:
    """The graph of the tensors that a function, or one that it calls, has enclosed; `None` where it has none."""
    waiting = [function]
    for _ in range(3):  # what is registered encloses what encloses the tensors
        held = [value for one in waiting for value in _enclosed(one)]
        flat = [one for value in held for one in keras.tree.flatten(value) if keras.ops.is_tensor(one)]
        graphs = [one.graph for one in flat if hasattr(one, "graph")]
        if graphs:
            return graphs[0]
        waiting = [value for value in held if hasattr(value, "__code__")]
    return None


def _enclosed(function: Any) -> list[Any]:
    cells: Sequence[Any] = getattr(function, "__closure__", None) or ()
    return [cell.cell_contents for cell in cells if cell != _EMPTY_CELL]


def frozen_function(function: Any) -> Any:
    """A concrete function with its variables and captured tensors inside as constants.

    `convert_variables_to_constants_v2` of TensorFlow 2.21, which has no public name; converters to other formats
    take captured tensors for inputs otherwise.

    Example:

    >>> import tensorflow as tf
    >>> weight = tf.Variable([2.0])
    >>> doubled = tf.function(lambda x: x * weight).get_concrete_function(tf.TensorSpec((None,)))
    >>> len(doubled.inputs), len(frozen_function(doubled).inputs)
    (2, 1)
    """
    from tensorflow.python.framework import convert_to_constants

    return _corner(convert_to_constants, "convert_variables_to_constants_v2")(function, lower_control_flow=False)


def mend_tf2onnx() -> None:
    """Has tf2onnx 1.17 work with numpy 2, as Keras' own export does: `patch_tf2onnx`, seen in Keras 3.15."""
    from keras.src.export import tf2onnx_lib

    with warnings.catch_warnings():
        # It asks for a name that numpy is about to give another meaning.
        warnings.simplefilter("ignore", FutureWarning)
        _corner(tf2onnx_lib, "patch_tf2onnx")()


def provide_datasets(builders: Mapping[str, type]) -> None:
    """Makes `tfds.load` know builders by name, ahead of its own; calling it again changes nothing.

    Reads `_DATASET_PROVIDER_REGISTRY` of `tensorflow_datasets.core.registered`, seen in tensorflow-datasets
    4.9; without it the builders are added again, which is harmless.
    """
    from tensorflow_datasets.core import registered

    class Provider(registered.DatasetBuilderProvider):
        given = builders

        def has_dataset(self, name: str) -> bool:
            return name in self.given

        def get_builder_cls(self, name: str) -> type:
            return self.given[name]

    known = getattr(registered, "_DATASET_PROVIDER_REGISTRY", [])
    if not any(getattr(provider, "given", None) is builders for provider in known):
        registered.add_dataset_builder_provider(Provider(), index=0)


# KerasTuner


def put_oracle(oracle: Any, directory: str, project_name: str) -> None:
    """Tells an oracle its folder, as a tuner does when it is made: `Oracle._set_project_dir`, KerasTuner 1.4.8."""
    _corner(oracle, "_set_project_dir")(directory, project_name)


@contextmanager
def silent_oracle(oracle: Any) -> Iterator[None]:
    """While the block runs the oracle writes no files and prints nothing; afterwards it is as it was.

    Replaces `Oracle.save`, `Oracle._save_trial` and the verbosity of `Oracle._display`, seen in KerasTuner 1.4.8.
    """
    with ExitStack() as stack:
        stack.enter_context(replaced(oracle, "save", lambda: None))
        stack.enter_context(replaced(oracle, "_save_trial", lambda trial: None))
        stack.enter_context(replaced(_corner(oracle, "_display"), "verbose", 0))
        yield


@contextmanager
def replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """An attribute of an object for a while; one that stood in the class alone stands there alone afterwards.

    Reads no corner itself; what is replaced is a habit of KerasTuner 1.4.8.
    """
    before = vars(owner).get(name, _ABSENT)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


def metrics_of_run(found: Any, objective: Any, where: str = "Tuner.run_trial()") -> dict[str, float]:
    """What a `run_trial` or `HyperModel.fit` returned, checked, as metrics by name.

    Calls `keras_tuner.src.engine.tuner_utils`, seen in KerasTuner 1.4.8, so that errors are those that its users know.
    """
    from keras_tuner.src.engine import tuner_utils

    tuner_utils.validate_trial_results(found, objective, where)
    return dict(tuner_utils.convert_to_metrics_dict(found, objective))


def best_step_of_run(found: Any, objective: Any) -> int:
    """The best epoch, from 0, of what a `run_trial` returned; of several the mean.

    Calls `keras_tuner.src.engine.tuner_utils.get_best_step`, seen in KerasTuner 1.4.8.
    """
    from keras_tuner.src.engine import tuner_utils

    return int(tuner_utils.get_best_step(found, objective))


def number_trial(oracle: Any, trial: Any) -> None:
    """Notes the number under which KerasTuner shows a trial: `Oracle._display.trial_number`, KerasTuner 1.4.8."""
    _corner(oracle, "_display").trial_number[trial.trial_id] = len(oracle.trials)


def boosted_trees(estimator: Any) -> Sequence[Sequence[Any]]:
    """The trees of each stage of a HistGradientBoosting: its `_predictors`, as seen in scikit-learn 1.9."""
    found: Sequence[Sequence[Any]] = _corner(estimator, "_predictors")
    return found


def is_plainly_trained(model: keras.Model) -> bool:
    """Whether a step of training is Keras' own, in a graph, on one device, and was made already.

    Reads `train_function` and `distribute_strategy` of the TensorFlow trainer, seen in Keras 3.15.
    """
    own = type(model).train_step is keras.Model.train_step and "train_step" not in vars(model)
    replicas = getattr(getattr(model, "distribute_strategy", None), "num_replicas_in_sync", 0)
    made = getattr(model, "train_function", None) is not None
    return own and made and replicas == 1 and not model.run_eagerly


def batches_of_fit(model: keras.Model, x: Any, y: Any, batch_size: int, sample_weight: Any = None) -> Iterator[Any]:
    """For each call of the model's `train_function` on these rows, in their order, what it takes.

    Made as `fit` makes them, so that the graph need not be traced anew: `TFEpochIterator`, seen in Keras 3.15.
    """
    from keras.src.backend.tensorflow.trainer import TFEpochIterator

    rows = len(keras.tree.flatten(x)[0])
    source = TFEpochIterator(
        x=x,
        y=y,
        sample_weight=sample_weight,
        batch_size=batch_size,
        shuffle=False,
        distribute_strategy=model.distribute_strategy,
        steps_per_execution=model.steps_per_execution,
    )
    batches = iter(_corner(source, "_distributed_dataset"))
    for _ in range(rows // batch_size // int(model.steps_per_execution)):
        yield batches
