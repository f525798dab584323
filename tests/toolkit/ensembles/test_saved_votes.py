"""Votes that were saved, in a fresh process and in OpenVINO."""

import json
import subprocess
import sys

import numpy as np
import pytest
from tiny import voter, wide_rows

import trainwise as tw


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A hard vote as .keras and as SavedModel, its rows, and what it answered."""
    folder = tmp_path_factory.mktemp("vote")
    members = [voter(seed=k, name="same") for k in range(4)]
    for member in members:
        member.compile("adam", "sparse_categorical_crossentropy")
        member.fit(wide_rows(32), np.arange(32) % 3, verbose=0)
    vote = tw.vote(members, "hard", output="all", uncertainty=True)
    x = wide_rows(500)
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
    import openvino

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
