"""Images from a folder to a model that names the class of a file."""

import csv
import json

import keras
import numpy as np
import pytest
from commands import in_this_process

from trainwise.toolkit.models.first import augmented, first_model
from trainwise.toolkit.tasks import head
from trainwise.tuning import Settings, run


@pytest.fixture(scope="module")
def lights(tmp_path_factory):
    """Images of 20 x 18 pixels, with the light on the upper or on the lower half."""
    import tensorflow as tf

    folder, generator = tmp_path_factory.mktemp("lights"), np.random.default_rng(0)
    for number in range(60):
        image = generator.integers(0, 100, (20, 18, 3)).astype("uint8")
        kind = ("lower", "upper")[number % 2]
        image[slice(0, 10) if kind == "upper" else slice(10, 20)] += 120
        (folder / "lamp" / kind).mkdir(parents=True, exist_ok=True)
        (folder / "lamp" / kind / f"{number}.png").write_bytes(tf.io.encode_png(image).numpy())
    return folder


@pytest.fixture(scope="module")
def done(lights):
    return in_this_process("run", "--data", "lamp", "--out", "out", "--epochs", 6, "--members", 1, cwd=lights)


def test_a_run_learns_from_a_folder_of_images(done, lights):
    assert done.returncode == 0, done.stderr
    assert "images of 20 x 18 x 3" in done.stdout
    assert "mirrored left to right, in training only" in done.stdout
    report = json.loads((lights / "out/report.json").read_text())
    assert report["data"]["classes"] == ["lower", "upper"]
    assert next(one for one in report["evaluation"]["results"] if one["winner"])["value"] > 0.85
    # The random layers are none in what is exported.
    assert report["export"]["max_difference"] <= 1e-5
    assert report["beside"]["results"][1]["note"] == "of 16 x 14 pixels"


def test_predict_names_the_class_of_a_file_or_of_each_in_a_folder(done, lights):
    answered = in_this_process("predict", "out/models/lamp", "--data", "lamp", cwd=lights)
    assert answered.returncode == 0, answered.stderr
    rows = list(csv.DictReader(answered.stdout.splitlines()))
    assert len(rows) == 60 and np.mean([row["class"] == row["file"].split("/")[1] for row in rows]) > 0.85
    one = in_this_process("predict", "out/models/lamp", "lamp/upper/1.png", cwd=lights)
    assert one.stdout.splitlines()[1].startswith("lamp/upper/1.png,upper,")


def test_predict_refuses_what_is_no_image(done, lights):
    (lights / "words.csv").write_text("a\n1\n")
    (lights / "cut.png").write_bytes(b"\x89PNG")
    (lights / "nothing").mkdir(exist_ok=True)
    for name, message in (
        ("words.csv", "is no image or folder of images"),
        ("nothing", "is no image or folder of images"),
        ("nowhere.png", "no file or folder"),
        ("cut.png", "1 of 1 images cannot be decoded: 'cut.png'"),
    ):
        answered = in_this_process("predict", "out/models/lamp", name, cwd=lights)
        assert answered.returncode == 2 and message in answered.stderr, answered.stderr
    both = in_this_process("predict", "out/models/lamp", "lamp", "--data", "lamp", cwd=lights)
    assert both.returncode == 2 and "once" in both.stderr
    told = in_this_process("predict", "out/models/lamp", "lamp", "--id", "a", cwd=lights)
    assert told.returncode == 2 and "leave out the column 'a'" in told.stderr


def test_augmentation_is_for_images_alone_and_known(tmp_path):
    with pytest.raises(ValueError, match="`augmentation` must be 'auto' or .* got 'turn'"):
        Settings(augmentation="turn")
    with pytest.raises(ValueError, match="`augmentation` 'flip' is for images, and iris holds none"):
        run("iris", tmp_path / "out", Settings(augmentation="flip"))


def test_images_are_moved_in_training_only():
    inputs = keras.Input((16, 16, 1))
    model = keras.Model(inputs, augmented(inputs, "shift_flip"))
    x = np.random.default_rng(0).normal(size=(8, 16, 16, 1)).astype("float32")
    assert np.array_equal(model(x, training=False), x)
    assert not np.allclose(model(x, training=True), x)


def test_images_of_one_size_are_made_smaller_inside_the_model():
    x, y = np.random.default_rng(0).uniform(0, 255, (4, 128, 96, 3)).astype("float32"), np.arange(4) % 2
    model = first_model(x, y, head("binary", y))()
    assert model.input_shape == (None, 128, 96, 3) and model.get_layer("resize").output.shape == (None, 64, 48, 3)
    assert model.get_layer("flatten").output.shape[1] <= 8 * 8 * 64
