"""What columns are, found from their values."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwise.toolkit import data
from trainwise.toolkit.data.columns import find_column
from trainwise.toolkit.data.dates import FORMATS, find_format, parsed
from trainwise.toolkit.data.numerals import as_numbers, find_form


def _found(cells, name="c", **options):
    return find_column(name, pd.Series(cells, dtype=object) if isinstance(cells, list) else cells, **options)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", ""], "number"),
        (["$1,200", "$3", "$99.5"], "number"),
        (["37%", "5%"], "number"),
        (["red", "blue", "red"], "category"),
        (["yes", "no", "yes"], "boolean"),
        (["True", "False", "True"], "boolean"),
        (["low", "high", "medium", "low"], "ordered"),
        (["2 stars", "1 star", "5 stars"], "ordered"),
        ([f"2020-02-{i:02d}" for i in range(1, 29)], "date"),
        ([f"{i}/2/2020 10:0{i % 10}" for i in range(1, 13)], "date"),
        ([f"C{i:05d}" for i in range(40)], "identifier"),
        (["same"] * 9, "constant"),
        (["", "NA", "?"], "empty"),
        ([f"the {i} quick brown foxes" for i in range(40)], "text"),
        (["Big", "1984", "Heat", "2012", "1984"], "category"),
        (["2012", "1984", "300"], "number"),
    ],
)
def test_the_kind_of_a_column_is_found_from_its_values(cells, kind):
    assert _found(cells)[0].kind == kind


def test_whole_numbers_are_identifiers_where_they_are_all_different_and_called_so():
    numbers = pd.Series(np.random.default_rng(0).permutation(1000)[:50])
    assert _found(numbers, "customer_id")[0].kind == "identifier"
    assert _found(numbers, "customerId")[0].kind == "identifier"
    assert _found(numbers, "weight")[0].kind == "number"
    assert _found(numbers, "paid")[0].kind == "number"
    assert "counts the rows" in _found(pd.Series(range(50)), "weight")[0].said


@pytest.mark.parametrize(
    ("words", "real", "gaps"),
    [
        (["KR", "FR", "NA", "KR"], ["NA"], 0),
        (["male", "female", "NA", "male"], [], 1),
        (["Paved", "Gravel", "None"], ["None"], 0),
        (["red", "blue", "None"], [], 1),
        (["red", "blue", "none"], ["none"], 0),
        (["red", "blue", "nan", "null", "?", "N/A", ""], [], 5),
    ],
)
def test_words_that_look_like_gaps_are_settled_by_the_other_values(words, real, gaps):
    column, values = _found(words)
    assert list(column.words) == real
    assert column.gaps == gaps == int((values == "").sum())
    assert all(repr(word) in column.said for word in real)


def test_all_words_for_gaps_are_gaps_among_numbers():
    column, values = _found(["1", "NA", "None", "?", "", "-", "2"])
    assert column.kind == "number" and column.gaps == 5
    np.testing.assert_array_equal(values, [1, np.nan, np.nan, np.nan, np.nan, np.nan, 2])


@pytest.mark.parametrize(
    ("words", "numbers", "said"),
    [
        (["$1,234.50", "$99"], [1234.5, 99], "without $ and separators of thousands"),
        (["1.234,50 €", "99,90 €"], [1234.5, 99.9], "decimal comma"),
        (["1 234,5", "2"], [1234.5, 2], "decimal comma"),
        (["12%", "7.5%"], [0.12, 0.075], "37% as 0.37"),
        (["(1,200)", "-3"], [-1200, -3], "separators of thousands"),
        (["1e3", "-.5", "+2."], [1000, -0.5, 2], ""),
        (["1,234,567", "1"], [1234567, 1], "separators of thousands"),
        (["1,5", "2,25"], [1.5, 2.25], "decimal comma"),
        (["₩1,000", "₩25"], [1000, 25], "without ₩"),
        (["1'000.5", "1"], [1000.5, 1], "separators of thousands"),
        (["1.5", "2.25", "10.125"], [1.5, 2.25, 10.125], ""),
        (["\u22123", "4"], [-3, 4], ""),
    ],
)
def test_numbers_are_read_as_people_write_them(words, numbers, said):
    column, values = _found(words)
    np.testing.assert_allclose(values, numbers)
    assert column.kind == "number" and said in column.said


@pytest.mark.parametrize("words", [["1_0", "2"], ["0x10", "b"], ["1,23,456", "one"], ["1.2.3", "4.5.6"], ["$", "%"]])
def test_what_is_no_number_is_none(words):
    assert np.isnan(as_numbers([words[0]], find_form(words))[0])


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(-(10**9), 10**9)),
        min_size=1,
        max_size=30,
    )
)
def test_numbers_that_pandas_writes_come_back(numbers):
    written = pd.Series(numbers, dtype=object).map(lambda one: "" if one is None else repr(one))
    _, values = _found(written, asked="number" if written.ne("").any() else None)
    if written.ne("").any():
        np.testing.assert_array_equal(values, pd.to_numeric(written.replace("", None), errors="coerce").astype(float))


@pytest.mark.parametrize("form", FORMATS)
def test_dates_of_every_form_are_read_as_pandas_wrote_them(form):
    # After the twelfth, so that day and month cannot be taken for each other; hours that twelve-hour clocks tell.
    times = pd.Series(pd.date_range("1999-12-13 07:08:09", periods=40, freq="9D5h7min"))
    times = times[times.dt.day > 12]
    words = times.dt.strftime(form)
    found, share = find_format(list(words.unique()))
    assert share == 1
    np.testing.assert_array_equal(parsed(words.astype(object), found), pd.to_datetime(words, format=form))


def test_zones_and_fractions_of_seconds_are_left_out():
    column, _ = _found(["2020-02-29T10:00:00.123Z", "2021-03-01T11:30:00+09:00"])
    assert column.date_format == "%Y-%m-%dT%H:%M:%S"


def test_a_user_says_what_a_column_is():
    numbers = pd.Series([1984, 2012, 1984, 300])
    assert _found(numbers, asked="category")[1].tolist() == ["1984", "2012", "1984", "300"]
    assert _found(["20200131", "20200201"], asked="date")[0].date_format == "%Y%m%d"
    assert _found(["20200131", "20200201"])[0].kind == "number"
    assert not _found(numbers, asked="drop")[0].used and not _found(numbers, asked="identifier")[0].used
    column, values = _found(["1", "2", "many"], asked="number")
    assert np.isnan(values[2]) and "'many'" in column.said
    assert _found(["a", "b", "a"], asked="text")[0].kind == "text"
    with pytest.raises(ValueError, match="columns\\['c'\\].*'colour'"):
        _found(numbers, asked="colour")
    with pytest.raises(ValueError, match="mixes numbers and words: 3 of 3 cells are words, the first is 'x' in row 1"):
        _found(["x", "y", "z"], asked="number")
    with pytest.raises(ValueError, match="holds dates as .*'soon' in row 2 is none"):
        _found(["2020-01-31", "soon"], asked="date")
    with pytest.raises(ValueError, match="order of 'red', 'blue' is not known"):
        _found(["red", "blue"], asked="ordered")


def test_the_types_of_pandas_are_kept():
    assert _found(pd.Series([True, False]))[1].tolist() == [1.0, 0.0]
    column, values = _found(pd.Series(pd.to_datetime(["2020-01-01 10:00", None], utc=True)))
    assert column.kind == "date" and values.tolist() == ["2020-01-01 10:00:00", ""]
    ordered = pd.Series(pd.Categorical(["b", "a", None], categories=["b", "a"], ordered=True))
    assert _found(ordered)[0].levels == ("b", "a")
    np.testing.assert_array_equal(_found(pd.Series([1, None], dtype="Int64"))[1], [1, np.nan])
    np.testing.assert_array_equal(_found(pd.Series(pd.to_timedelta(["1h", None])))[1], [3600, np.nan])
    with pytest.raises(TypeError, match="complex numbers"):
        _found(pd.Series([1j]))
    with pytest.raises(TypeError, match="holds a list"):
        _found(pd.Series([[1, 2]]))


def test_few_whole_numbers_may_be_classes():
    assert _found(pd.Series([1, 2, 3] * 20))[0].few
    assert not _found(pd.Series([0, 1] * 20))[0].few
    assert not _found(pd.Series([1.5, 2, 3] * 20))[0].few


def test_columns_that_are_left_out_are_said_and_can_be_changed(tmp_path):
    rows = "".join(f"C{i:03d},{i * 7 % 30},k,{'xy'[i % 2]}\n" for i in range(40))
    (tmp_path / "t.csv").write_text("code,size,same,t\n" + rows)
    splits = data.load(tmp_path / "t.csv")
    assert splits.features == ("size",)
    assert [column.said.rsplit(", ", 1)[1] for column in splits.columns] == ["left out", "30 different", "left out"]
    kept = data.load(tmp_path / "t.csv", columns={"code": "category"})
    assert kept.features == ("code", "size")
    with pytest.raises(ValueError, match="no column 'Size'; its columns are .* Did you mean 'size'"):
        data.load(tmp_path / "t.csv", columns={"Size": "text"})
    with pytest.raises(TypeError, match="`columns` must be a mapping"):
        data.load(tmp_path / "t.csv", columns=["size"])
    with pytest.raises(ValueError, match="are for tables, got 'iris'"):
        data.load("iris", columns={"a": "text"})
