"""Models of every form as signatures: nests of inputs and outputs, words, half precision, votes, own classes."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import trainwise as tw

L = keras.layers


def _rows(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@keras.saving.register_keras_serializable(package="tests")
class Own(keras.Model):
    """A class of the user's: the sum of two parts, and their difference."""

    def call(self, inputs):
        return {"sum": inputs["a"] + inputs["b"], "parts": [inputs["a"] - inputs["b"], inputs["b"]]}


def _served(report, signature="serving_default", **columns):
    answers = tf.saved_model.load(str(report.path)).signatures[signature](**columns)
    return {name: answer.numpy() for name, answer in answers.items()}


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """Words, whole numbers, steps of any number and names of any letters in; a nest of numbers and words out."""
    inputs = {
        "단어": keras.Input((1,), dtype="string", name="단어"),
        "rest": [keras.Input((None, 2)), keras.Input((2,), dtype="int32"), keras.Input((1,), dtype="float16")],
    }
    places = L.StringLookup(vocabulary=["Ulm", "Bonn"], num_oov_indices=1)(inputs["단어"])
    steps, whole, half = inputs["rest"]
    words = L.StringLookup(vocabulary=["Ulm", "Bonn"], invert=True)(places)
    outputs = {"city": words, "nest": [keras.ops.sum(steps, axis=1), whole], "twice (x)": half * 2}
    model = keras.Model(inputs, outputs)
    rows = {
        "단어": np.array([["Bonn"], ["Ulm"], ["Rom"]]),
        "rest": [_rows(3, 4, 2), np.array([[1, 2], [3, 4], [5, 6]]), np.array([[0.5], [1.0], [2.0]])],
    }

    def length(given):
        return keras.ops.sum(given["rest"][0] ** 2, axis=(1, 2))

    return rows, tw.export(model, tmp_path_factory.mktemp("mixed") / "m", rows, signatures={"squares": length})


def test_nests_words_and_odd_names_are_served_by_names_of_their_places(mixed):
    rows, report = mixed
    assert report.signatures["serving_default"] == report.signatures["serve"]
    assert report.signatures["serving_default"] == {
        "inputs": {
            "column___": "string (?, 1)",
            "rest_0": "float32 (?, ?, 2)",
            "rest_1": "int32 (?, 2)",
            "rest_2": "float32 (?, 1)",
        },
        "outputs": {
            "city": "string (?, 1)",
            "nest_0": "float32 (?, 2)",
            "nest_1": "int32 (?, 2)",
            "twice (x)": "float32 (?, 1)",
        },
    }
    steps, whole, half = rows["rest"]
    served = _served(
        report,
        column___=tf.constant(rows["단어"]),
        rest_0=tf.constant(steps),
        rest_1=tf.constant(whole, "int32"),
        rest_2=tf.constant(half, "float32"),
    )
    assert [word.decode() for word in served["city"].ravel()] == ["Bonn", "Ulm", "[UNK]"]
    np.testing.assert_allclose(served["nest_0"], steps.sum(axis=1), rtol=1e-5)
    np.testing.assert_array_equal(served["nest_1"], whole)
    np.testing.assert_array_equal(served["twice (x)"], 2 * half)


def test_the_proof_says_names_half_precision_and_lengths(mixed):
    said = " ".join(mixed[1].proof)
    assert "'단어' is column___" in said
    assert "other lengths of the axes" in said


def test_a_function_of_the_user_is_a_signature_of_its_own_and_proved_with_the_others(mixed):
    rows, report = mixed
    assert report.signatures["squares"]["outputs"] == {"squares": "float32 (?)"}
    served = _served(
        report,
        "squares",
        column___=tf.constant(rows["단어"]),
        rest_0=tf.constant(rows["rest"][0]),
        rest_1=tf.constant(rows["rest"][1], "int32"),
        rest_2=tf.constant(rows["rest"][2], "float32"),
    )
    np.testing.assert_allclose(served["squares"], (rows["rest"][0] ** 2).sum(axis=(1, 2)), rtol=1e-5)


def test_a_model_of_the_users_class_takes_the_shapes_of_the_rows(tmp_path):
    model, rows = Own(), {"b": _rows(5, 2, seed=1), "a": _rows(5, 2)}
    with pytest.raises(ValueError, match="'own' is not built"):
        tw.export(model, tmp_path, rows)
    model(rows)
    with pytest.raises(ValueError, match="'own' is a class of its own.*give `x`"):
        tw.export(model, tmp_path)
    report = tw.export(model, tmp_path / "own", rows)
    assert report.signatures["serving_default"]["inputs"] == {"a": "float32 (?, 2)", "b": "float32 (?, 2)"}
    served = _served(report, **{name: tf.constant(column) for name, column in rows.items()})
    np.testing.assert_allclose(served["sum"], rows["a"] + rows["b"], rtol=1e-6)
    np.testing.assert_allclose(served["parts_0"], rows["a"] - rows["b"], rtol=1e-6)


def test_a_vote_with_all_its_outputs_has_signatures_for_classes_and_for_doubt(tmp_path):
    keras.utils.set_random_seed(0)
    members = [keras.Sequential([keras.Input((2,), name="point"), L.Dense(3, "softmax")]) for _ in range(2)]
    vote, rows = tw.vote(members, output="all", uncertainty=True), _rows(20, 2)
    report = tw.export(vote, tmp_path / "vote", rows, classes=["a", "b", "c"])
    assert set(report.signatures) == {"serving_default", "serve", "classify", "uncertainty"}
    assert set(report.signatures["uncertainty"]["outputs"]) == {"entropy", "mutual_information", "disagreement"}
    # From the members' kernels alone.
    answers = []
    for member in members:
        kernel, bias = member.get_weights()
        powers = np.exp(rows @ kernel + bias)
        answers.append(powers / powers.sum(axis=1, keepdims=True))
    mean = np.mean(answers, axis=0)
    doubts = _served(report, "uncertainty", point=tf.constant(rows))
    np.testing.assert_allclose(doubts["entropy"], -(mean * np.log(mean)).sum(axis=1), rtol=1e-4)
    named = _served(report, "classify", point=tf.constant(rows))
    assert [word.decode() for word in named["class"]] == [["a", "b", "c"][k] for k in mean.argmax(axis=1)]


def test_half_precision_ends_at_the_door_and_has_steps_of_its_own(tmp_path):
    model = keras.Sequential(
        [keras.Input((64,)), *[L.Dense(64, "relu", dtype="mixed_float16") for _ in range(3)], L.Dense(2)]
    )
    report = tw.export(model, tmp_path / "half", _rows(8, 64))
    assert report.tolerance == 4 * 2.0**-10
    assert any("computes in float16; its signatures take and give float32" in line for line in report.proof)


def test_a_model_of_eight_bits_is_exported_as_it_predicts(tmp_path):
    model = keras.Sequential([keras.Input((16,)), L.Dense(8, "relu"), L.Dense(2)])
    with warnings.catch_warnings():
        # Keras tells of each layer that stays as it is.
        warnings.simplefilter("ignore")
        model.quantize("int8")
    assert tw.export(model, tmp_path / "int8", _rows(8, 16)).max_difference <= 1e-5


def _functional(function, *shapes, **options):
    inputs = [keras.Input(shape, **options) for shape in shapes]
    return keras.Model(inputs[0] if len(inputs) == 1 else inputs, function(*inputs))


def _refused(model, x, match, tmp_path, error=ValueError, **options):
    with pytest.raises(error, match=match):
        tw.export(model, tmp_path / "m", x, **options)
    assert not (tmp_path / "m").exists() or list((tmp_path / "m").iterdir()) == []


def test_inputs_that_no_signature_takes_are_refused(tmp_path):
    sparse = _functional(L.Dense(1), (4,), sparse=True)
    _refused(sparse, None, "is sparse, which no signature takes: give the model a dense Input", tmp_path)
    waves = _functional(keras.ops.real, (4,), dtype="complex64")
    _refused(waves, None, "is complex64, .*: give the model its real and its imaginary part as two", tmp_path)
    memory = keras.Sequential([keras.Input(batch_shape=(4, 3, 2)), L.GRU(2, stateful=True, name="memory")])
    _refused(memory, _rows(4, 3, 2), "'memory' is stateful: .*`stateful=False`; .*`return_state=True`", tmp_path)


def test_outputs_that_are_not_one_row_for_each_row_are_refused(tmp_path):
    mean = _functional(lambda t: keras.ops.mean(t, axis=0), (4,))
    _refused(mean, _rows(8, 4), r"has shape \(4,\) for 8 rows", tmp_path)
    splitting = L.TextVectorization(vocabulary=["a", "b"], ragged=True)
    ragged = _functional(splitting, (1,), dtype="string")
    _refused(ragged, np.array([["a b"], ["a"]]), "no plain array but RaggedTensor", tmp_path)


@pytest.mark.parametrize(
    ("x", "match"),
    [
        ({"a": _rows(3, 1)}, r"`x` must be a dictionary with b, got \['a'\]"),
        (_rows(3, 1), "`x` must be a dictionary with a, b, got ndarray"),
        ({"a": _rows(3, 1), "b": _rows(3, 5)}, r"of shape \(rows, 2\) for the input 'b', got shape \(3, 5\)"),
        ({"a": _rows(3, 1), "b": np.array([["x", "y"]])}, "`x` must hold numbers for the input 'b', got <U1"),
        ({"a": _rows(3, 1), "b": _rows(2, 2)}, "equally many rows for each input, got {'a': 3, 'b': 2}"),
        ({"a": [_rows(3, 1)], "b": [_rows(2, 2), _rows(2, 2)]}, "got shape|must be an array"),
        ({"a": tf.ragged.constant([[1.0], [2.0]]), "b": _rows(2, 2)}, "'a', got ragged: give `.to_tensor\\(\\)`"),
        (tf.data.Dataset.from_tensors(_rows(3, 1)), "got a data set: give one of its batches"),
    ],
)
def test_rows_that_a_model_does_not_take_are_refused_by_the_name_of_the_input(x, match, tmp_path):
    inputs = {"a": keras.Input((1,), name="a"), "b": keras.Input((2,), name="b")}
    model = keras.Model(inputs, L.Concatenate()(list(inputs.values())))
    _refused(model, x, match, tmp_path)


def test_rows_of_another_form_are_refused(tmp_path):
    several = _functional(lambda a, b: L.Concatenate()([a, b]), (1,), (1,))
    _refused(several, [_rows(3, 1)], "`x` must be a list of 2 parts, got 1", tmp_path)
    single = _functional(L.Dense(1), (1,))
    _refused(single, {"a": _rows(3, 1)}, r"must be a dictionary with inputs|must be an array", tmp_path)
    words = _functional(L.StringLookup(vocabulary=["a"]), (1,), dtype="string")
    _refused(words, _rows(3, 1), "`x` must hold words for the input 'inputs', got float32", tmp_path)
    model = Own()
    model({"a": _rows(3, 2), "b": _rows(3, 2)})
    _refused(model, {"a": 1.0, "b": 2.0}, "at least one row, got 1.0", tmp_path)
    _refused(model, {"a": _rows(3, 2), "c": _rows(3, 2)}, "'own.*' cannot answer these rows .*: KeyError", tmp_path)


def test_signatures_that_cannot_be_are_refused(flowers, tmp_path):
    model, rows, _ = flowers
    _refused(model, rows, "must be a dictionary of functions, got list", tmp_path, TypeError, signatures=[print])
    _refused(model, rows, "names of their own, none of .*, got 'serve'", tmp_path, signatures={"serve": model})
    _refused(model, rows, r"`signatures\['a'\]` must be a function, got int", tmp_path, TypeError, signatures={"a": 3})
    _refused(model, rows, "The signature 'a' fails on the rows of `x`: ", tmp_path, signatures={"a": lambda x: x @ x})
    total = {"a": keras.ops.sum}
    _refused(model, rows, r"'a' gives 'a' of shape \(\) for 32 rows", tmp_path, signatures=total)
    _refused(model, rows, "`card` must be a dictionary, got", tmp_path, TypeError, card=[1])
    whole = _functional(lambda t: t, (2,), dtype="int32")
    _refused(whole, np.ones((3, 2)), "name the columns of probabilities, got", tmp_path, classes=["a", "b"])


def test_a_model_that_calls_python_is_refused_before_it_is_tried(tmp_path):
    def doubled(tensor):
        return tf.numpy_function(lambda array: array * 2, [tensor], tf.float32)

    model = _functional(L.Lambda(doubled, output_shape=(2,)), (2,))
    _refused(model, _rows(3, 2), r"calls Python inside \(PyFunc\)", tmp_path, tw.ExportRefusedError)


def test_a_layer_that_works_on_values_alone_is_refused_in_words(tmp_path):
    class Eager(L.Layer):
        def call(self, inputs):
            return inputs * float(inputs[0, 0])

        def compute_output_spec(self, inputs):
            return keras.KerasTensor(inputs.shape, inputs.dtype)

    model = _functional(Eager(), (2,))
    model.compile(run_eagerly=True)
    _refused(model, _rows(3, 2), "cannot be traced as a graph: ", tmp_path, tw.ExportRefusedError)


def test_a_model_whose_rows_depend_on_one_another_is_told_so(tmp_path):
    centred = _functional(lambda t: t - keras.ops.mean(t, axis=0, keepdims=True), (2,))
    match = "The model itself answers a row differently when it is alone"
    _refused(centred, _rows(3, 2), match, tmp_path, tw.ExportRefusedError)
