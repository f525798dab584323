"""Published versions as TensorFlow Serving takes requests for them, in rows and in columns, by its documented rules."""

import json

import keras
import numpy as np
import pytest
import serving_rest
import tensorflow as tf

import trainwise as tw

L = keras.layers


class Grey(L.Layer):
    """The grey values of images that come as PNG files: strings that are no text."""

    def call(self, photos):
        return tf.map_fn(
            lambda one: tf.cast(tf.io.decode_png(one[0], channels=1), "float32"),
            photos,
            fn_output_signature=tf.TensorSpec((4, 4, 1), "float32"),
        )

    def compute_output_spec(self, photos):
        return keras.KerasTensor((None, 4, 4, 1), "float32")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A model of a word, a photo, a whole number and a number; its rows, expected scores and export."""
    word, photo = keras.Input((1,), dtype="string", name="word"), keras.Input((1,), dtype="string", name="photo")
    count, size = keras.Input((1,), dtype="int32", name="count"), keras.Input((2,), name="size")
    place = keras.ops.cast(L.StringLookup(vocabulary=["Ulm", "Köln"], num_oov_indices=1)(word), "float32")
    light = keras.ops.sum(Grey()(photo), axis=(1, 2))
    total = place + light + keras.ops.cast(count, "float32") + keras.ops.sum(size, axis=1, keepdims=True)
    shares = keras.ops.softmax(keras.ops.concatenate([total * 0, total * 0.01], axis=1))
    model = keras.Model({"word": word, "photo": photo, "count": count, "size": size}, shares)
    pixels = np.random.default_rng(0).integers(0, 25, (3, 4, 4, 1)).astype("uint8")
    rows = {
        "word": np.array([["Köln"], ["Rom"], ["Ulm"]]),
        "photo": np.array([[tf.io.encode_png(one).numpy()] for one in pixels], dtype=object),
        "count": np.array([[1], [2], [3]]),
        "size": np.array([[0.5, 1.0], [2.0, -1.0], [0.25, 0.25]]),
    }
    totals = np.array([2, 0, 1]) + pixels.sum(axis=(1, 2, 3)) + rows["count"][:, 0] + rows["size"].sum(axis=1)
    second = 1 / (1 + np.exp(-0.01 * totals))
    report = tw.export(model, tmp_path_factory.mktemp("served") / "shop", rows, classes=["low", "high"])
    return report, np.stack([1 - second, second], axis=1)


def _asked(report, request):
    return json.loads(serving_rest.asked(report.path.parent, json.dumps(request)))


def _request(report):
    return json.loads((report.path / "assets.extra/request.json").read_text())


def test_the_signature_that_saved_model_cli_shows_is_the_one_of_the_card(served):
    report, _ = served
    card = json.loads((report.path / "card.json").read_text())
    shown = serving_rest.signature_by_saved_model_cli(report.path, "serving_default")
    for kind in ("inputs", "outputs"):
        told = {one["name"]: (one["dtype"], [side or -1 for side in one["shape"]]) for one in card[kind]}
        told = {name: (dtype, [-1, *sides[1:]]) for name, (dtype, sides) in told.items()}
        assert shown[kind] == told


def test_the_cards_request_gets_the_models_numbers_with_text_as_text_and_bytes_in_base_64(served):
    report, expected = served
    request = _request(report)
    row = request["instances"][0]
    assert row["word"] == ["Köln"] and list(row["photo"][0]) == ["b64"] and row["count"] == [1]
    np.testing.assert_allclose(_asked(report, request)["predictions"], expected[:1], rtol=1e-5)
    card = json.loads((report.path / "card.json").read_text())
    assert row == {one["name"]: one["example"] for one in card["inputs"]}


def test_rows_and_columns_are_answered_alike_and_by_other_signatures(served):
    report, expected = served
    request = _request(report)
    row = request["instances"][0]
    columns = {"inputs": {name: [value, value] for name, value in row.items()}}
    np.testing.assert_allclose(_asked(report, columns)["outputs"], expected[[0, 0]], rtol=1e-5)
    named = _asked(report, {**request, "signature_name": "classify"})["predictions"][0]
    assert named["class"] == ["low", "high"][expected[0].argmax()]
    assert named["probability"] == pytest.approx(expected[0].max(), rel=1e-5)
    in_columns = _asked(report, {**columns, "signature_name": "classify"})["outputs"]
    assert in_columns["class"] == [named["class"]] * 2


def test_a_model_of_one_input_takes_values_without_names(flowers):
    model, rows, report = flowers
    expected = model.predict(rows[:2], verbose=0)
    plain = {"instances": rows[:2].tolist()}
    np.testing.assert_allclose(_asked(report, plain)["predictions"], expected, atol=1e-6)
    np.testing.assert_allclose(_asked(report, _request(report))["predictions"], expected[:1], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"count": [1.5]}, "1.5 is no int32"),
        ({"size": [0.5]}, r"takes shape \[-1, 2\], got \(1, 1\)"),
        ({"word": [3]}, "3 is no string"),
        ({"colour": [1]}, "got .*colour"),
    ],
)
def test_a_request_that_a_server_would_refuse_is_refused_by_the_client(change, told, served):
    request = _request(served[0])
    request["instances"][0].update(change)
    with pytest.raises(ValueError, match=told):
        _asked(served[0], request)


def test_the_lines_of_the_card_hold_the_same_bytes_as_the_request(served):
    space = {}
    lines = json.loads((served[0].path / "card.json").read_text())["load"]
    exec(lines[2], {"tf": tf}, space)
    photo = _request(served[0])["instances"][0]["photo"][0]["b64"]
    assert (
        tf.io.encode_base64(space["row"]["photo"], pad=True).numpy()[0, 0].decode().translate(str.maketrans("-_", "+/"))
        == photo
    )
