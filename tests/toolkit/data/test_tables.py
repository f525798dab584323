"""CSV files."""

import pytest

from trainwise.toolkit import data
from trainwise.toolkit.data.tables import read_csv


def _csv(folder, text, name="table.csv"):
    file = folder / name
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("1,2,a\n3,4,b\n", False),
        ("x,y,z\n1,2,a\n3,4,b\n", True),
        ("0,1,2\n1.5,2,a\n3,4,b\n", True),
        ("colour,shape\nred,round\nblue,square\n", True),
        ("red,round\nblue,square\nred,square\n", False),
    ],
)
def test_a_header_is_found_out(text, header, tmp_path):
    assert read_csv(_csv(tmp_path, text)).has_header is header


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_commas_semicolons_and_tabs_part_columns(delimiter, tmp_path):
    table = read_csv(_csv(tmp_path, "a,b\n1,x\n2,y\n".replace(",", delimiter)))
    assert list(table.columns) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("a,b,c\n", "holds a header and no rows"),
        ("a,b\n1,x\n2,y,z\n", "row 3 has 3 cells"),
        ("a,a\n1,x\n2,y\n", "'a' twice"),
        ("a,b\n1,x\nfour,y\n3,x\n", "'a' mixes numbers and words: 1 of 3 cells .* 'four' in row 3"),
        ("a,b\n1,x\n,y\n3,x\n", "row 3 has no value \\(NaN\\) in column 'a'"),
        ("a,b\n1,x\nnan,y\n3,x\n", "no value"),
        ("a,b\n1,x\ninf,y\n3,x\n4,y\n5,x\n6,y\n", "'a' holds NaN or infinite"),
        ("a,b\n1,x\n2,x\n3,x\n", "one class only"),
        ("a,b\n1,x\n2,x\n3,x\n4,y\n", "'y' has 1 row;"),
        ("a,b\n1,p\n2,q\n3,r\n", "as many classes as rows"),
        ("b\nx\ny\n", "the target column 'b' only"),
        ('a,b\n1,x\n"2,y\n3,x\n4,y\n', "a quote in it is not closed"),
        ("a;b\n1,5;x\n2;y\n3,25;x\n4;y\n", "'a' have a comma, as '1,5': write them with a decimal point"),
        (",b,t\n0,5,x\n1,3,y\n2,3,x\n3,4,y\n", "the column '' only counts the rows"),
        ("Unnamed: 0,b,t\n0,5,x\n1,3,y\n2,3,x\n3,4,y\n", "'Unnamed: 0' only counts the rows"),
        ("a,b\n1_0,x\n20,y\n30,x\n40,y\n", "'a' mixes numbers and words"),
        ("a,b\n1,x\n1e39,y\n3,x\n4,y\n5,x\n6,y\n", "'a' holds 1e\\+39, and models compute in float32"),
        ("a,b\n1,.5\n2,1e19\n3,2\n4,3\n", "'b' holds 1e\\+19, whose square is beyond float32"),
        ("a\0b,t\n1,2\n", "is not a text file"),
    ],
)
def test_a_csv_that_cannot_be_learnt_from_is_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        data.load(_csv(tmp_path, text))


def test_a_table_of_very_many_columns_is_read_in_time_that_grows_with_them(tmp_path):
    columns = 20_000
    names = ",".join(f"c{i}" for i in range(columns))
    rows = "".join(",".join(["1.5"] * columns) + "\n" for _ in range(3))
    table = read_csv(_csv(tmp_path, f"{names}\n{rows}"))
    assert len(table.columns) == columns


def test_very_many_columns_with_words_are_refused_before_a_model_is_built(tmp_path):
    names = ",".join(f"c{i}" for i in range(1002))
    rows = "".join(",".join(["w"] * 1001 + ["xy"[i % 2]]) + "\n" for i in range(9))
    with pytest.raises(ValueError, match="has 1001 columns, some of words; with words it may have 1000"):
        data.load(_csv(tmp_path, f"{names}\n{rows}"))
