import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.data.sealing import Seal, refuse_sealed
from trainwise.toolkit.data.splits import SealedSplit, Split


@pytest.fixture(scope="module")
def digits():
    return tw.data.load("digits")


@pytest.fixture(scope="module")
def test_rows(digits):
    return digits.test.open("a leak planted on purpose").x


def _choose(rows):
    return tw.select_members(np.full((2, len(rows), 10), 0.1), np.zeros(len(rows)), rows=rows)


@pytest.mark.parametrize(
    "leak",
    [
        lambda x: x,
        lambda x: x[::-1],
        lambda x: x * 16,
        lambda x: (x - 0.3) / 0.37,
        lambda x: 1 - x,
        lambda x: (x * 255).astype("float64").reshape(len(x), -1),
        lambda x: x[:20] * -3 + 5,
    ],
)
def test_sealed_rows_are_refused_shuffled_and_rescaled(test_rows, leak):
    with pytest.raises(ValueError, match="sealed test split of 'digits'"):
        _choose(leak(test_rows))


def test_a_few_sealed_rows_among_many_are_refused_by_their_share_of_the_sealed(digits, test_rows):
    mixed = np.concatenate([digits.train.x, test_rows[: len(test_rows) // 10]]) * 2
    with pytest.raises(ValueError, match="rescaled as 2 x"):
        _choose(mixed)


def test_validation_rows_pass_as_they_are_and_scaled(digits):
    _choose(digits.validation.x)
    _choose(digits.validation.x * 16 - 3)
    assert _choose(digits.validation).note == ""


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_validation_rows_of_tables_pass_though_data_hold_duplicates(name):
    splits = tw.data.load(name)
    for rows in (splits.validation.x, np.array(splits.validation.x), splits.validation.x * 3 + 1, splits.train.x * 2):
        refuse_sealed("Members are chosen", rows)


def test_rows_of_one_value_are_known_as_a_whole():
    x = np.random.default_rng(0).normal(size=(50, 1)).astype("float32")
    sealed = SealedSplit(Split(x, np.zeros(50)), "line")
    with pytest.raises(ValueError, match="of 'line', rescaled"):
        refuse_sealed("Members are chosen", x[::-1] * 2 + 1)
    refuse_sealed("Members are chosen", np.random.default_rng(1).normal(size=(50, 1)))
    assert sealed.openings == []


def test_columns_by_name_with_words_are_known():
    x = {"age": np.arange(30.0), "town": np.array([f"t{k}" for k in range(30)], dtype=object)}
    sealed = SealedSplit(Split(x, np.zeros(30)), "people")
    with pytest.raises(ValueError, match="of 'people'"):
        refuse_sealed("Members are chosen", {"town": x["town"][:5], "age": x["age"][:5]})
    assert len(sealed) == 30


def test_what_cannot_be_seen_is_said():
    chosen = tw.select_members(np.full((2, 4, 2), 0.5), [0, 1, 0, 1])
    assert "cannot be seen" in chosen.note and "4 rows only" in chosen.note
    with pytest.raises(TypeError, match="must be arrays of rows"):
        refuse_sealed("Members are chosen", object())
    refuse_sealed("Members are chosen", None)


def test_calibration_and_soups_refuse_sealed_rows(digits, test_rows):
    import keras

    model = keras.Sequential(
        [keras.Input(test_rows.shape[1:]), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")]
    )
    y = np.zeros(len(test_rows))
    with pytest.raises(ValueError, match="sealed test split"):
        tw.tuning.repair(lambda: model, digits.train.x, digits.train.y, validation_data=(test_rows * 2, y))
    for choose in (
        tw.calibrate,
        lambda m, x, y: tw.greedy_soup([m], x, y),
        lambda m, x, y: tw.average_weights([m], x, y),
    ):
        with pytest.raises(ValueError, match="sealed test split"):
            choose(model, test_rows * 2, y)
        with pytest.raises(TypeError, match="sealed test split"):
            choose(model, digits.test, y)


def test_sealed_words_beyond_ascii_are_known_as_bytes_and_as_words():
    words = np.array([f"café {i}" for i in range(20)], dtype=object)
    sealed = SealedSplit(Split({"said": words}, np.zeros(20)))
    for rows in (words[:, None], np.array([word.encode() for word in words], dtype=object)[:, None]):
        with pytest.raises(ValueError, match="20 of the 20 rows given stand in the sealed test split"):
            refuse_sealed("Members are chosen", rows)
    assert len(sealed) == 20


def test_gaps_in_sealed_rows_are_no_trouble_and_hide_no_copy(rng):
    x = rng.normal(size=(40, 4)).astype("float32")
    x[rng.random(x.shape) < 0.3] = np.nan
    sealed = SealedSplit(
        Split(x, np.zeros(40)), beside=[Split(rng.normal(size=(40, 4)).astype("float32"), np.zeros(40))]
    )
    with pytest.raises(ValueError, match="of the 40 rows given stand in the sealed test split"):
        refuse_sealed("Members are chosen", x[::-1].copy())
    refuse_sealed("Members are chosen", rng.normal(size=(40, 4)))
    assert len(sealed) == 40


def test_a_stranger_of_three_values_whose_shape_meets_a_sealed_row_is_let_through():
    # Of five sealed rows one in twenty is too many, and among 180 strangers some row has nearly the shape of one.
    for seed in range(40):
        generator = np.random.default_rng(seed)
        sealed = generator.normal(size=(5, 3)).astype("float32")
        seal = Seal(sealed)
        refuse_sealed("Members are chosen", generator.normal(size=(180, 3)).astype("float32"))
        with pytest.raises(ValueError, match="5 of the 5 rows given .* rescaled as 3 x"):
            refuse_sealed("Members are chosen", sealed * 3 + 1)
        del seal
