"""Text files as they come: packed or not, in the encoding and with the separator that they are found to have."""

from __future__ import annotations

import bz2
import codecs
import csv
import gzip
import io
import lzma
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PACKED = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_HEAD = 4_000_000
# The longer marks first: that of UTF-32 begins as that of UTF-16 does.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SEPARATORS = (",", ";", "\t", "|")
_LOOKED_AT = 100
# Of the letters beyond ASCII: text of another encoding gives Korean ones among rare signs.
_MOSTLY = 0.8
# Of the characters of a text.
_MOST_CONTROLS = 0.01


@dataclass(frozen=True)
class TextFile:
    """What a file says, and in which encoding it was written."""

    text: str
    encoding: str


def read_text(path: Path) -> TextFile:
    r"""Reads a text file, packed by gzip, bzip2 or xz or not, in the encoding that it is found to have.

    A byte-order mark decides; else UTF-8 where all bytes are, UTF-16 where every second byte is zero, the Korean cp949
    where it gives Korean letters, and the western cp1252 where none of these fits.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is empty, cannot be unpacked, or is no text.

    Example:

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "town.csv")
    >>> _ = file.write_bytes("a,도시\n1,서울\n".encode("cp949"))
    >>> read_text(file)
    TextFile(text='a,도시\n1,서울\n', encoding='cp949')
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    content = path.read_bytes()
    unpack = _PACKED.get(path.suffix.lower())
    if unpack:
        try:
            content = unpack(content)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise ValueError(f"{path} cannot be unpacked as a {path.suffix} file: {error}.") from None
    if not content.strip():
        raise ValueError(f"{path} is empty.")
    encoding = _encoding(content)
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not {encoding.upper()} text, as its first bytes say: byte {error.start} cannot be read. Save "
            "it anew as UTF-8."
        ) from None
    _refuse_no_text(path, text)
    return TextFile(text, encoding)


@dataclass(frozen=True)
class OpenedText:
    """A text file that is read as it comes: how it begins, all its lines, and the encoding that its beginning has."""

    head: str
    lines: Iterator[str]
    encoding: str


@contextmanager
def opened_text(path: Path) -> Iterator[OpenedText]:
    r"""Opens a text file, packed or not, without reading all of it; its first four million bytes tell the encoding.

    Args:
        path: The file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is empty, cannot be unpacked, is no text, or goes on in another encoding than it begins in.

    Example:

    >>> import tempfile
    >>> file = Path(tempfile.mkdtemp(), "town.csv")
    >>> _ = file.write_bytes("a,b\n1,é\n".encode("cp1252"))
    >>> with opened_text(file) as opened:
    ...     opened.encoding, list(opened.lines)
    ('cp1252', ['a,b\n', '1,é\n'])
    """
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    opener: Any = _OPENERS.get(path.suffix.lower(), open)
    try:
        with opener(path, "rb") as file:
            content = file.read(_HEAD)
            cut = len(content) == _HEAD
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise ValueError(f"{path} cannot be unpacked as a {path.suffix} file: {error}.") from None
    if not content.strip():
        raise ValueError(f"{path} is empty.")
    # A letter of several bytes may be cut at the end.
    encoding = _encoding(content[: content.rfind(b"\n") + 1] or content if cut else content)
    head = content.decode(encoding, errors="ignore")
    _refuse_no_text(path, head)
    with opener(path, "rt", encoding=encoding, newline="") as file:
        yield OpenedText(head, _lines(path, file, encoding), encoding)


def _lines(path: Path, file: Any, encoding: str) -> Iterator[str]:
    try:
        for number, line in enumerate(file):
            yield line.removeprefix("\ufeff") if number == 0 else line
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} begins as {encoding.upper()} text and does not go on so: {error.reason}. Save it anew as UTF-8."
        ) from None
    except (EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise ValueError(f"{path} cannot be unpacked as a {path.suffix} file: {error}.") from None


def _refuse_no_text(path: Path, text: str) -> None:
    sample = text[:100_000]
    if sum(character < " " and character not in "\t\r\n\f" for character in sample) > _MOST_CONTROLS * len(sample):
        raise ValueError(f"{path} is not a text file: it holds zero bytes or other signs that no text has.")


def _encoding(content: bytes) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return encoding
    head = content[:4000]
    even, odd = head[0::2].count(0), head[1::2].count(0)
    # ASCII in UTF-16 has a zero byte beside each letter.
    if max(even, odd) > 0.4 * len(head) / 2 and min(even, odd) < 0.05 * len(head) / 2:
        return "utf-16-le" if odd > even else "utf-16-be"
    if _decodes(content, "utf-8") is not None:
        return "utf-8"
    korean = _decodes(content, "cp949")
    if korean is not None:
        beyond = [character for character in korean if character > "\x7f"]
        if sum("가" <= character <= "힣" for character in beyond) > _MOSTLY * len(beyond):
            return "cp949"
    # A few bytes have no letter in cp1252; latin-1 has one for each.
    return "latin-1" if _decodes(content, "cp1252") is None else "cp1252"


def _decodes(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def find_separator(text: str) -> str:
    r"""The sign that parts the columns of a table: by it most of the first rows have the same number of cells.

    Args:
        text: A table as text.

    Returns:
        A comma, semicolon, tab or bar; the comma where there is one column only.

    Example:

    >>> find_separator("name;size\nbox;1,5\ntin;2,5\n")
    ';'
    """
    found = ",", 0.0
    for separator in SEPARATORS:
        widths = Counter(len(row) for row in _first_rows(text, separator))
        width, count = max(widths.items(), key=lambda one: (one[1], one[0]), default=(1, 0))
        # The name of the index may be left out of the header, so all rows but one agree.
        agreement = count / max(1, sum(widths.values()))
        score = agreement * (1 + 0.01 * min(width, 50)) if width > 1 else 0.0
        if score > found[1] + 1e-9:
            found = separator, score
    return found[0]


def _first_rows(text: str, separator: str) -> list[list[str]]:
    reader = csv.reader(io.StringIO(text[:1_000_000], newline=""), delimiter=separator)
    rows = []
    try:
        for row in reader:
            if any(row):
                rows.append(row)
            if len(rows) > _LOOKED_AT:
                break
    # A cell longer than the csv module takes, or a quote that is never closed.
    except csv.Error:
        pass
    return rows
