"""Tables that are read some rows at a time say the same as tables that are read at once."""

import gzip

import pandas as pd
import pytest

from trainwise.toolkit.data.table_files import read_table, table_parts

TEXT = "name;size;town\n" + "".join(f"n{i};{i},5;{'Köln' if i % 2 else ''}\n" for i in range(25))


def whole(path, **options):
    parts = list(table_parts(path, **options))
    return parts, pd.concat([part.frame for part in parts], ignore_index=True)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_parts_of_a_text_table_are_the_whole(tmp_path, encoding):
    file = tmp_path / "towns.csv"
    file.write_bytes(TEXT.encode(encoding))
    parts, frame = whole(file, rows=10)
    table = read_table(file)
    pd.testing.assert_frame_equal(frame, table.frame)
    # The first ten rows of the file hold its header.
    assert [(part.rows, part.first_line) for part in parts] == [(9, 2), (10, 11), (6, 21)]
    assert parts[0].notes == table.notes and all(part.comma for part in parts)


def test_packed_tables_and_those_without_names_or_with_an_index_are_read_so_too(tmp_path):
    packed = tmp_path / "towns.csv.gz"
    packed.write_bytes(gzip.compress(TEXT.encode()))
    pd.testing.assert_frame_equal(whole(packed, rows=7)[1], read_table(packed).frame)
    plain = tmp_path / "plain.csv"
    plain.write_text("1,2\n3,4\n5,6\n")
    assert whole(plain, rows=1)[1].to_numpy().tolist() == [["1", "2"], ["3", "4"], ["5", "6"]]
    indexed = tmp_path / "indexed.csv"
    indexed.write_text("a,b\n0,1,x\n1,2,y\n2,3,x\n")
    pd.testing.assert_frame_equal(whole(indexed, rows=2)[1], read_table(indexed).frame)


def test_parquet_and_json_lines_come_in_parts(tmp_path):
    frame = pd.DataFrame({"size": range(10), "kind": list("abcdefghij")})
    frame.to_parquet(tmp_path / "rows.parquet")
    (tmp_path / "rows.jsonl").write_text(frame.to_json(orient="records", lines=True))
    for name in ("rows.parquet", "rows.jsonl"):
        parts, found = whole(tmp_path / name, rows=4)
        assert [part.rows for part in parts] == [4, 4, 2] and [part.first_line for part in parts] == [1, 5, 9]
        assert found["size"].tolist() == list(range(10)) and found["kind"].tolist() == list("abcdefghij")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n3,4\n5\n", "row 4 has 1 cells, the first row has 2"),
        (b"a,b\n", "holds a header and no rows"),
        (b"a,b\n1,2\n3,'4\n5,\"6\n", "a quote in it is not closed"),
        (b" \n", "is empty"),
        (b"a,b\n\x00\x01,\x02\x00\n", "is not a text file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_when_it_is_read(tmp_path, content, message):
    file = tmp_path / "bad.csv"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(table_parts(file, rows=2))


def test_a_file_that_goes_on_in_another_encoding_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr("trainwise.toolkit.data.text_files._HEAD", 100)
    file = tmp_path / "mixed.csv"
    file.write_bytes(b"a,b\n" + b"1,2\n" * 5000 + b"3,\xe9\n")
    with pytest.raises(ValueError, match="begins as UTF-8 text and does not go on so"):
        list(table_parts(file))


def test_parts_without_rows_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`rows` must be at least 1, got 0"):
        next(table_parts(tmp_path / "any.csv", rows=0))
    with pytest.raises(FileNotFoundError, match="no file"):
        next(table_parts(tmp_path / "any.csv"))
