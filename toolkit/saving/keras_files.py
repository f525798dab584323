"""What a file that says it is a Keras model would do when it is loaded: it is looked into, and nothing of it is run."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import keras

# Weights hardly shrink; a part that unpacks to more than this many times its size, and to more than that many bytes,
# is made to fill the memory.
_MOST_TIMES = 100
_MOST_BYTES = 64 * 2**20
_MOST_CONFIG = 256 * 2**20
# How the formats of Python's pickle begin: what they hold is run as it is read.
_PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_CODE = ("__lambda__", "Lambda")


def refuse_hostile(path: Path) -> None:
    """Refuses a model's file that holds code, leads out of its folder, or unpacks to far more than it is.

    Args:
        path: The file; one that is no archive is left to Keras.

    Raises:
        ValueError: What it holds, by name.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.keras"
    >>> with zipfile.ZipFile(path, "w") as archive:
    ...     archive.writestr("../../evil", "x")
    >>> refuse_hostile(path)
    Traceback (most recent call last):
    ...
    ValueError: ... cannot be loaded as a Keras model: it holds the part '../../evil', which would leave its folder.
    """
    with path.open("rb") as file:
        start = file.read(2)
    no = f"{path} cannot be loaded as a Keras model: it"
    if start in _PICKLES:
        raise ValueError(
            f'{no} is a pickle, which runs code as it is read. Save the model with `model.save("name.keras")`.'
        )
    parts, config = _looked_into(path)
    for part in parts:
        _refuse_part(no, part)
    found = next(_code_in(config), None)
    if found is not None:
        raise ValueError(
            f"{no} holds Python code ({found}), which is not run. Replace it by layers or `keras.ops`; where you know "
            "who made the file, `keras.models.load_model(path, safe_mode=False)` runs it."
        )


def unknown_classes(path: Path) -> list[str]:
    """What a model's file needs and nobody has registered with Keras here, as `package>Name`; it is not loaded.

    Example:

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "model.keras"
    >>> keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    >>> unknown_classes(path)
    []
    """
    _, config = _looked_into(path)
    names = {name for one in _dictionaries(config) if (name := _own_name(one))}
    return sorted(name for name in names if keras.saving.get_registered_object(name) is None)


def _own_name(config: dict[str, Any]) -> str | None:
    """The name under which a class or function of somebody else than Keras is to be registered."""
    name, module = config.get("registered_name"), config.get("module")
    plain = str(module).partition(".")[0] in ("keras", "builtins")
    return name if isinstance(name, str) and isinstance(module, str) and not plain else None


def _looked_into(path: Path) -> tuple[list[zipfile.ZipInfo], Any]:
    """The parts of an archive and its configuration; nothing of what is damaged, of which Keras says where."""
    if not zipfile.is_zipfile(path):
        return [], None
    parts: list[zipfile.ZipInfo] = []
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
            return parts, _config(archive)
    # What a damaged archive leads to.
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError):
        return parts, None


def _refuse_part(no: str, part: zipfile.ZipInfo) -> None:
    name = part.filename
    places = PurePosixPath(name.replace("\\", "/"))
    if places.is_absolute() or ".." in places.parts or ":" in name:
        raise ValueError(f"{no} holds the part {name!r}, which would leave its folder.")
    if part.file_size > _MOST_BYTES and part.file_size > _MOST_TIMES * max(1, part.compress_size):
        raise ValueError(
            f"{no} holds the part {name!r}, which unpacks from {part.compress_size:,} bytes to {part.file_size:,} and "
            "would fill the memory."
        )


def _config(archive: zipfile.ZipFile) -> Any:
    if "config.json" not in archive.namelist() or archive.getinfo("config.json").file_size > _MOST_CONFIG:
        return None
    return json.loads(archive.read("config.json"))


def _code_in(config: Any) -> Iterator[str]:
    """The names of what holds code."""
    for one in _dictionaries(config):
        kind = one.get("class_name")
        if isinstance(kind, str) and kind in _CODE:
            inner = one.get("config")
            name = inner.get("name") if isinstance(inner, dict) else None
            yield f"{kind.strip('_')} {name!r}" if name else kind.strip("_")


def _dictionaries(config: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in a configuration of any depth."""
    waiting = [config]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
