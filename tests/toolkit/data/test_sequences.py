"""Sequences of unequal length: from lists and long tables, filled up, and refused where they cannot be."""

import numpy as np
import pandas as pd
import pytest

import trainwise as tw
from trainwise.toolkit.data.sealing import Seal, refuse_sealed
from trainwise.toolkit.data.sequences import (
    PADDING,
    SequenceColumns,
    filled,
    is_padded,
    is_ragged,
    named_sequences,
    padded,
)
from trainwise.toolkit.data.table_files import from_frame

LENGTHS = np.random.default_rng(0).integers(2, 7, 60)


def _visits(**columns):
    """A row for each visit of 60 patients, whose pulse tells their kind."""
    who = np.repeat([f"p{number:02d}" for number in range(60)], LENGTHS)
    day = np.concatenate([np.arange(length) for length in LENGTHS])
    kind = np.where(np.repeat(np.arange(60) % 2, LENGTHS), "ill", "well")
    return pd.DataFrame({"who": who, "day": day, "pulse": day + 60.5, **columns, "kind": kind})


def _loaded(frame, **options):
    return tw.data.load(frame, **{"target": "kind", "sequence": "who", "time": "day", **options})


def test_a_list_of_sequences_is_filled_up_behind_each_end():
    x = padded([np.ones((2, 3)), np.zeros((4, 3))])
    assert x.shape == (2, 4, 3) and x.dtype == np.float32
    assert np.all(x[0, :2] == 1) and np.all(x[0, 2:] == PADDING) and np.all(x[1] == 0)
    assert is_padded(x) and not is_padded(x[1:]) and padded([[0.5]], steps=3).shape == (1, 3, 1)


def test_token_ids_are_counted_from_one():
    assert padded([[0, 5, 2], [7]]).tolist() == [[1, 6, 3], [8, 0, 0]]


@pytest.mark.parametrize(
    ("x", "expected"),
    [([[1], [2, 3]], True), (np.array([np.ones(2), np.ones(3)], dtype=object), True), ([[1, 2], [3, 4]], False),
     (["ab", "c"], False), (np.zeros((3, 2)), False), ([], False), ([np.float32(1)], False)],
)  # fmt: skip
def test_what_is_ragged_is_told(x, expected):
    assert is_ragged(x) is expected


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        ([[1.0], []], ValueError, "Row 1 is a sequence of length 0: leave it out"),
        ([[1.0], ["a", "b"]], TypeError, "Row 1 must hold real numbers"),
        ([[1.0], [np.nan, 1.0]], ValueError, "Row 1 holds NaN or infinite"),
        ([[1.0], [-1e9, 1.0]], ValueError, "Row 1 holds -1e[+]09, which marks the end"),
        ([np.ones((2, 3)), np.ones((4, 2))], ValueError, r"row 0 have shape \(3,\) and those of row 1 \(2,\)"),
        ([np.ones((2, 3, 1))], ValueError, r"Row 0 must have shape .* got \(2, 3, 1\)"),
        ([np.ones(2) * 1e300, [1.0]], ValueError, "row 0"),
    ],
)
def test_sequences_that_cannot_be_learnt_from_are_refused_by_row(x, error, message):
    with pytest.raises(error, match=message):
        padded(x)


def test_too_short_an_array_and_too_little_memory_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="`steps` must be at least 2, .* got 1"):
        padded([[1.0, 2.0]], steps=1)
    monkeypatch.setattr("trainwise.toolkit.data.sequences.free_memory", lambda: 10)
    with pytest.raises(ValueError, match="1 sequences of 2 x 1 values need .* cut the longest"):
        padded([[1.0, 2.0]])


def test_load_takes_a_list_of_sequences():
    rows = [np.full((length, 2), number % 2 + 0.5) for number, length in enumerate(LENGTHS)]
    splits = tw.data.load((rows, np.arange(60) % 2))
    assert splits.train.x.shape[1:] == (6, 2) and "Sequences have 2 to 6 steps" in splits.notes[0]
    assert np.array_equal(splits.train.x[:, 0, 0] == 1.5, splits.train.y == 1)
    assert tw.data.load(([[1, 2], [3]] * 20, [0, 1] * 20)).train.x.shape[1:] == (2, 1)
    with pytest.raises(ValueError, match="Row 3 is a sequence of length 0"):
        tw.data.load(([*rows[:3], np.zeros((0, 2)), *rows[4:]], np.arange(60) % 2))


def test_a_long_table_gives_a_row_for_each_sequence_in_the_order_of_time():
    splits = _loaded(_visits().sample(frac=1, random_state=0))
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 60
    assert splits.sequences == SequenceColumns("who", "day", ("pulse",), 6) and splits.classes == ("ill", "well")
    assert "Rows were not in the order of 'day', and are put in it." in splits.notes
    assert "Sequences have 2 to 6 steps; what is behind their ends counts for nothing." in splits.notes
    for row in splits.train.x[:, :, 0]:
        known = row[row != PADDING]
        assert np.array_equal(known, 60.5 + np.arange(len(known)))


def test_gaps_words_and_lacking_targets_are_said():
    frame = _visits(mood=["fine", "bad"] * (LENGTHS.sum() // 2) + ["fine"] * (LENGTHS.sum() % 2))
    frame.loc[1, "pulse"], frame.loc[frame["who"] == "p03", "kind"] = np.nan, None
    notes = _loaded(frame).notes
    assert "1 gap filled with the value before in the sequence." in notes
    assert "Left out, since steps are of numbers: 'mood'." in notes
    assert "1 sequences have no value in the target 'kind' and are left out." in notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "pulse"}, "who 'p00' has 6 different values in the target 'pulse'.*`forecast`"),
        ({"target": "who"}, "'who' cannot be the target and the sequence"),
        ({"target": "day"}, "'day' cannot be the target and the time"),
        ({"sequence": "whom"}, "no column 'whom'.* Did you mean 'who'"),
        ({"group": "who", "time": None}, "`group` cannot keep together"),
        ({"drop": ["pulse", "weight"]}, "No column of numbers is left to predict 'kind' from"),
        ({"target": None, "drop": ["pulse", "weight", "kind"]}, "No column is left to predict"),
        ({"window": 3}, "`window` is for a forecast"),
    ],
)
def test_long_tables_that_cannot_be_read_are_refused(options, message):
    frame = _visits(weight=np.arange(LENGTHS.sum()) + 0.5)
    with pytest.raises(ValueError, match=message):
        _loaded(frame, **options)


def test_sequences_of_one_row_each_are_refused():
    with pytest.raises(ValueError, match="Each of the 60 sequences that 'who' tells apart has one row: leave out"):
        _loaded(_visits().iloc[:60].assign(who=[f"p{n}" for n in range(60)]))


def test_a_time_of_a_sequence_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="'day' holds '0' of who 'p00' twice, in rows 1 and "):
        _loaded(pd.concat([_visits(), _visits().iloc[[0]]]))
    with pytest.raises(ValueError, match="'kind' has no value in any row"):
        _loaded(_visits().assign(kind=None))


def test_a_model_is_asked_for_each_sequence_and_longer_ones_are_cut():
    columns = SequenceColumns("who", "day", ("pulse",), 4)
    x, names, notes = named_sequences(from_frame(_visits().iloc[::-1]), columns)
    assert x.shape == (60, 4, 1) and names == [f"p{number:02d}" for number in range(60)]
    assert notes == [f"{(LENGTHS > 4).sum()} sequences are longer than 4 steps: their latest are taken."]
    last = LENGTHS[0] - 1 + 60.5
    assert x[0, x[0, :, 0] != PADDING][-1, 0] == last


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (_visits().drop(columns="pulse"), "column 'pulse' is missing"),
        (_visits(pulse="fast"), "takes numbers .* 'fast'"),
    ],
)
def test_rows_that_do_not_fit_a_model_of_sequences_are_refused(frame, message):
    with pytest.raises(ValueError, match=message):
        named_sequences(from_frame(frame), SequenceColumns("who", "day", ("pulse",), 4))


def test_the_columns_survive_a_schema_and_damaged_ones_are_none():
    kept = SequenceColumns("who", None, ("pulse",), 4)
    assert SequenceColumns.of_dict(kept.as_dict()) == kept
    for name, wrong in (("sequence", 1), ("time", 3), ("channels", []), ("steps", 0), ("steps", "4")):
        assert SequenceColumns.of_dict({**kept.as_dict(), name: wrong}) is None
    assert SequenceColumns.of_dict([]) is None


def test_what_is_filled_up_does_not_make_other_rows_sealed_ones():
    generator = np.random.default_rng(0)
    sealed, others = (padded([generator.normal(size=(n, 1)) for n in (3, 4, 6) * 10]) for _ in range(2))
    seal = Seal(sealed)
    refuse_sealed("Members are chosen", others)
    with pytest.raises(ValueError, match="stand in the sealed test split"):
        refuse_sealed("Members are chosen", seal._x[::-1])


def test_padding_is_gaps_or_means_beside_the_model():
    x = padded([[1.0, 3.5], [5.0]])
    gaps, means = filled(x, x)
    assert np.isnan(gaps[1, 1, 0]) and means[1, 1, 0] == pytest.approx((1 + 3.5 + 5) / 3)


def test_npz_files_tell_sequences_of_unequal_length_by_their_lengths(tmp_path):
    generator = np.random.default_rng(0)
    rows = [generator.normal(size=(length, 2)).astype("float32") for length in (3, 1, 4, 2) * 5]
    lengths, y = np.array([len(row) for row in rows]), np.arange(20) % 2
    filled_up = np.full((20, 4, 2), 7.0)
    for row, values in zip(filled_up, rows, strict=True):
        row[: len(values)] = values
    np.savez(tmp_path / "flat.npz", x=np.concatenate(rows), lengths=lengths, y=y)
    np.savez(tmp_path / "filled.npz", x=filled_up, lengths=lengths, y=y)
    listed = tw.data.load((rows, y))
    for name in ("flat", "filled"):
        found = tw.data.load(tmp_path / f"{name}.npz")
        np.testing.assert_allclose(found.train.x, listed.train.x, rtol=1e-6)
        assert found.name == name and found.notes[0].startswith("Sequences have 1 to 4 steps")


@pytest.mark.parametrize(
    ("lengths", "message"),
    [
        (
            np.array([1, 2]),
            r"`lengths` must hold a whole number from 1 for each of the 3 targets, got int64 of shape \(2",
        ),
        (np.array([1, 0, 2]), "a whole number from 1"),
        (np.array([1.5, 1.0, 2.0]), "got float64"),
        (np.array([1, 2, 3]), r"6 steps, or filled up, 3 rows of at least 3 steps; got shape \(5, 1\)"),
    ],
)
def test_lengths_that_do_not_fit_are_refused(tmp_path, lengths, message):
    np.savez(tmp_path / "bad.npz", x=np.zeros((5, 1)), lengths=lengths, y=np.arange(3))
    with pytest.raises(ValueError, match=message):
        tw.data.load(tmp_path / "bad.npz")
