import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import VotingClassifier
from sklearn.preprocessing import LabelEncoder

import trainwise as tw
from trainwise.toolkit.metrics import vote_arithmetic


def _member(units=3, end="softmax", seed=0, name="member", inputs=4, hidden=5):
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((inputs,)), keras.layers.Dense(hidden, "tanh", name="h"), keras.layers.Dense(units, end)]
    return keras.Sequential(layers, name=name)


def _rows(count=200, width=4, seed=5):
    return np.random.default_rng(seed).normal(size=(count, width)).astype("float32") * 2


class _Told(ClassifierMixin, BaseEstimator):
    """A classifier that answers a table: row i for the input i."""

    def __init__(self, table):
        self.table = table
        self.classes_ = np.arange(table.shape[1])

    def predict_proba(self, x):
        return self.table[x[:, 0].astype(int)]

    def predict(self, x):
        return self.predict_proba(x).argmax(axis=1)


def _scikit(tables, how, weights):
    vote = VotingClassifier([(str(k), _Told(table)) for k, table in enumerate(tables)], voting=how, weights=weights)
    vote.estimators_ = [_Told(table) for table in tables]
    vote.le_ = LabelEncoder().fit(np.arange(tables.shape[2]))
    vote.classes_ = vote.le_.classes_
    return vote


def _tables(seed, members, rows, classes, steps):
    """Probabilities on a grid, so that votes and means tie often."""
    counts = np.random.default_rng(seed).multinomial(steps, np.full(classes, 1 / classes), size=(members, rows))
    return (counts / steps).astype("float32")


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 5), st.booleans())
@settings(max_examples=40, deadline=None)
def test_votes_equal_those_of_scikit_learn_on_tied_data(seed, members, classes, weighted):
    tables = _tables(seed, members, 30, classes, steps=4)
    weights = [1, 2, 4, 3, 5, 2][:members] if weighted else None
    shares = vote_arithmetic.checked_weights(weights, members)
    rows = np.arange(30)[:, None]
    first = vote_arithmetic.hard([ops.array(t) for t in tables], shares, "classes", "first")
    np.testing.assert_array_equal(
        ops.convert_to_numpy(vote_arithmetic.labels(first, "classes")), _scikit(tables, "hard", weights).predict(rows)
    )
    mean = ops.convert_to_numpy(vote_arithmetic.soft([ops.array(t) for t in tables], shares))
    np.testing.assert_allclose(mean, _scikit(tables, "soft", weights).predict_proba(rows), atol=1e-6)


@given(st.integers(0, 10_000), st.integers(1, 7), st.booleans())
@settings(max_examples=40, deadline=None)
def test_the_median_is_numpys_or_the_weighted_one_by_its_definition(seed, members, weighted):
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(members, 9, 2)).astype("float32")
    weights = generator.integers(1, 4, members) if weighted else np.ones(members, int)
    shares = vote_arithmetic.checked_weights(list(weights), members)
    found = vote_arithmetic.median([ops.array(v) for v in values], shares, "values")
    # A whole-number weight is that many copies.
    np.testing.assert_allclose(ops.convert_to_numpy(found), np.median(np.repeat(values, weights, 0), axis=0), atol=1e-6)


def test_a_tie_of_float_weights_is_a_tie():
    yes, no = ops.array([[0.1, 0.9]]), ops.array([[0.9, 0.1]])
    shares = vote_arithmetic.checked_weights([0.1, 0.2, 0.3], 3)
    both_ways = [([yes, yes, no], 0), ([no, no, yes], 0)]
    for answers, winner in both_ways:
        answer = vote_arithmetic.hard(answers, shares, "classes", "first")
        assert int(ops.argmax(answer, axis=-1)[0]) == winner


def test_geometric_votes_are_the_softmax_of_mean_logits():
    x, members = _rows(), [_member(seed=k) for k in range(3)]
    logs = np.mean([np.log(m.predict(x, verbose=0)) for m in members], axis=0)
    expected = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(tw.vote(members, "geometric").predict(x, verbose=0), expected, atol=1e-6)


def test_all_outputs_are_what_numpy_says():
    x, members, weights = _rows(), [_member(seed=k) for k in range(4)], np.array([0.4, 0.3, 0.2, 0.1])
    answers = np.array([m.predict(x, verbose=0) for m in members], dtype="float64")
    found = tw.vote(members, "hard", weights, output="all", uncertainty=True).predict(x, verbose=0)
    votes = np.einsum("k,knc->nc", weights, np.eye(3)[answers.argmax(axis=-1)])
    mean = np.einsum("k,knc->nc", weights, answers)

    def entropy(p):
        return -(p * np.log(p)).sum(axis=-1)

    np.testing.assert_allclose(found["votes"], votes, atol=1e-6)
    np.testing.assert_array_equal(found["label"], found["probabilities"].argmax(axis=1))
    np.testing.assert_allclose(found["entropy"], entropy(mean), atol=1e-5)
    information = entropy(mean) - np.einsum("k,kn->n", weights, entropy(answers))
    np.testing.assert_allclose(found["mutual_information"], information, atol=1e-5)
    pairs = sum(
        weights[i] * weights[j] * (answers[i].argmax(1) != answers[j].argmax(1))
        for i in range(4) for j in range(4) if i != j
    )  # fmt: skip
    np.testing.assert_allclose(found["disagreement"], pairs / (1 - (weights**2).sum()), atol=1e-5)
    assert found["label"].dtype == np.int32


def test_members_that_are_sure_and_agree_have_no_uncertainty():
    sure = [ops.array([[1.0, 0.0]])] * 2
    found = vote_arithmetic.uncertainty(sure, [0.5, 0.5], "classes")
    assert [float(found[name][0]) for name in ("entropy", "mutual_information", "disagreement")] == [0, 0, 0]
    alone = vote_arithmetic.uncertainty([ops.array([[0.3, 0.7]])], [1.0], "classes")
    assert float(alone["disagreement"][0]) == 0


def test_binary_multilabel_and_thresholds():
    x = _rows()
    for units in (1, 3):
        members = [_member(units, "sigmoid", seed=k) for k in range(3)]
        answers = np.array([m.predict(x, verbose=0) for m in members])
        limits = 0.5 if units == 1 else [0.3, 0.5, 0.7]
        votes = (answers > np.array(limits)).mean(axis=0)
        found = tw.vote(members, "hard", output="all", threshold=limits).predict(x, verbose=0)
        np.testing.assert_allclose(found["probabilities"], votes, atol=1e-6)
        expected = (votes > 0.5).astype(int)
        np.testing.assert_array_equal(found["label"], expected[:, 0] if units == 1 else expected)


def test_sequences_and_images_are_voted_on_place_by_place():
    x = np.random.default_rng(0).normal(size=(6, 5, 5, 2)).astype("float32")
    members = []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        members.append(keras.Sequential([keras.Input((5, 5, 2)), keras.layers.Conv2D(4, 3, padding="same"),
                                         keras.layers.Softmax()]))  # fmt: skip
    answers = np.array([m.predict(x, verbose=0) for m in members])
    found = tw.vote(members, "hard", output="all", uncertainty=True).predict(x, verbose=0)
    votes = np.eye(4)[answers.argmax(-1)].mean(axis=0)
    np.testing.assert_allclose(found["probabilities"], votes, atol=1e-6)
    assert found["label"].shape == found["entropy"].shape == (6, 5, 5)


def test_logits_are_made_probabilities_and_mixtures_are_refused():
    x = _rows()
    logits, sure = _member(end=None, seed=0, name="scores"), _member(seed=1)
    logits.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    mean = (ops.convert_to_numpy(ops.softmax(logits.predict(x, verbose=0))) + sure.predict(x, verbose=0)) / 2
    np.testing.assert_allclose(tw.vote([logits, sure]).predict(x, verbose=0), mean, atol=1e-6)
    bare = _member(end=None, seed=0)
    with pytest.raises(ValueError, match="member 0 in linear, member 1 in softmax"):
        tw.vote([bare, sure])
    np.testing.assert_allclose(tw.vote([bare, sure], from_logits=[True, False]).predict(x, verbose=0), mean, atol=1e-6)
    with pytest.raises(ValueError, match="Member 0 ends in softmax"):
        tw.vote([sure], from_logits=True)
    with pytest.raises(ValueError, match="1 of True and False"):
        tw.vote([sure], from_logits=[True, False])


def test_a_softmax_by_operation_and_a_vote_of_votes_are_known_for_probabilities():
    inputs = keras.Input((4,))
    by_hand = keras.Model(inputs, ops.softmax(keras.layers.Dense(3)(inputs)))
    nested = tw.vote([tw.vote([_member(seed=1), _member(seed=2)]), by_hand], "hard")
    assert nested.predict(_rows(5), verbose=0).sum(axis=1) == pytest.approx(np.ones(5), abs=1e-5)


def test_a_vote_of_binary_members_can_be_calibrated_and_vote_again():
    x, y = _rows(), np.arange(200) % 2
    vote = tw.vote([_member(1, "sigmoid", seed=k) for k in range(3)])
    calibrated = tw.calibrate(vote, x, y)
    assert calibrated.nll[1] <= calibrated.nll[0]
    np.testing.assert_array_equal(
        tw.vote([vote, calibrated.model], "hard", output="label", ties="soft").predict(x, verbose=0),
        (vote.predict(x, verbose=0)[:, 0] > 0.5).astype(int),
    )


def test_gaussian_members_become_the_moments_of_their_mixture():
    x, members = _rows(), []
    for seed in range(3):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((4,))
        parts = [keras.layers.Dense(1)(inputs), keras.layers.Dense(1, "softplus")(inputs)]
        members.append(keras.Model(inputs, keras.layers.Concatenate()(parts)))
    answers = np.array([m.predict(x, verbose=0) for m in members])
    mean = answers[..., 0].mean(axis=0)
    variance = (answers[..., 1] + answers[..., 0] ** 2).mean(axis=0) - mean**2
    found = tw.vote(members, task="gaussian").predict(x, verbose=0)
    np.testing.assert_allclose(found, np.stack([mean, variance], axis=1), rtol=1e-4, atol=1e-5)


def test_class_orders_that_differ_are_set_right_and_unlike_classes_refused():
    x, one = _rows(), _member(seed=0)
    turned = keras.Sequential([keras.Input((4,)), *_member(seed=0).layers])
    kernel, bias = turned.layers[-1].get_weights()
    turned.layers[-1].set_weights([kernel[:, [2, 0, 1]], bias[[2, 0, 1]]])
    vote = tw.vote([one, turned], classes=[["a", "b", "c"], ["c", "a", "b"]])
    np.testing.assert_allclose(vote.predict(x, verbose=0), one.predict(x, verbose=0), atol=1e-6)
    with pytest.raises(ValueError, match="Member 1 knows the classes"):
        tw.vote([one, turned], classes=[["a", "b", "c"], ["a", "b", "d"]])
    with pytest.raises(ValueError, match="must name its 3 columns"):
        tw.vote([one, turned], classes=[["a", "b", "c"], ["a", "b"]])


def test_members_may_share_layers_and_names_and_inputs_by_name():
    scale = keras.layers.Normalization()
    scale.adapt(_rows() * 3 + 1)
    members = []
    for seed in range(2):
        inputs = keras.Input((4,), name="features")
        body = _member(seed=seed)
        members.append(keras.Model({"features": inputs}, body(scale(inputs)), name="twin"))
    vote = tw.vote(members)
    x = {"features": _rows()}
    mean = np.mean([m.predict(x, verbose=0) for m in members], axis=0)
    np.testing.assert_allclose(vote.predict(x, verbose=0), mean, atol=1e-6)
    assert [m.name for m in members] == ["twin", "twin"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A hard vote as .keras and as SavedModel, its rows, and what it answered."""
    folder = tmp_path_factory.mktemp("vote")
    members = [_member(seed=k, name="same") for k in range(4)]
    for member in members:
        member.compile("adam", "sparse_categorical_crossentropy")
        member.fit(_rows(32), np.arange(32) % 3, verbose=0)
    vote = tw.vote(members, "hard", output="all", uncertainty=True)
    x = _rows(500)
    np.save(folder / "x.npy", x)
    vote.save(folder / "vote.keras")
    vote.export(folder / "exported", verbose=False)
    return folder, vote, x, members


def test_a_fresh_process_with_plain_keras_answers_label_for_label(saved):
    folder, vote, x, _ = saved
    code = f"""
import sys; sys.modules["trainwise"] = None
import json, keras, numpy as np, tensorflow as tf
x = np.load(r"{folder}/x.npy")
plain = keras.models.load_model(r"{folder}/vote.keras")
one = plain.predict(x, verbose=0)
served = tf.saved_model.load(r"{folder}/exported")
two = served.signatures["serving_default"](tf.constant(x))
compiled = tf.function(plain, jit_compile=True)(x)
eager = plain(x)
print(json.dumps({{"labels": [np.asarray(a["label"]).tolist() for a in (one, two, compiled, eager)],
                  "shares": [np.asarray(a["probabilities"]).tolist() for a in (one, two, compiled, eager)]}}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    found = json.loads(done.stdout.splitlines()[-1])
    expected = vote.predict(x, verbose=0)
    for labels, shares in zip(found["labels"], found["shares"], strict=True):
        np.testing.assert_array_equal(labels, expected["label"])
        np.testing.assert_allclose(shares, expected["probabilities"], atol=1e-6)


def test_openvino_reads_the_saved_model_and_agrees(saved):
    openvino = pytest.importorskip("openvino")
    folder, vote, x, _ = saved
    served = openvino.Core().compile_model(openvino.convert_model(str(folder / "exported")), "CPU")
    found = served(x)
    by_name = {name: value for port, value in found.items() for name in port.get_names()}
    labels = next(value for value in by_name.values() if value.dtype.kind == "i")
    np.testing.assert_array_equal(labels, vote.predict(x, verbose=0)["label"])


def test_a_vote_is_hardly_larger_than_its_members_weights_and_keeps_no_optimizer(saved):
    folder, _, _, members = saved
    weights = sum(w.nbytes for m in members for w in m.get_weights())
    assert (folder / "vote.keras").stat().st_size <= 1.1 * weights + 40_000 * len(members)
    assert all(member.optimizer is not None for member in members)


def test_members_come_from_files_and_what_is_no_model_is_said(tmp_path):
    member, x = _member(), _rows(10)
    member.compile("adam", "sparse_categorical_crossentropy")
    member.save(tmp_path / "one.keras")
    vote = tw.vote([tmp_path / "one.keras", str(tmp_path / "one.keras")])
    np.testing.assert_allclose(vote.predict(x, verbose=0), member.predict(x, verbose=0), atol=1e-6)
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(ValueError, match=r"text\.keras holds no Keras model"):
        tw.vote([tmp_path / "text.keras"])
    with pytest.raises(FileNotFoundError, match=r"absent\.keras"):
        tw.vote([tmp_path / "absent.keras"])
    with pytest.raises(ValueError, match="is a folder"):
        tw.vote([tmp_path])


def test_the_class_that_a_file_needs_is_named_first(tmp_path):
    class Doubling(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 2

    model = keras.Sequential([keras.Input((4,)), Doubling(), keras.layers.Dense(3, "softmax")])
    model.save(tmp_path / "own.keras")
    with pytest.raises(ValueError, match="needs the class 'Doubling'"):
        tw.vote([tmp_path / "own.keras"])


def test_a_member_with_nan_in_its_weights_is_named():
    broken = _member(seed=1, name="diverged")
    broken.layers[0].kernel.assign(np.full((4, 5), np.nan))
    with pytest.raises(ValueError, match=r"Member 1 \('diverged'\) holds NaN"):
        tw.vote([_member(), broken])


def test_a_nan_on_the_way_is_never_hidden():
    answers = [ops.array([[0.2, 0.8]]), ops.array([[np.nan, 0.5]])]
    for joined in (
        vote_arithmetic.soft(answers, [0.5, 0.5]),
        vote_arithmetic.hard(answers, [0.5, 0.5], "classes"),
        vote_arithmetic.median(answers, [0.5, 0.5], "values"),
    ):
        assert np.isnan(ops.convert_to_numpy(joined)).any()
    assert int(vote_arithmetic.labels(vote_arithmetic.hard(answers, [0.5, 0.5], "classes"), "classes")[0]) == -1


def test_what_has_no_answer_is_refused():
    quantity = _member(1, None)
    for wrong, told in (
        ({"how": "geometric"}, "got quantities"),
        ({"output": "label"}, "got quantities"),
        ({"uncertainty": True}, "needs `output='all'`"),
        ({"threshold": 1.5}, "one number in"),
        ({"task": "gaussian"}, "a mean and a variance"),
        ({"task": "binary", "from_logits": False}, "does not fit `task='binary'`"),
    ):
        with pytest.raises(ValueError, match=told):
            tw.vote([quantity], **wrong)
    with pytest.raises(ValueError, match="need the same inputs and the same output"):
        tw.vote([_member(5), _member(1, "sigmoid")])


def test_half_precision_members_are_joined_in_float32():
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        members = [_member(seed=k) for k in range(3)]
        vote = tw.vote(members)
        layer = tw.layers.SoftVoting()([m.outputs[0] for m in members])
    finally:
        keras.config.set_dtype_policy(before)
    assert vote.output.dtype == layer.dtype == "float32"
    x = _rows(20)
    mean = np.mean([ops.convert_to_numpy(ops.cast(m(x), "float32")) for m in members], axis=0)
    np.testing.assert_allclose(ops.convert_to_numpy(vote(x)), mean, atol=1e-6)


def test_voting_layers_save_reload_and_agree_with_the_vote(tmp_path):
    members, x = [_member(seed=k) for k in range(3)], _rows(50)
    for how, layer in (
        ("soft", tw.layers.SoftVoting(weights=[1, 2, 3])),
        ("hard", tw.layers.HardVoting(weights=[1, 2, 3], ties="first")),
    ):
        inputs = keras.Input((4,))
        model = keras.Model(
            inputs, layer([member(inputs) for member in [_renamed(m, k) for k, m in enumerate(members)]])
        )
        expected = tw.vote(members, how, [1, 2, 3], ties="first").predict(x, verbose=0)
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
        model.save(tmp_path / "layer.keras")
        np.testing.assert_array_equal(
            tw.load_model(tmp_path / "layer.keras").predict(x, verbose=0), model.predict(x, verbose=0)
        )


def _renamed(model, number):
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    copy.name = f"copy_{number}"
    return copy


def test_voting_layers_refuse_what_does_not_fit():
    one, other = np.ones((2, 3)), np.ones((2, 4))
    with pytest.raises(ValueError, match="answers of one shape"):
        tw.layers.SoftVoting()([one, other])
    with pytest.raises(ValueError, match="takes a list of answers"):
        tw.layers.HardVoting()(one)
    with pytest.raises(ValueError, match="2 values, one a member"):
        tw.layers.SoftVoting(weights=[1, 2, 3])([one, one])
    with pytest.raises(ValueError, match="not all 0"):
        tw.layers.SoftVoting(weights=[0, 0])
    with pytest.raises(ValueError, match="'loud'"):
        tw.layers.HardVoting(ties="loud")


def test_bagged_members_are_those_of_a_population_with_row_weights():
    x, y = _rows(60), np.arange(60) % 3

    def build():
        model = _member(seed=int(np.random.randint(1000)))
        model.compile("adam", "sparse_categorical_crossentropy")
        return model

    weights = tw.bagging_weights(60, 3, seed=1)
    assert weights.shape == (60, 3) and (weights == 0).mean() == pytest.approx(np.exp(-1), abs=0.1)
    fitted = tw.fit_population(build, x, y, seed=range(3), epochs=1, sample_weight=weights, verbose=0)
    assert tw.vote(fitted.models).predict(x, verbose=0).shape == (60, 3)
    with pytest.raises(ValueError, match="got 0"):
        tw.bagging_weights(0, 3)
