"""Tables: text with separators in any encoding, Parquet, Excel, JSON lines, data frames."""

import gzip

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainwise.toolkit import data
from trainwise.toolkit.data.table_files import from_frame, read_table
from trainwise.toolkit.data.text_files import find_separator, read_text

TOWNS = "도시,크기\n서울,3\n부산,2\n대구,1\n"
CAFES = "café,größe\nnoir,3\ncrème,2\nlait,1\n"


def _file(folder, content, name="table.csv"):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("1,2,a\n3,4,b\n", False),
        ("x,y,z\n1,2,a\n3,4,b\n", True),
        ("0,1,2\n1.5,2,a\n3,4,b\n", True),
        ("colour,shape\nred,round\nblue,square\n", True),
        ("red,round\nblue,square\nred,square\n", False),
        ("text,spam\nfree prize 1,spam\nsee you at 2,ham\nwin cash 3,spam\n", True),
        ("price,kind\n$1,a\n$2,b\n", True),
    ],
)
def test_a_header_is_found_out(text, header, tmp_path):
    assert read_table(_file(tmp_path, text)).has_header is header


def test_a_target_that_the_first_row_names_makes_it_a_header(tmp_path):
    file = _file(tmp_path, "colour,red\nblue,red\nred,blue\n")
    assert not read_table(file).has_header
    assert read_table(file, target="red").has_header


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_commas_semicolons_tabs_and_bars_part_columns(separator, tmp_path):
    table = read_table(_file(tmp_path, "a,b\n1,x\n2,y\n".replace(",", separator)))
    assert table.columns == ["a", "b"]
    assert table.frame.to_numpy().tolist() == [["1", "x"], ["2", "y"]]


def test_a_sign_in_quotes_or_in_one_row_parts_nothing():
    assert find_separator('name;said\nAnn;"a, b, c"\nBob;"d, e, f"\n') == ";"
    assert find_separator("text\nyes, no\nmaybe\n") == ","


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", TOWNS), ("utf-8-sig", TOWNS), ("utf-16", TOWNS), ("utf-32", TOWNS), ("cp949", TOWNS),
        ("utf-8", CAFES), ("utf-8-sig", CAFES), ("utf-16", CAFES), ("latin-1", CAFES),
        ("cp1252", CAFES.replace("é", "€")),
        ("utf-16-le", "a,b\n1,x\n2,y\n"), ("utf-16-be", "a,b\n1,x\n2,y\n"),
    ],
)  # fmt: skip
def test_a_table_is_read_in_the_encoding_it_has(encoding, text, tmp_path):
    table = read_table(_file(tmp_path, text.encode(encoding)))
    lines = [line.split(",") for line in text.splitlines()]
    assert [table.columns, *table.frame.to_numpy().tolist()] == lines
    said = " ".join(table.notes)
    assert said == "" if encoding.startswith("utf-8") else "Read as" in said


def test_packed_tables_are_unpacked_and_damaged_ones_refused(tmp_path):
    packed = gzip.compress(b"a,b\n1,x\n2,y\n")
    assert read_table(_file(tmp_path, packed, "rows.csv.gz")).rows == 2
    assert data.load(_file(tmp_path, gzip.compress(b"a,b\n" + b"1,x\n2,y\n3,x\n4,y\n" * 5), "all.csv.gz")).name == "all"
    with pytest.raises(ValueError, match="cannot be unpacked as a .gz file"):
        read_table(_file(tmp_path, packed[:20], "cut.csv.gz"))


def test_quoted_line_breaks_stay_in_their_cell(tmp_path):
    table = read_table(_file(tmp_path, 'said,n\n"one\ntwo",1\n"three, ""four""",2\n'))
    assert table.frame["said"].tolist() == ["one\ntwo", 'three, "four"']


@pytest.mark.parametrize("text", ["a,b\n0,5,x\n1,3,y\n", ",a,b\n0,5,x\n1,3,y\n", "Unnamed: 0,a,b\n0,5,x\n1,3,y\n"])
def test_an_index_without_a_name_is_a_column_of_no_name(text, tmp_path):
    assert read_table(_file(tmp_path, text)).columns == ["", "a", "b"]
    more = "".join(f"{i},{i * i % 7},{'xy'[i % 2]}\n" for i in range(2, 30))
    assert data.load(_file(tmp_path, text + more)).columns[0].kind == "identifier"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b,c\n", "holds a header and no rows"),
        ("a,b\n1,x\n2,y,z\n", "row 3 has 3 cells"),
        ("a,b\n1,x\n2\n3,x\n", "row 3 has 1 cells"),
        ("a,a\n1,x\n2,y\n", "'a' twice"),
        ('a,b\n1,x\n"2,y\n3,x\n4,y\n', "a quote in it is not closed"),
        ("a\0b,t\n1,2\n\0\0", "is not a text file"),
        (b"\xff\xfe\x00a\x01", "is not UTF-16 text"),
    ],
)
def test_a_file_that_is_no_table_is_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_table(_file(tmp_path, text))


def test_parquet_excel_and_json_lines_hold_what_pandas_wrote(tmp_path):
    frame = pd.DataFrame(
        {"size": [1.5, None, 3.0], "town": ["a", None, "c"], "day": pd.to_datetime(["2020-01-01"] * 3)}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_excel(tmp_path / "t.xlsx", index=False)
    frame.to_json(tmp_path / "t.jsonl", orient="records", lines=True, date_format="iso")
    frame.to_json(tmp_path / "t.json", orient="records", date_format="iso")
    for name in ("t.parquet", "t.xlsx", "t.jsonl", "t.json"):
        found = read_table(tmp_path / name).frame
        assert list(found.columns) == ["size", "town", "day"], name
        np.testing.assert_array_equal(found["size"].astype(float), frame["size"])
        assert found["town"].isna().tolist() == [False, True, False]
        assert pd.to_datetime(found["day"]).dt.tz_localize(None).tolist() == frame["day"].tolist(), name


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.parquet", b"no parquet", "cannot be read as a .parquet file"),
        ("t.xlsx", b"no workbook", "cannot be read as a .xlsx file"),
        ("t.jsonl", '{"a": 1}\n{"a": ', "no JSON lines"),
        ("t.json", "[1, 2]", "record 1 is no object"),
        ("t.jsonl", '{"a": [1, 2]}\n', "'a' holds lists or objects"),
    ],
)
def test_damaged_files_of_other_kinds_are_refused(name, content, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_table(_file(tmp_path, content, name))


def test_frames_of_pandas_and_polars_and_their_targets_load_alike():
    columns = {
        "size": [float(i) for i in range(40)],
        "kind": ["red", "blue"] * 20,
        "price": [i * 1.5 for i in range(40)],
    }
    whole = data.load(pd.DataFrame(columns), target="price")
    other = data.load(pl.DataFrame(columns), target="price")
    frame = pd.DataFrame(columns)
    pair = data.load((frame[["size", "kind"]], frame["price"]))
    for splits in (other, pair):
        assert splits.target == "price" and splits.features == ("size", "kind")
        np.testing.assert_array_equal(splits.train.x["size"], whole.train.x["size"])
        np.testing.assert_array_equal(splits.train.y, whole.train.y)
    with pytest.raises(ValueError, match="`x` has 40 rows, the targets have 39"):
        data.load((frame[["size"]], frame["price"][:39]))
    with pytest.raises(ValueError, match="'a' twice"):
        from_frame(pd.DataFrame([[1, 2]], columns=["a", "a"]))
    with pytest.raises(ValueError, match="no rows"):
        from_frame(frame[:0])


def test_a_table_of_very_many_columns_is_read_in_time_that_grows_with_them(tmp_path):
    columns = 10_000
    names = ",".join(f"c{i}" for i in range(columns))
    rows = "".join(",".join(["1.5"] * columns) + "\n" for _ in range(3))
    assert len(read_table(_file(tmp_path, f"{names}\n{rows}")).columns) == columns


# No blanks around, for they are cut off, and no letter that some line end or byte-order mark is.
CELLS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufeff\x85"),
    max_size=8,
).map(str.strip)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=2, max_size=8), st.sampled_from([",", ";", "\t"]))
def test_what_pandas_writes_is_read_cell_by_cell(tmp_path_factory, rows, separator):
    # A first column of words that all rows have makes the separator and the rows plain.
    frame = pd.DataFrame([[f"row{i}", *row] for i, row in enumerate(rows)], columns=["k", "one", "two", "three"])
    file = tmp_path_factory.mktemp("written") / "t.csv"
    frame.to_csv(file, index=False, sep=separator, quoting=1)
    table = read_table(file, header=True)
    assert table.columns == list(frame.columns)
    assert table.frame.to_numpy().tolist() == frame.to_numpy().tolist()


def test_a_file_that_is_not_there_is_named(tmp_path):
    for name in ("none.csv", "none.parquet", "none.jsonl"):
        with pytest.raises(FileNotFoundError, match=name):
            read_table(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="none"):
        read_text(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n" + "1,x\n" * 15 + "four,y\n", "'a' mixes numbers and words: 1 of 16 cells .* 'four' in row 17"),
        ("a,b\ninf,x\n2,y\n3,x\n4,y\n5,x\n6,y\n", "'a' holds infinite values, the first in row 2"),
        ("a,b\n1,x\n2,x\n3,x\n", "one class only"),
        ("a,b\n1,x\n2,x\n3,x\n4,y\n", "'y' has 1 row;"),
        ("a,b\n1,p\n2,q\n3,r\n", "as many classes as rows"),
        ("b\nx\ny\n", "the target column 'b' only"),
        ("a,b\n1,x\n1e39,y\n3,x\n4,y\n5,x\n6,y\n", "'a' holds 1e\\+39, and models compute in float32"),
        ("a,b\n1,.5\n2,1e19\n3,2\n4,3\n", "'b' holds 1e\\+19, whose square is beyond float32"),
        ("a,b\n1,\n2,\n3,\n", "the target 'b' has no value in any row"),
        ("a,b\n1,x\n1,y\n1,x\n1,y\n", "no column to predict 'b' from: 'a': constant"),
        (
            "d,b\n" + "".join(f"2020-01-1{i},{'xy'[i % 2]}\n" for i in range(9)) + "2020-13-01,x\n",
            "\'d\' holds dates as %Y-%m-%d, and '2020-13-01' in row 11 is none",
        ),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_learnt_from_is_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        data.load(_file(tmp_path, text))


def test_very_many_columns_with_words_are_refused_before_a_model_is_built(tmp_path):
    names = ",".join(f"c{i}" for i in range(1002))
    rows = "".join(",".join(["wv"[i % 3 % 2]] * 1001 + ["xy"[i % 2]]) + "\n" for i in range(9))
    with pytest.raises(ValueError, match="has 1001 columns, some of words; with words it may have 1000"):
        data.load(_file(tmp_path, f"{names}\n{rows}"))


def test_rows_without_a_target_are_left_out_and_said(tmp_path):
    splits = data.load(_file(tmp_path, "a,b\n" + "".join(f"{i * 7 % 30},{['x', 'y', ''][i % 3]}\n" for i in range(30))))
    assert len(splits.train) + len(splits.validation) + len(splits.test) == 20
    assert splits.notes == ("10 rows have no value in the target 'b' and are left out.",)
