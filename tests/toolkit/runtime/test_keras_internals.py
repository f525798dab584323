"""The private corners that are read: each is where it was seen, and nobody else reads one."""

import ast
import gc
import subprocess
import sys
import weakref
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from sklearn.ensemble import HistGradientBoostingRegressor

import trainwise
from trainwise.toolkit.runtime import keras_internals as internals

# A subclass of KerasTuner's Gaussian process calls what it inherits, and has nobody else to call it for it.
INHERITED = {
    ("tuning/searching/oracles.py", name)
    for name in ("_vectorize_trials", "_duplicate", "_random_populate_space", "_vector_to_values", "_nonfixed_space")
}
# Python's documented way to end a process from a thread, or before its threads are gone, for all its name.
INHERITED |= {
    (file, "_exit") for file in ("tuning/searching/workers.py", "__main__.py", "toolkit/saving/fresh_process.py")
}
_BY_NAME = ("getattr", "hasattr", "setattr", "_corner")
FOLDER = Path(trainwise.__file__).parent


def _compiled(**arguments):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="d")])
    model.compile("sgd", "mse", **arguments)
    return model


# Models, layers and tensors


def test_layers_at_any_depth_are_found_once_as_keras_3_15_tracks_them():
    deep, shared = keras.layers.Dense(2, name="deep"), keras.layers.Dense(2, name="shared")
    inner = keras.Sequential([keras.Input((2,)), deep], name="inner")
    x = keras.Input((2,))
    model = keras.Model(x, shared(keras.layers.TimeDistributed(shared, name="wrapper")(inner(shared(x))[:, None])))
    found = [layer.name for layer in internals.flat_layers(model)]
    assert {"inner", "deep", "shared", "wrapper"} <= set(found)
    assert len(found) == len(set(found))
    assert model.name not in found


def test_a_functional_model_is_walked_as_keras_3_15_runs_its_graph():
    x = keras.Input((2,))
    branch = keras.layers.Dense(2, name="first")(x)
    model = keras.Model(x, keras.layers.Add(name="sum")([branch, x]))
    seen = []

    def call(operation, *args, **kwargs):
        seen.append(operation.name)
        return operation(*args, **kwargs)

    rows = np.ones((3, 2), "float32")
    answer = internals.walked(model, ops.convert_to_tensor(rows), call)
    assert seen == ["first", "sum"]
    kernel, bias = model.get_weights()
    np.testing.assert_allclose(answer, rows @ kernel + bias + rows, rtol=1e-6)


def test_functional_models_are_told_from_others_in_keras_3_15():
    class Written(keras.Model):
        pass

    x = keras.Input((2,))
    assert internals.is_functional(keras.Model(x, keras.layers.Dense(1)(x)))
    assert not internals.is_functional(Written())
    assert not internals.is_functional(keras.layers.Dense(1))


def test_the_operation_and_the_inputs_of_a_symbolic_tensor_are_those_of_keras_3_15():
    a, b = keras.Input((2,)), keras.Input((2,))
    add = keras.layers.Add()
    first, second = add([a, b]), add([b, b])
    assert internals.source_operation(second) is add
    assert [tensor is b for tensor in internals.source_inputs(second)] == [True, True]
    assert internals.source_inputs(first)[0] is a


def test_symbolic_calls_are_counted_as_keras_3_15_notes_them():
    layer = keras.layers.Dense(2)
    assert internals.symbolic_calls(layer) == []
    x = keras.Input((2,))
    outputs = [layer(x), layer(x)]
    assert [id(node.output_tensors[0]) for node in internals.symbolic_calls(layer)] == [id(y) for y in outputs]
    layer(np.ones((1, 2)))
    assert len(internals.symbolic_calls(layer)) == 2


def test_layers_that_take_training_are_known_in_keras_3_15():
    class Told(keras.layers.Layer):
        def call(self, inputs, training=False):
            return inputs

    class Untold(keras.layers.Layer):
        def call(self, inputs):
            return inputs

    assert internals.takes_training(Told())
    assert not internals.takes_training(Untold())
    x = keras.Input((2,))
    assert not internals.takes_training(internals.source_operation(ops.relu(x)))


def test_autocasting_is_read_from_a_variable_of_keras_3_15():
    assert internals.autocasts(keras.Variable([1.0]))
    assert not internals.autocasts(keras.Variable([1.0], autocast=False))


def test_masks_are_noted_where_keras_3_15_looks_for_them():
    embedded = keras.layers.Embedding(3, 2, mask_zero=True)(np.array([[1, 0]]))
    assert np.asarray(internals.mask_of(embedded)).tolist() == [[True, False]]
    plain = ops.convert_to_tensor(np.ones((1, 2, 2), "float32") * [[[1.0], [5.0]]])
    assert internals.mask_of(plain) is None
    internals.note_mask(plain, ops.convert_to_tensor([[True, False]]))
    assert np.asarray(keras.layers.GlobalAveragePooling1D()(plain)).tolist() == [[1.0, 1.0]]


def test_logits_are_noted_where_keras_3_15_looks_for_them():
    # A probability that float32 rounds to 0 has a finite loss only where the logits are known.
    logits = ops.convert_to_tensor([[200.0, 0.0]])
    noted = keras.activations.softmax(logits)
    assert np.asarray(internals.logits_of(noted)).tolist() == [[200.0, 0.0]]
    plain = ops.convert_to_tensor([[1.0, 0.0]])
    assert internals.logits_of(plain) is None
    internals.note_logits(plain, logits)
    assert float(keras.losses.sparse_categorical_crossentropy(np.array([1]), plain)[0]) == pytest.approx(200.0)


def test_an_initializer_that_was_given_no_seed_is_known_in_keras_3_15():
    assert internals.drew_its_seed(keras.initializers.GlorotUniform())
    assert not internals.drew_its_seed(keras.initializers.GlorotUniform(seed=3))
    assert not internals.drew_its_seed(keras.initializers.Zeros())
    assert not internals.drew_its_seed(lambda shape, dtype: None)


# What a model was compiled with


def test_arguments_of_compile_come_back_as_they_were_given_in_keras_3_15():
    def loss(y_true, y_pred):
        return ops.mean(y_true - y_pred)

    model = _compiled()
    model.compile("adam", loss, metrics=["mae"])
    settings = internals.compiled_with(model)
    assert settings["loss"] is loss
    assert settings["metrics"] == ["mae"]
    assert settings["optimizer"] is model.optimizer
    assert internals.compiled_with(keras.Sequential([keras.layers.Dense(1)])) == {}


def test_the_trackers_of_a_loss_of_several_outputs_are_found_in_keras_3_15():
    x = keras.Input((2,))
    model = keras.Model(x, [keras.layers.Dense(1, name="a")(x), keras.layers.Dense(1, name="b")(x)])
    assert internals.loss_trackers(model) == []
    model.compile("sgd", ["mse", "mse"])
    model.train_on_batch(np.ones((4, 2)), [np.ones((4, 1)), np.ones((4, 1))])
    assert [metric.name for metric in internals.loss_trackers(model)] == ["a_loss", "b_loss"]


def test_the_function_of_a_metric_is_found_with_its_settings_in_keras_3_15():
    function = internals.metric_function(keras.metrics.BinaryAccuracy(threshold=0.75))
    assert np.asarray(function(np.array([[1.0], [1.0]]), np.array([[0.7], [0.8]]))).ravel().tolist() == [0.0, 1.0]
    assert internals.metric_function(keras.metrics.AUC()) is None


def test_losses_and_metrics_are_those_that_compile_makes_in_keras_3_15():
    y, p = np.array([0, 1]), np.array([[0.5, 0.5], [0.25, 0.75]])
    loss = internals.compiled_loss("crossentropy", y, p)
    assert float(loss(y, p)) == pytest.approx(-(np.log(0.5) + np.log(0.75)) / 2, rel=1e-6)
    metric = internals.compiled_metric("accuracy", y, p)
    assert (type(metric), metric.name) == (keras.metrics.SparseCategoricalAccuracy, "accuracy")
    assert internals.compiled_metric(lambda y, p: y - p, None, None).name == "lambda"


@pytest.mark.parametrize(
    ("y", "p"), [((4,), (4, 1)), ((4, 1), (4, 1)), ((4,), (4, 3)), ((4, 1), (4, 3)), ((4, 3), (4, 3))]
)
def test_accuracy_is_what_a_model_compiled_with_it_measures_in_keras_3_15(y, p):
    rng = np.random.default_rng(0)
    targets, answers = rng.integers(0, 2, y), rng.random(p)
    model = keras.Sequential([keras.Input(p[1:]), keras.layers.Identity()])
    model.compile(loss=lambda y, p: ops.mean(p), metrics=["acc"], run_eagerly=True)
    metric = internals.compiled_accuracy("acc")(targets, answers)
    metric.update_state(targets, answers)
    measured = model.evaluate(answers, targets, verbose=0, return_dict=True)["acc"]
    assert (metric.name, float(metric.result())) == ("acc", pytest.approx(measured))


# Callbacks


def test_a_callback_sees_those_beside_it_in_the_fit_of_keras_3_15():
    seen = []
    look = keras.callbacks.LambdaCallback(on_train_begin=lambda logs: seen.append(internals.callbacks_beside(look)))
    other = keras.callbacks.TerminateOnNaN()
    _compiled().fit(np.ones((2, 2)), np.ones((2, 1)), callbacks=[look, other], verbose=0)
    assert [type(one).__name__ for one in seen[0]] == ["TerminateOnNaN", "History"]
    assert internals.callbacks_beside(look) == []


# Optimizers


class _Hooked(internals.OptimizerHooks, keras.optimizers.SGD):
    def clipped(self, gradients):
        self.seen = [ops.convert_to_numpy(g).tolist() for g in gradients]
        return [gradient * 0.5 for gradient in super().clipped(gradients)]

    def decay_weights(self, variables):
        for variable in variables:
            variable.assign(variable - 10.0)


def test_keras_3_15_clips_and_decays_through_the_public_hooks():
    weight = keras.Variable([1.0])
    optimizer = _Hooked(0.1, clipvalue=2.0, weight_decay=0.5)
    optimizer.apply([ops.array([4.0])], [weight])
    assert optimizer.seen == [[4.0]]
    assert float(weight[0]) == pytest.approx(1.0 - 10.0 - 0.1 * 0.5 * 2.0)


def test_the_hooks_left_alone_change_nothing_in_keras_3_15():
    class Plain(internals.OptimizerHooks, keras.optimizers.SGD):
        pass

    weights = []
    for kind in (Plain, keras.optimizers.SGD):
        weight = keras.Variable([1.0, 2.0])
        kind(0.1, clipnorm=1.0, weight_decay=0.5).apply([ops.array([3.0, 4.0])], [weight])
        weights.append(ops.convert_to_numpy(weight).tolist())
    assert weights[0] == weights[1]
    assert weights[0] == pytest.approx([0.95 - 0.06, 1.9 - 0.08])


def test_gradients_are_clipped_by_the_global_norm_as_in_keras_3_15():
    clipped = internals.clip_gradients(keras.optimizers.SGD(global_clipnorm=1.0), [ops.array([3.0]), ops.array([4.0])])
    assert [float(one[0]) for one in clipped] == pytest.approx([0.6, 0.8])


def test_exclusions_from_weight_decay_are_read_in_keras_3_15():
    weight, bias = keras.Variable([1.0], name="weight"), keras.Variable([1.0], name="bias")
    optimizer = keras.optimizers.AdamW(weight_decay=0.1)
    assert internals.decay_exclusions(optimizer) == []
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build([weight, bias])
    assert [internals.is_decayed(optimizer, one) for one in (weight, bias)] == [True, False]
    other = keras.optimizers.AdamW(weight_decay=0.1)
    other.exclude_from_weight_decay(var_names=internals.decay_exclusions(optimizer))
    assert [internals.is_decayed(other, one) for one in (weight, bias)] == [True, False]


def test_the_learning_rate_is_the_variable_or_the_schedule_of_keras_3_15():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 10, 0.9)
    assert internals.given_learning_rate(keras.optimizers.SGD(schedule)) is schedule
    optimizer = keras.optimizers.SGD(0.5)
    internals.given_learning_rate(optimizer).assign(0.25)
    assert float(optimizer.learning_rate) == 0.25


def test_the_counter_of_updates_counts_each_call_in_keras_3_15():
    optimizer, weight = keras.optimizers.SGD(0.1, gradient_accumulation_steps=2), keras.Variable([1.0])
    for _ in range(3):
        optimizer.apply([ops.array([1.0])], [weight])
    assert int(internals.update_counter(optimizer).value) == 3
    assert int(optimizer.iterations) == 1


def test_the_variables_of_an_optimizer_and_their_places_are_those_it_was_built_for_in_keras_3_15():
    first, second = keras.Variable([1.0]), keras.Variable([2.0])
    optimizer = keras.optimizers.SGD(momentum=0.9)
    optimizer.build([first, second])
    assert [id(one) for one in internals.trained_variables(optimizer)] == [id(first), id(second)]
    assert [internals.variable_place(optimizer, one) for one in (first, second)] == [0, 1]
    keys = {internals.variable_key(optimizer, one): one for one in (first, second)}
    assert keys[internals.variable_key(optimizer, second)] is second


# The random state of the process


def test_keras_3_15_draws_on_where_its_random_state_is_given_back():
    keras.utils.set_random_seed(5)
    keras.random.normal(())
    state = internals.keras_random_state()
    # The generator counts in a variable, so what is given back is the generator itself.
    generator = state["global_seed_generator"]
    keras.utils.set_random_seed(6)
    keras.random.normal(())
    assert internals.keras_random_state()["global_seed_generator"] is not generator
    internals.set_keras_random_state(state)
    expected = [keras.random.normal((), seed=None).numpy() for _ in range(2)]
    keras.utils.set_random_seed(5)
    assert [keras.random.normal((), seed=None).numpy() for _ in range(3)][1:] == expected


def test_tensorflow_2_21_draws_on_where_its_random_state_is_given_back():
    import tensorflow as tf

    tf.random.set_seed(5)
    tf.random.normal(())
    state = internals.tensorflow_random_state()
    expected = [float(tf.random.normal(())) for _ in range(2)]
    tf.random.set_seed(6)
    tf.random.normal(())
    internals.set_tensorflow_random_state(state)
    assert [float(tf.random.normal(())) for _ in range(2)] == expected


def test_another_backend_has_no_state_of_tensorflow():
    code = (
        "import os; os.environ['KERAS_BACKEND'] = 'jax'\n"
        "from trainwise.toolkit.runtime import keras_internals as internals\n"
        "state = internals.tensorflow_random_state(); internals.set_tensorflow_random_state(state); print(state)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "None\n", done.stderr


# What TensorFlow and tensorflow-datasets hold for the life of the process


def test_the_graphs_of_training_steps_are_let_go_of_in_tensorflow_2_21():
    import tensorflow as tf

    internals.drop_step_gradients()
    # TensorFlow writes the gradient of swish itself, beside that of the sum over replicas.
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, "silu")])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)

    def graphs():
        return [weakref.ref(one) for one in gc.get_objects() if type(one).__name__ == "FuncGraph"]

    assert any("train" in one().name or "step" in one().name for one in graphs())
    assert internals.drop_step_gradients() >= 2
    assert internals.drop_step_gradients() == 0
    before = len(graphs())
    del model
    keras.backend.clear_session()
    tf.keras.backend.clear_session()
    gc.collect()
    assert len(graphs()) < before


def test_gradients_that_somebody_wrote_stay_and_a_dropped_step_trains_on_in_tensorflow_2_21():
    import tensorflow as tf

    @tf.custom_gradient
    def doubled(x):
        return x, lambda upstream: 7.0 * upstream

    @tf.function
    def called(x):
        return doubled(x)

    model = _compiled()
    x = tf.constant(1.0)
    called(x)
    model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
    internals.drop_step_gradients()
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = called(x)
    assert float(tape.gradient(y, x)) == 7.0
    history = model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, epochs=2, verbose=0).history["loss"]
    assert history[1] < history[0]


def test_builders_are_found_by_name_and_provided_once_in_tensorflow_datasets_4_9():
    code = (
        "import sys; from trainwise.toolkit.runtime.keras_internals import provide_datasets\n"
        "assert not {'keras_tuner', 'tensorflow_datasets'} & set(sys.modules)\n"
        "import tensorflow_datasets as tfds\n"
        "before = len(tfds.core.registered._DATASET_PROVIDER_REGISTRY)\n"
        "given = {'of_ours': dict}\n"
        "provide_datasets(given); provide_datasets(given)\n"
        "print(len(tfds.core.registered._DATASET_PROVIDER_REGISTRY) - before, tfds.builder_cls('of_ours'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "1 <class 'dict'>\n", done.stderr


# The file itself


def test_a_corner_that_is_gone_is_an_error_that_says_which_version_had_it():
    with pytest.raises(
        internals.MissingCornerError, match=r"object has no `_flatten_layers`.*it was there in Keras 3\.15"
    ):
        internals.flat_layers(object())


def _private(name):
    return name.startswith("_") and not name.startswith("__")


def _written(trees):
    """Private names that the package itself writes: its functions, classes, arguments and own attributes."""
    names = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
                names |= {node.attr} if own else set()
    return names


def _foreign_corners(tree, written):
    """Private modules that are imported, and private attributes that the package did not write."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            private = ("keras.src", "keras_tuner.src", "tensorflow.python", "tensorflow_datasets.core")
            yield from (name for name in named if name.startswith(private))
        elif isinstance(node, ast.Attribute) and _private(node.attr) and node.attr not in written:
            yield node.attr
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in _BY_NAME:
            for name in node.args[1:2]:
                if isinstance(name, ast.Constant) and _private(str(name.value)) and name.value not in written:
                    yield name.value


def test_no_other_file_reads_a_private_corner():
    files = {path: ast.parse(path.read_text()) for path in sorted(FOLDER.rglob("*.py"))}
    own = FOLDER / "toolkit/runtime/keras_internals.py"
    written = _written(tree for path, tree in files.items() if path != own)
    found = {
        (str(path.relative_to(FOLDER)), corner)
        for path, tree in files.items()
        for corner in _foreign_corners(tree, written)
        if path != own and (str(path.relative_to(FOLDER)), corner) not in INHERITED
    }
    assert found == set()
    assert {"_flatten_layers", "_compile_config", "_keras_mask"} <= set(_foreign_corners(files[own], written))


def test_each_function_says_in_which_version_its_corner_was_seen():
    for name, function in vars(internals).items():
        own = getattr(function, "__module__", "") == internals.__name__ and not name.startswith("_")
        if own and name != "MissingCornerError":
            versions = ("Keras 3.15", "TensorFlow 2.21", "KerasTuner 1.4.8", "\n    4.9", "scikit-learn 1.9")
            assert any(word in function.__doc__ for word in versions), name


def test_a_metric_says_which_way_is_better_as_seen_in_keras_3_15():
    assert internals.direction_of(keras.metrics.R2Score()) == "up"
    assert internals.direction_of(keras.metrics.MeanAbsoluteError()) == "down"
    assert internals.direction_of(keras.metrics.Mean()) is None


def test_a_layers_own_weights_leave_out_those_of_layers_in_it_as_seen_in_keras_3_15():
    dense = keras.layers.Dense(2)
    wrapper = keras.layers.TimeDistributed(dense)
    wrapper(np.ones((1, 3, 4)))
    assert internals.own_weights(wrapper) == []
    assert [tuple(w.shape) for w in internals.own_weights(dense)] == [(4, 2), (2,)]


def test_an_oracle_is_silent_for_a_while_and_then_as_it_was_as_seen_in_kerastuner_1_4_8(tmp_path, capsys):
    space = keras_tuner.HyperParameters()
    space.Int("units", 1, 9)
    oracle = keras_tuner.oracles.RandomSearchOracle(objective="val_loss", max_trials=3, hyperparameters=space, seed=1)
    internals.put_oracle(oracle, str(tmp_path), "project")
    before = dict(vars(oracle))

    def one_trial():
        trial = oracle.create_trial("worker")
        oracle.update_trial(trial.trial_id, {"val_loss": 0.5})
        trial.status = "COMPLETED"
        oracle.end_trial(trial)

    with internals.silent_oracle(oracle):
        one_trial()
    assert list((tmp_path / "project").rglob("*.json")) == [] and capsys.readouterr().out == ""
    assert set(vars(oracle)) == set(before) and oracle._display.verbose == 1
    one_trial()
    assert list((tmp_path / "project").rglob("trial.json")) and "val_loss" in capsys.readouterr().out


def test_an_attribute_is_put_back_after_an_error_too():
    class Owner:
        kind = "class"

    owner = Owner()
    with pytest.raises(RuntimeError, match="in the block"), internals.replaced(owner, "kind", "own"):
        assert owner.kind == "own"
        raise RuntimeError("in the block")
    assert vars(owner) == {} and owner.kind == "class"


def test_what_a_run_returned_becomes_metrics_as_seen_in_kerastuner_1_4_8():
    objective = keras_tuner.Objective("val_loss", "min")
    assert internals.metrics_of_run(0.5, objective) == {"val_loss": 0.5}
    assert internals.metrics_of_run({"val_loss": 0.25, "other": 1.0}, objective)["val_loss"] == 0.25
    with pytest.raises(keras_tuner.errors.FatalTypeError, match=r"run_trial\(\)"):
        internals.metrics_of_run("half", objective)


def test_the_best_epoch_of_a_run_and_the_number_of_a_trial_are_as_seen_in_kerastuner_1_4_8():
    objective = keras_tuner.Objective("val_loss", "min")
    runs = []
    for losses in ([3.0, 1.0, 2.0], [3.0, 2.0, 1.0, 0.5]):
        runs.append(keras.callbacks.History())
        runs[-1].history = {"val_loss": losses}
    assert internals.best_step_of_run(runs[0], objective) == 1
    assert internals.best_step_of_run(runs, objective) == 2
    oracle = keras_tuner.oracles.RandomSearchOracle(objective, max_trials=3)
    oracle.trials["0"] = trial = keras_tuner.engine.trial.Trial(keras_tuner.HyperParameters(), "0")
    internals.number_trial(oracle, trial)
    assert oracle._display.trial_number == {"0": 1}


def test_the_arguments_of_a_loss_are_those_it_was_made_with_as_seen_in_keras_3_15():
    assert internals.function_arguments(keras.losses.Huber(delta=3.0))["delta"] == 3.0
    assert internals.function_arguments(object()) == {}


def test_the_batches_of_a_running_fit_are_described_as_seen_in_keras_3_15():
    class Iterator:
        _distributed_dataset = tf.data.Dataset.from_tensors((1.0, 2, 3.0))

    assert len(internals.elements_of(Iterator())) == 3
    assert internals.elements_of(None) is None


def test_losses_that_a_layer_added_in_its_last_call_are_seen_as_in_keras_3_15():
    layer = keras.layers.Dense(1, activity_regularizer="l2")
    model = keras.Sequential([keras.Input((2,)), layer])
    model(np.ones((1, 2)))
    assert internals.adds_losses(model)
    assert not internals.adds_losses(keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]))


def test_calls_on_symbolic_tensors_are_forgotten_as_seen_in_keras_3_15():
    layer = keras.layers.Dense(1)
    layer(keras.Input((2,)))
    with internals.calls_forgotten([layer]):
        layer(keras.Input((2,)))
        assert len(internals.symbolic_calls(layer)) == 2
    assert len(internals.symbolic_calls(layer)) == 1


def test_a_dataset_is_followed_back_to_before_its_shuffling_as_seen_in_tensorflow_2_21():
    rows = tf.data.Dataset.range(9)
    assert internals.before_shuffling(rows.shuffle(3).batch(2)) is rows
    mapped = rows.map(lambda row: row)
    assert internals.before_shuffling(mapped) is mapped
    assert internals.before_shuffling(mapped.shuffle(3).map(lambda row: row)) is None


def test_batches_go_into_the_train_function_as_fit_hands_them_as_seen_in_keras_3_15():
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")])
    model.compile(keras.optimizers.SGD(0.0), "mse", steps_per_execution=2)
    assert not internals.is_plainly_trained(model)
    x = np.arange(8.0)[:, None].astype("float32")
    model.fit(x, x, batch_size=2, epochs=1, verbose=0)
    assert internals.is_plainly_trained(model)
    model.reset_metrics()
    losses = [float(model.train_function(batches)["loss"]) for batches in internals.batches_of_fit(model, x, x, 2)]
    # Means of the squares of 0 to 3, and of 0 to 7.
    assert losses == pytest.approx([14 / 4, 140 / 8])
    model.train_step = model.train_step
    assert not internals.is_plainly_trained(model)


def test_all_rows_of_arrays_have_the_types_that_fit_hands_over_as_seen_in_keras_3_15():
    seen = []

    class Seeing(keras.Model):
        def train_step(self, data):
            seen.append(data)
            return {"loss": 0.0}

    model = Seeing()
    model.compile("sgd", "mse", run_eagerly=True)
    x, y = {"a": np.arange(6.0).reshape(3, 2), "b": np.arange(3, dtype="uint8")}, np.array([0, 1, 1])
    given = {"x": x, "y": y, "class_weight": {0: 1.0, 1: 4.0}}
    model.fit(**given, batch_size=3, shuffle=False, verbose=0)
    ours = internals.tensors_of_arrays(x, y, None, given["class_weight"])
    for handed, own in zip(keras.tree.flatten(seen[0]), keras.tree.flatten(ours), strict=True):
        assert handed.dtype == own.dtype
        np.testing.assert_array_equal(handed, own)


def test_the_slots_of_an_optimizer_are_named_as_seen_in_keras_3_15():
    optimizer = keras.optimizers.Lamb()
    optimizer.build([keras.Variable([0.0, 0.0])])
    assert [slot.shape for slot in internals.slots(optimizer, "_momentums")] == [(2,)]


def test_the_trees_of_histogram_boosting_are_found_as_seen_in_scikit_learn_1_9():
    boosting = HistGradientBoostingRegressor(max_iter=3).fit(np.arange(40.0)[:, None], np.arange(40.0))
    stages = internals.boosted_trees(boosting)
    assert len(stages) == 3 and stages[0][0].nodes["is_leaf"].any()


def test_a_function_is_frozen_with_what_it_captured_as_seen_in_tensorflow_2_21():
    weight, shift = tf.Variable([2.0]), tf.constant([3.0])
    concrete = tf.function(lambda x: x * weight + shift).get_concrete_function(tf.TensorSpec((None,)))
    frozen = internals.frozen_function(concrete)
    assert len(concrete.inputs) > len(frozen.inputs) == 1
    # What it was is inside: later values are not seen.
    weight.assign([9.0])
    np.testing.assert_array_equal(frozen(tf.constant([1.0, 2.0]))[0], [5.0, 7.0])


def test_the_mended_converter_folds_constants_with_numpy_2_as_seen_in_keras_3_15():
    tf2onnx = pytest.importorskip("tf2onnx", reason="pip install trainwise[onnx]")
    internals.mend_tf2onnx()
    spec = tf.TensorSpec((None, 2), name="x")
    function = tf.function(lambda x: tf.concat([x, x[:, :1]], 1), input_signature=[spec], autograph=False)
    proto, _ = tf2onnx.convert.from_function(function, [spec])
    assert [one.name for one in proto.graph.input] == ["x"]
