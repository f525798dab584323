"""Strings of TensorFlow as numpy, files and JSON hold them: text where they are, and bytes that come back unchanged."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

# Bytes that are no UTF-8 become lone halves of characters, which no text holds, and turn back into themselves.
_KEPT = "surrogateescape"


def text_of(word: Any) -> str:
    r"""A string as text from which its bytes can be had again.

    Example:

    >>> text_of(b"\xff"), text_of("né".encode()), text_of(3)
    ('\udcff', 'né', '3')
    """
    return word.decode("utf-8", _KEPT) if isinstance(word, bytes) else str(word)


def bytes_of(text: str) -> bytes:
    r"""The bytes of a text of `text_of`.

    Example:

    >>> bytes_of(text_of(b"\x89PNG"))
    b'\x89PNG'
    """
    return text.encode("utf-8", _KEPT)


def texts_of(strings: np.ndarray) -> np.ndarray:
    """Strings of any kind as an array of text of fixed width: plain `.npz` files hold no objects.

    Example:

    >>> texts_of(np.array([[b"a", "bc"]], dtype=object)).tolist()
    [['a', 'bc']]
    """
    return np.array([text_of(word) for word in strings.ravel()], dtype="U").reshape(strings.shape)


def strings_of(texts: np.ndarray) -> np.ndarray:
    """An array of `texts_of` as TensorFlow takes it."""
    strings = np.empty(texts.size, dtype=object)
    strings[:] = [bytes_of(text) for text in texts.ravel()]
    return strings.reshape(texts.shape)


def is_text(text: str) -> bool:
    r"""Whether a text of `text_of` is text, and not bytes.

    Example:

    >>> is_text("né"), is_text("\udcff")
    (True, False)
    """
    return not any("\ud800" <= character <= "\udfff" for character in text)


def json_of(text: str) -> str | dict[str, str]:
    r"""A text of `text_of` as TensorFlow Serving takes it: what is no text in base 64.

    Reference: TensorFlow Serving, *RESTful API*, "Encoding binary values".

    Example:

    >>> json_of("né"), json_of(text_of(b"\x89PNG"))
    ('né', {'b64': 'iVBORw=='})
    """
    return text if is_text(text) else {"b64": base64.b64encode(bytes_of(text)).decode("ascii")}
