"""Token ids as rows: filled up by 0, refused where they are none, suggested where numbers look like them."""

import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.data.tokens import are_tokens, commonest, look_like_tokens, token_rows, word_counts

IDS = np.random.default_rng(0).integers(1, 900, (60, 12))
Y = np.arange(60) % 2


def test_a_matrix_stays_as_it_is_and_0_fills_up():
    x = IDS.copy()
    x[3, 5:] = 0
    rows, notes = token_rows(x)
    assert np.array_equal(rows, x) and rows.dtype == np.int32
    assert notes == ("Sequences have 5 to 12 tokens; 0 fills up and counts for nothing.",)
    assert token_rows(IDS.astype("float64"))[1] == ()


def test_ragged_lists_are_filled_up_and_counted_from_1_only_where_0_is_an_id():
    assert token_rows([[4, 9], [2]])[0].tolist() == [[4, 9], [2, 0]]
    rows, notes = token_rows([[0, 9], [2]])
    assert rows.tolist() == [[1, 10], [3, 0]] and "give the model each id plus 1" in notes[0]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (IDS[:, :, None], r"must have shape \(rows, steps\), got \(60, 12, 1\)"),
        (IDS - 500, "whole numbers from 0 to 10000000, got -"),
        (IDS + 0.5, r"whole numbers from 0 to 10000000, got \d+\.5"),
        (IDS * 100_000, "whole numbers from 0 to 10000000, got "),
        (np.where(IDS > 800, np.nan, IDS), "whole numbers from 0 to 10000000, got nan"),
        (np.array([["a", "b"]]), "`x` must hold token ids, which are whole numbers, got dtype <U1"),
        ([[1, 2], []], r"Row 1 must be token ids \(steps,\), at least one, got shape \(0,\)"),
        ([[1, 2], [-3]], "Row 1 must hold token ids, .* got -3"),
    ],
)
def test_what_is_no_token_id_is_refused(x, message):
    with pytest.raises((TypeError, ValueError), match=message):
        token_rows(x)


def _saved(tmp_path, **arrays):
    np.savez(tmp_path / "words.npz", **arrays)
    return tmp_path / "words.npz"


def test_only_who_says_so_gets_tokens_and_others_are_told(tmp_path):
    file = _saved(tmp_path, x=IDS, y=Y)
    told = tw.data.load(file, tokens=True)
    assert are_tokens(told.train.x) and are_tokens(told.test.open("a look").x) and not told.notes
    plain = tw.data.load(file)
    assert plain.train.x.dtype == np.float32 and "say so with `tokens=True` (`--tokens`" in plain.notes[0]
    assert "tokens=True" in tw.data.load((IDS, Y)).notes[0]
    assert told.fingerprint != plain.fingerprint


def test_parts_and_lengths_of_a_file_are_tokens_too(tmp_path):
    parts = tw.data.load(_saved(tmp_path, x_train=IDS, y_train=Y, x_test=IDS[:10] + 900, y_test=Y[:10]), tokens=True)
    assert np.array_equal(parts.test.open("a look").x, IDS[:10] + 900)
    lengths = np.arange(60) % 11 + 2
    filled = tw.data.load(_saved(tmp_path, x=IDS, y=Y, lengths=lengths), tokens=True)
    kept = {tuple(row[:length]) + (0,) * (12 - length) for row, length in zip(IDS, lengths, strict=True)}
    assert set(map(tuple, filled.train.x)) <= kept
    assert "tokens=True" in tw.data.load(_saved(tmp_path, x=IDS, y=Y, lengths=lengths)).notes[-1]


@pytest.mark.parametrize("source", ["iris", ({"a": np.arange(60.0)}, Y)])
def test_tokens_of_a_table_or_of_columns_are_refused(source):
    with pytest.raises(ValueError, match=r"`tokens` is for arrays and \.npz files"):
        tw.data.load(source, tokens=True)


@pytest.mark.parametrize(
    ("x", "looks_so"),
    [
        (IDS, True),
        (np.where(np.arange(12) < np.arange(1, 61)[:, None] % 12 + 1, IDS, 0), True),
        (IDS % 256, False),
        (IDS.astype("float32"), False),
        (IDS - 1000, False),
        (IDS[:, :7], False),
        # Counts and measures of a table: each column has its own size.
        (IDS // np.array([1, 10, 100] * 4), False),
        (IDS[:, :, None], False),
        (np.zeros((9, 12), dtype=int), False),
        ([[300, 2], [7]], True),
        ([[3, 2], [7]], False),
        ([[300.5, 2], [7]], False),
    ],
)
def test_whole_numbers_of_a_wide_range_in_like_columns_look_like_tokens(x, looks_so):
    assert look_like_tokens(x) is looks_so


def test_words_are_counted_as_a_written_loop_counts_them():
    x = IDS % 30
    ids = commonest(x[:40], 10)
    told = sorted(range(1, 30), key=lambda one: (-np.sum(x[:40] == one), one))[:10]
    assert ids.tolist() == told
    assert np.array_equal(word_counts(x, ids), [[np.sum(row == one) for one in told] for row in x])
