"""What may be a member, and what its answers mean."""

import keras
import numpy as np
import pytest
from keras import ops
from tiny import voter, wide_rows

import trainwise as tw


def test_logits_are_made_probabilities_and_mixtures_are_refused():
    x = wide_rows()
    logits, sure = voter(end=None, seed=0, name="scores"), voter(seed=1)
    logits.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    mean = (ops.convert_to_numpy(ops.softmax(logits.predict(x, verbose=0))) + sure.predict(x, verbose=0)) / 2
    np.testing.assert_allclose(tw.vote([logits, sure]).predict(x, verbose=0), mean, atol=1e-6)
    bare = voter(end=None, seed=0)
    with pytest.raises(ValueError, match="member 0 in linear, member 1 in softmax"):
        tw.vote([bare, sure])
    np.testing.assert_allclose(tw.vote([bare, sure], from_logits=[True, False]).predict(x, verbose=0), mean, atol=1e-6)
    with pytest.raises(ValueError, match="Member 0 ends in softmax"):
        tw.vote([sure], from_logits=True)
    with pytest.raises(ValueError, match="1 of True and False"):
        tw.vote([sure], from_logits=[True, False])


def test_class_orders_that_differ_are_set_right_and_unlike_classes_refused():
    x, one = wide_rows(), voter(seed=0)
    turned = keras.Sequential([keras.Input((4,)), *voter(seed=0).layers])
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
    scale.adapt(wide_rows() * 3 + 1)
    members = []
    for seed in range(2):
        inputs = keras.Input((4,), name="features")
        body = voter(seed=seed)
        members.append(keras.Model({"features": inputs}, body(scale(inputs)), name="twin"))
    vote = tw.vote(members)
    x = {"features": wide_rows()}
    mean = np.mean([m.predict(x, verbose=0) for m in members], axis=0)
    np.testing.assert_allclose(vote.predict(x, verbose=0), mean, atol=1e-6)
    assert [m.name for m in members] == ["twin", "twin"]


def test_members_come_from_files_and_what_is_no_model_is_said(tmp_path):
    member, x = voter(), wide_rows(10)
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
    broken = voter(seed=1, name="diverged")
    broken.layers[0].kernel.assign(np.full((4, 5), np.nan))
    with pytest.raises(ValueError, match=r"Member 1 \('diverged'\) holds NaN"):
        tw.vote([voter(), broken])
