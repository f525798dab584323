"""Images in folders and lists: which there are and of what class, decoded, of one size and one number of channels."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..runtime.machine import cores, free_memory

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif")
_NOT_DECODED = (".webp", ".tif", ".tiff", ".heic", ".avif", ".svg", ".jp2", ".ico", ".psd", ".raw")
# Images of different sizes become so large at most: a first model learns in minutes there.
LONGEST_SIDE = 64
_SHORTEST_SIDE = 16
_BROKEN = 0.01
_MOST_NAMED = 5
_ROWS_AT_ONCE = 256
_PART_NAMES = {
    "train": "train", "training": "train", "val": "validation", "valid": "validation", "validation": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
# Of a column of paths; a few may be misspelt, and are told as broken.
_LOOKED_AT = 1_000
_MOSTLY = 0.9


@dataclass(frozen=True)
class ImageFiles:
    """Files of images, and what is known of each.

    Args:
        paths: The files.
        labels: Of each, its class or its number.
        parts: Row numbers by split, where the folders part them.
        target: What the labels are called.
        notes: What was left out, a sentence each.
    """

    paths: tuple[Path, ...]
    labels: np.ndarray
    parts: dict[str, np.ndarray]
    target: str = "class"
    notes: tuple[str, ...] = ()


def is_image_file(path: str | Path) -> bool:
    """Whether a file's name ends as those of images do that can be decoded.

    Example:

    >>> is_image_file("cat.JPG"), is_image_file("cat.webp")
    (True, False)
    """
    return Path(path).suffix.lower() in ENDINGS


def images_of_folder(folder: str | Path) -> ImageFiles:
    """The images of a folder with one folder for each class, or with `train`, `test` and the like that hold such ones.

    Args:
        folder: Where they are. Hidden files and files that are no images are passed over, and counted.

    Raises:
        ValueError: There are no folders of classes, or no images in them.

    Example:

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for kind in ("cat", "dog"):
    ...     (folder / kind).mkdir()
    ...     _ = (folder / kind / "1.png").write_bytes(b"")
    >>> images_of_folder(folder).labels.tolist()
    ['cat', 'dog']
    """
    folder = Path(folder)
    inside = _folders(folder)
    if not inside:
        images = [one for one in sorted(folder.iterdir()) if is_image_file(one)]
        what = f"{len(images)} images and no folder" if images else "no folder"
        raise ValueError(
            f"{folder} holds {what}: put the images into one folder for each class, such as {folder / 'cat'} and "
            f"{folder / 'dog'}, or list them in a .csv with a column of paths and one of classes."
        )
    parted = {one: _PART_NAMES[one.name.lower()] for one in inside if one.name.lower() in _PART_NAMES}
    whole = len(parted) == len(inside) and "train" in parted.values() and all(map(_folders, parted))
    paths: list[Path] = []
    labels: list[str] = []
    parts: dict[str, list[int]] = {}
    empty, passed_over = [], []
    for place, part in parted.items() if whole else ((folder, ""),):
        for kind in _folders(place):
            found, others = images_in(kind)
            passed_over += others
            if not found:
                empty.append(kind.name)
            if part:
                parts.setdefault(part, []).extend(range(len(paths), len(paths) + len(found)))
            paths += found
            labels += [kind.name] * len(found)
    beside = [one for one in folder.iterdir() if one.is_file()]
    notes = _notes(empty, [*passed_over, *beside])
    if not paths:
        raise ValueError(f"{folder} holds no images ({', '.join(ENDINGS)}) in its folders. {' '.join(notes)}".strip())
    names = np.array(labels, dtype=object)
    return ImageFiles(tuple(paths), names, {part: np.array(at) for part, at in parts.items()}, "class", tuple(notes))


def _folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir() and not one.name.startswith("."))


def images_in(folder: Path) -> tuple[list[Path], list[Path]]:
    """The images below a folder, and the files that are hidden or none.

    Example:

    >>> images_in(Path("nowhere"))
    ([], [])
    """
    images: list[Path] = []
    others: list[Path] = []
    for one in sorted(folder.rglob("*")):
        if one.is_dir():
            continue
        hidden = any(part.startswith(".") for part in one.relative_to(folder).parts)
        (images if is_image_file(one) and not hidden else others).append(one)
    return images, others


def _notes(empty: Sequence[str], others: Sequence[Path]) -> list[str]:
    notes = []
    if empty:
        several = len(empty) > 1
        notes.append(
            f"The folder{'s' if several else ''} {_named(empty)} hold{'' if several else 's'} no image, and "
            f"{'are no classes' if several else 'is no class'}."
        )
    pictures = [one for one in others if one.suffix.lower() in _NOT_DECODED and not one.name.startswith(".")]
    if pictures:
        notes.append(
            f"{len(pictures)} image{'s' if len(pictures) > 1 else ''} of a kind that is not decoded left out "
            f"({_named([one.name for one in pictures])}): make them PNG or JPEG."
        )
    rest = [one for one in others if one not in set(pictures)]
    if rest:
        notes.append(
            f"{len(rest)} file{'s that are' if len(rest) > 1 else ' that is'} hidden or no image passed over "
            f"({_named([one.name for one in rest])})."
        )
    return notes


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(map(repr, names[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")


def path_column(frame: pd.DataFrame, leave_out: Sequence[str] = ()) -> str | None:
    """The column of a table whose cells are paths of images, `None` where none is.

    Example:

    >>> path_column(pd.DataFrame({"photo": ["a.png", "b.jpg"], "kind": ["x", "y"]}))
    'photo'
    """
    for name in frame.columns:
        if name in leave_out or frame[name].dtype.kind in "biufcmM":
            continue
        cells = [str(cell) for cell in frame[name] if isinstance(cell, str) and cell]
        # A table has very many cells that are no paths, and the first tell.
        if any(map(is_image_file, cells[:_LOOKED_AT])) and sum(map(is_image_file, cells)) >= _MOSTLY * len(frame):
            return str(name)
    return None


def found_paths(cells: Sequence[str], table: Path) -> tuple[Path, ...]:
    """The files that a table names, beside the table or else from the current folder.

    Args:
        cells: Paths as the table has them.
        table: The table's own path.

    Raises:
        FileNotFoundError: None of them is there.
    """
    beside = [table.parent / cell for cell in cells]
    if any(one.is_file() for one in beside):
        return tuple(beside)
    here = [Path(cell) for cell in cells]
    if any(one.is_file() for one in here):
        return tuple(here)
    raise FileNotFoundError(f"{table} names {len(cells)} images, and none is there, the first is {beside[0]}.")


def small_images(x: np.ndarray, side: int) -> np.ndarray:
    """Images whose longer side has so many pixels at most, each the mean of those that it stands for.

    Args:
        x: `(rows, height, width, channels)`.
        side: Pixels, at least 1.

    Example:

    >>> small_images(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0].tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """
    import tensorflow as tf

    height, width = _shrunk(x.shape[1], x.shape[2], side)
    if (height, width) == x.shape[1:3]:
        return x
    parts = [
        np.asarray(tf.image.resize(x[at : at + _ROWS_AT_ONCE], (height, width), "area"))
        for at in range(0, len(x), _ROWS_AT_ONCE)
    ]
    return np.concatenate(parts)


def read_images(paths: Sequence[Path], shape: tuple[int, int, int] | None = None) -> tuple[np.ndarray, Any, list[str]]:
    """Decodes images, and makes them of one size.

    Images of one size stay as they are where the memory suffices; of different sizes all get the middle one, at most
    64 pixels on the longer side. Where one has colours, grey ones get three equal channels; transparency is left out.
    Of films the first frame is taken. Up to 1 % of the files may be broken, and are left out.

    Args:
        paths: The files.
        shape: Height, width and channels, where a model asks for them; broken files are refused then.

    Returns:
        Array `(images, height, width, channels)` of float32 from 0 to 255, which of the paths they are, and what is to
        be said.

    Raises:
        ValueError: More than 1 % of the files are broken, or the memory does not suffice.
    """
    with ThreadPoolExecutor(cores()) as pool:
        shapes = list(pool.map(_shape, paths))
    broken = [str(path) for path, one in zip(paths, shapes, strict=True) if one is None]
    most = 0 if shape is not None else _BROKEN * len(paths)
    if broken and len(broken) > most:
        allowed = "" if shape is not None else " (up to 1 % would be left out)"
        raise ValueError(
            f"{len(broken)} of {len(paths)} images cannot be decoded{allowed}: {_named(broken)}. Mend or remove them."
        )
    notes = [f"{len(broken)} of {len(paths)} images cannot be decoded and are left out: {_named(broken)}."]
    notes = notes if broken else []
    at = np.array([place for place, one in enumerate(shapes) if one is not None])
    sizes = np.array([one for one in shapes if one is not None])
    if shape is None:
        shape, said = _fitting(sizes)
        notes += said
    x = np.empty((len(at), *shape), dtype="float32")

    def fill(row: int) -> None:
        x[row] = _decoded(paths[at[row]], shape)

    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(fill, range(len(at))))
    return x, at, notes


def _fitting(sizes: np.ndarray) -> tuple[tuple[int, int, int], list[str]]:
    """The shape for images of these shapes, and why."""
    notes = []
    channels = 1 if sizes[:, 2].max() == 1 else 3
    grey = int((sizes[:, 2] == 1).sum())
    if channels == 3 and grey:
        notes.append(f"{grey} grey images among {len(sizes)} are read as colour.")
    if np.all(sizes[:, :2] == sizes[0, :2]):
        height, width = map(int, sizes[0, :2])
    else:
        low, high = sizes[:, :2].min(axis=0), sizes[:, :2].max(axis=0)
        middle = np.median(sizes[:, :2], axis=0)
        height, width = _shrunk(float(middle[0]), float(middle[1]), LONGEST_SIDE)
        notes.append(
            f"Images are {low[0]} x {low[1]} to {high[0]} x {high[1]}: all are made {height} x {width} when they are "
            "read."
        )
    free = free_memory()
    # As read, and as split.
    room = None if free is None else free // (2 * 4 * channels * len(sizes))
    if room is not None and height * width > room:
        side = max(height, width) * (room / (height * width)) ** 0.5
        if side < _SHORTEST_SIDE:
            raise ValueError(
                f"{len(sizes)} images of {height} x {width} do not fit into the {(free or 0) / 2**30:.1f} GiB of free "
                "memory: take fewer images."
            )
        height, width = _shrunk(height, width, int(side))
        notes.append(f"The memory suffices for {len(sizes)} images of {height} x {width}: they are shrunk to that.")
    return (height, width, channels), notes


def _shrunk(height: float, width: float, longest: int) -> tuple[int, int]:
    factor = min(1.0, longest / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _shape(path: Path) -> tuple[int, int, int] | None:
    """Height, width and channels, `None` where a file is no image or broken."""
    import tensorflow as tf

    try:
        image = tf.io.decode_image(path.read_bytes(), expand_animations=False)
    # TensorFlow says so of files that are cut, and of what is none of its kinds; the system of what is not there.
    except (tf.errors.OpError, OSError):
        return None
    height, width, channels = (int(side) for side in image.shape)
    return (height, width, channels) if height and width else None


def _decoded(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    import tensorflow as tf

    image = tf.io.decode_image(path.read_bytes(), channels=shape[2], expand_animations=False)
    if tuple(image.shape[:2]) == shape[:2]:
        return np.asarray(image, dtype="float32")
    return np.asarray(tf.image.resize(image, shape[:2], antialias=True))
