"""Files that say they are models and would run code, leave their folder or fill the memory: refused, nothing is run."""

import io
import pickle
import zipfile

import keras
import pytest

import trainwise as tw


def _archive(path, **parts):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


class Bomb:
    """Writes a file where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_layer_with_python_code_is_named_and_not_run(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Lambda(lambda x: x, name="mine")(inputs))
    model.save(tmp_path / "code.keras")
    match = r"holds Python code \(Lambda 'mine'\), which is not run"
    with pytest.raises(ValueError, match=match):
        tw.load_model(tmp_path / "code.keras")
    with pytest.raises(ValueError, match=match):
        tw.vote([tmp_path / "code.keras"])


def test_a_pickle_is_refused_and_not_read(tmp_path):
    (tmp_path / "model.keras").write_bytes(pickle.dumps(Bomb(str(tmp_path / "written"))))
    with pytest.raises(ValueError, match="it is a pickle, which runs code as it is read"):
        tw.load_model(tmp_path / "model.keras")
    assert not (tmp_path / "written").exists()


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "C:evil", "..\\evil"])
def test_a_part_that_would_leave_its_folder_is_refused(name, tmp_path):
    path = _archive(tmp_path / "model.keras", **{name: "x"})
    with pytest.raises(ValueError, match="which would leave its folder"):
        tw.load_model(path)


def test_an_archive_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path):
    path = _archive(tmp_path / "model.keras", **{"model.weights.h5": bytes(70 * 2**20)})
    assert path.stat().st_size < 2**20
    with pytest.raises(ValueError, match=r"unpacks from [\d,]+ bytes to 73,400,320 and would fill the memory"):
        tw.load_model(path)


def test_a_model_with_many_equal_weights_is_no_bomb(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, kernel_initializer="zeros")])
    file = io.BytesIO()
    keras.saving.save_model(model, tmp_path / "zeros.keras")
    file.write((tmp_path / "zeros.keras").read_bytes())
    assert tw.load_model(tmp_path / "zeros.keras").count_params() == 9
