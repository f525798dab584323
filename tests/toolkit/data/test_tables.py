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
    ],
)
def test_a_csv_that_cannot_be_learnt_from_is_refused(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        data.load(_csv(tmp_path, text))
