"""Images from folders and lists: found, decoded, of one size; what is broken or none is said or refused."""

import io

import numpy as np
import pytest
from matplotlib import image as pictures

import trainwise as tw
from trainwise.toolkit.data.images import read_images, small_images


def _png(array):
    file = io.BytesIO()
    pictures.imsave(file, array, format="png")
    return file.getvalue()


def _grey(value, height=6, width=5):
    import tensorflow as tf

    return tf.io.encode_png(np.full((height, width, 1), value, dtype="uint8")).numpy()


@pytest.fixture
def pets(tmp_path):
    """Eight bright cats and eight dark dogs."""
    for kind, light in (("cat", 200), ("dog", 20)):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for number in range(8):
            (tmp_path / "pets" / kind / f"{number}.png").write_bytes(_grey(light + number))
    return tmp_path / "pets"


def test_a_folder_with_one_folder_a_class_is_read(pets):
    splits = tw.data.load(pets)
    assert splits.name == "pets" and splits.classes == ("cat", "dog") and splits.task == "binary" and splits.images
    assert splits.train.x.shape[1:] == (6, 5, 1) and splits.train.x.dtype == np.float32
    light = splits.train.x.mean(axis=(1, 2, 3))
    assert np.array_equal(light < 100, splits.train.y == 1)


def test_what_is_hidden_empty_or_no_image_is_passed_over_and_said(pets):
    (pets / "cat" / ".DS_Store").write_bytes(b"x")
    (pets / "cat" / ".hidden.png").write_bytes(_grey(1))
    (pets / "notes.txt").write_text("mine")
    (pets / "cat" / "one.webp").write_bytes(b"x")
    (pets / "bird").mkdir()
    (pets / ".cache").mkdir()
    notes = " ".join(tw.data.load(pets).notes)
    assert "The folder 'bird' holds no image, and is no class." in notes
    assert "3 files that are hidden or no image passed over ('.DS_Store', '.hidden.png', 'notes.txt')" in notes
    assert "1 image of a kind that is not decoded left out ('one.webp'): make them PNG or JPEG." in notes


def test_folders_of_parts_are_kept(pets):
    for part in ("train", "test"):
        (pets / part).mkdir()
    for kind in ("cat", "dog"):
        (pets / "test" / kind).mkdir()
        for number in (0, 1):
            (pets / kind / f"{number}.png").rename(pets / "test" / kind / f"{number}.png")
        (pets / kind).rename(pets / "train" / kind)
    test = tw.data.load(pets).test.open("a look")
    assert sorted(test.x.mean(axis=(1, 2, 3)).round().tolist()) == [20, 21, 200, 201]


def test_many_broken_images_are_refused_by_name_and_few_left_out(pets):
    (pets / "cat" / "cut.png").write_bytes(_grey(9)[:40])
    with pytest.raises(
        ValueError, match=r"1 of 17 images cannot be decoded \(up to 1 % .*cat/cut.png'. Mend or remove"
    ):
        tw.data.load(pets)
    for number in range(8, 100):
        (pets / "dog" / f"{number}.png").write_bytes(_grey(20))
    splits = tw.data.load(pets)
    assert any("1 of 109 images cannot be decoded and are left out: " in note for note in splits.notes)
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 108


def test_images_of_different_sizes_get_the_middle_one_and_colours_win(tmp_path):
    sizes = [(10, 20), (20, 40), (300, 600)]
    for place, (height, width) in enumerate(sizes):
        (tmp_path / f"{place}.png").write_bytes(_grey(7, height, width))
    colour = np.zeros((20, 40, 3))
    colour[:, :, 0] = 1
    (tmp_path / "3.png").write_bytes(_png(colour))
    x, at, notes = read_images([tmp_path / f"{place}.png" for place in range(4)])
    assert x.shape == (4, 20, 40, 3) and at.tolist() == [0, 1, 2, 3]
    assert np.allclose(x[:3], 7, atol=1e-3) and np.allclose(x[3], [255, 0, 0], atol=1e-3)
    assert notes == [
        "3 grey images among 4 are read as colour.",
        "Images are 10 x 20 to 300 x 600: all are made 20 x 40 when they are read.",
    ]


def test_large_images_of_different_sizes_are_made_64_pixels_wide(tmp_path):
    for place, side in enumerate((200, 400)):
        (tmp_path / f"{place}.png").write_bytes(_grey(7, side, 2 * side))
    assert read_images([tmp_path / "0.png", tmp_path / "1.png"])[0].shape == (2, 32, 64, 1)


def test_what_does_not_fit_into_the_memory_is_shrunk_and_said_or_refused(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(_grey(7, 100, 50))
    monkeypatch.setattr("trainwise.toolkit.data.images.free_memory", lambda: 8 * 50 * 25)
    x, _, notes = read_images([tmp_path / "a.png"])
    assert x.shape == (1, 50, 25, 1) and "The memory suffices for 1 images of 50 x 25" in notes[0]
    monkeypatch.setattr("trainwise.toolkit.data.images.free_memory", lambda: 8 * 50)
    with pytest.raises(ValueError, match="1 images of 100 x 50 do not fit .* take fewer images"):
        read_images([tmp_path / "a.png"])


def test_a_table_of_paths_and_targets_is_read(pets):
    rows = [(f"{kind}/{number}.png", kind) for kind in ("cat", "dog") for number in range(8)]
    lines = ["photo,age,kind", *(f"{path},3,{kind}" for path, kind in rows), ",3,cat", "cat/1.png,3,"]
    (pets / "list.csv").write_text("\n".join(lines) + "\n")
    splits = tw.data.load(pets / "list.csv")
    assert splits.classes == ("cat", "dog") and len(splits.train) + len(splits.validation) + len(splits.test) == 16
    assert np.array_equal(splits.train.x.mean(axis=(1, 2, 3)) < 100, splits.train.y == 1)
    assert splits.notes[:3] == (
        "'photo' names images; the target is 'kind'.",
        "2 rows lack an image or a value in 'kind' and are left out.",
        "Left out beside the images: 'age'.",
    )


def test_images_may_have_a_number_each_and_groups(pets):
    lines = ["photo,owner,weight", *(f"cat/{n}.png,o{n % 4},{n}.5" for n in range(8))]
    (pets / "list.csv").write_text("\n".join(lines) + "\n")
    splits = tw.data.load(pets / "list.csv", group="owner")
    assert splits.task == "regression" and splits.target == "weight"
    light, weight = splits.train.x.mean(axis=(1, 2, 3)), splits.train.y
    assert np.allclose(light - 200, weight - 0.5)
    assert not set(weight % 4) & set(splits.validation.y % 4)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.txt": b""}, "holds no folder: put the images into one folder for each class"),
        ({"a.png": b"", "b.jpg": b""}, "holds 2 images and no folder"),
        ({"cat/a.txt": b"", "dog/b.txt": b""}, "holds no images"),
        ({"cat/a.webp": b"", "dog/b.webp": b""}, "2 images of a kind that is not decoded .* make them PNG or JPEG"),
    ],
)
def test_folders_without_images_of_classes_are_refused(files, message, tmp_path):
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        tw.data.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("photo,kind\n" + "nowhere.png,a\n" * 5, FileNotFoundError, "names 5 images, and none is there, the first is"),
        ("photo\n" + "a.png\n" * 5, ValueError, "no column with their classes or numbers"),
        ("photo,kind\n" + "a.png,\n" * 5, ValueError, "no row with both an image in 'photo' and a value in 'kind'"),
    ],
)
def test_lists_without_images_or_targets_are_refused(text, error, message, tmp_path):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(error, match=message):
        tw.data.load(tmp_path / "list.csv")


def test_options_of_tables_are_refused_for_folders(pets):
    with pytest.raises(ValueError, match="are for tables, got"):
        tw.data.load(pets, target="kind")


def test_small_images_are_the_mean_of_their_pixels():
    x = np.random.default_rng(0).uniform(size=(3, 32, 16, 2)).astype("float32")
    expected = x.reshape(3, 16, 2, 8, 2, 2).mean(axis=(2, 4))
    np.testing.assert_allclose(small_images(x, 16), expected, atol=1e-6)
    assert small_images(x, 40) is x
