"""Reads any source into rows: shipped and tfds names, .npz, tables, arrays, columns, `tf.data.Dataset`."""

from __future__ import annotations

import socket
import urllib.parse
import urllib.request
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from . import shipped
from .archives import read_npz
from .columns import ASKED, Column
from .forecasts import Forecast, WindowTimes, windows_of
from .images import ImageFiles, found_paths, images_of_folder, path_column, read_images
from .large_tables import OtherRows, drawn_table, is_too_large
from .numerals import as_float32
from .sequences import SequenceColumns, is_ragged, padded, sequences_of
from .table_files import Table, from_frame, is_frame, is_table_file, read_table, table_name
from .table_rows import TableOptions, TableRows, refuse_unknown, shown_names, table_rows, targets_of, times_of
from .tokens import HINT, look_like_tokens, token_rows

Inputs = np.ndarray | dict[str, np.ndarray]
PARTS = ("train", "validation", "test")
_ARRAY_NAMES = {"train": ("x_train", "y_train"), "validation": ("x_val", "y_val"), "test": ("x_test", "y_test")}
_LOOK_UP_SECONDS = 10.0
_TOKENS_ARE_FOR = "`tokens` is for arrays and .npz files of whole numbers that stand for words, got {}."
# Kinds of numpy types: booleans, whole and real numbers.
_NUMBERS = "biuf"


@dataclass(frozen=True)
class SourceRows:
    """Rows as read, before they are split.

    Args:
        name: Short name, fit for a folder.
        x: Array `(rows, ...)`, or columns by name, each `(rows,)`.
        y: Targets, `(rows,)` or `(rows, outputs)`.
        features: Names of the columns of `x`, empty where there are none.
        target: Name of the target.
        classes: Names of the classes where the source knows them.
        parts: Row numbers that the source itself sets aside as train, validation or test.
        columns: What the columns of a table are, those that are left out too.
        notes: How the table was read, a sentence each.
        group: Of each row, what must not be parted among splits, or `None`.
        time: Of each row, by what the splits follow one another, or `None`.
        forecast: What windows of a series look back at and answer, or `None`.
        window_times: When each window begins and what it answers is.
        images: Whether the rows were decoded from files of images.
        sequences: What the steps of a long table's sequences are, or `None`.
        others: Rows of a table that are not held, or `None`.
    """

    name: str
    x: Inputs
    y: np.ndarray
    features: tuple[str, ...] = ()
    target: str = "target"
    classes: tuple[str, ...] | None = None
    parts: dict[str, np.ndarray] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()
    group: np.ndarray | None = None
    time: np.ndarray | None = None
    forecast: Forecast | None = None
    window_times: WindowTimes | None = None
    images: bool = False
    sequences: SequenceColumns | None = None
    others: OtherRows | None = None


def read_rows(
    source: Any,
    *,
    target: str | None = None,
    header: bool | None = None,
    drop: Sequence[str] = (),
    data_dir: str | Path | None = None,
    columns: Mapping[str, str] | None = None,
    group: str | None = None,
    time: str | None = None,
    forecast: int | None = None,
    window: int | None = None,
    sequence: str | None = None,
    in_memory: int | None = None,
    tokens: bool = False,
    seed: int = 0,
) -> SourceRows:
    """Reads rows from a name, a file, a data frame, arrays or a dataset; see `trainwise.data.load`."""
    options = TableOptions(target, tuple(drop), _asked(columns), group, time, forecast, window, sequence)
    if isinstance(source, str | Path):
        path = Path(source)
        if is_table_file(path) and path.is_file() and _is_read_in_parts(path, options, in_memory):
            return _of_large_table(path, options, header, in_memory, seed)
    if in_memory and not (isinstance(source, str | Path) and is_table_file(source)):
        raise ValueError(
            "`in_memory` is for a table in a file, of which some rows are held; this source is held whole."
        )
    if isinstance(source, str | Path):
        if tokens and Path(source).suffix.lower() != ".npz":
            raise ValueError(_TOKENS_ARE_FOR.format(f"{str(source)!r}"))
        return _read_named(str(source), options, header, data_dir, tokens)
    if tokens and (not isinstance(source, tuple) or is_frame(source[0]) or isinstance(source[0], Mapping)):
        raise ValueError(_TOKENS_ARE_FOR.format("columns or a dataset"))
    if is_frame(source):
        return _of_rows_or_series("table", from_frame(source), options)
    if isinstance(source, tuple) and len(source) == 2:
        if is_frame(source[0]):
            return _read_frames(source, options)
        if isinstance(source[0], Mapping):
            return _read_columns("arrays", source[0], np.asarray(source[1]), options)
        _refuse_table_options(options, header, "arrays")
        if tokens:
            return _read_tokens(source[0], np.asarray(source[1]))
        if is_ragged(source[0]):
            return _read_ragged(source[0], np.asarray(source[1]))
        return SourceRows("arrays", as_inputs(source[0]), np.asarray(source[1]), notes=_hint(source[0]))
    if hasattr(source, "element_spec") and hasattr(source, "as_numpy_iterator"):
        return _read_dataset(source, options)
    raise TypeError(
        "`source` must be a name, a file (.csv, .parquet, .npz, ...), a data frame, a pair (x, y) of arrays, or a "
        f"tf.data.Dataset of such pairs, got {type(source).__name__}."
    )


def _is_read_in_parts(path: Path, options: TableOptions, in_memory: int | None) -> bool:
    tied = next((name for name in ("group", "time", "forecast", "sequence") if getattr(options, name) is not None), "")
    if in_memory is None:
        return not tied and is_too_large(path)
    if in_memory == 0:
        return False
    if tied:
        raise ValueError(f"`{tied}` asks for all rows at once, of which `in_memory` leaves some in the file: give one.")
    return True


def _of_large_table(path: Path, options: TableOptions, header: bool | None, held: int | None, seed: int) -> SourceRows:
    table, others = drawn_table(path, held, seed, header, options.target)
    return replace(_of_table(table_name(path), table_rows(table, options, source=str(path))), others=others)


def _read_tokens(x: Any, y: np.ndarray) -> SourceRows:
    rows, notes = token_rows(x if isinstance(x, np.ndarray) or is_ragged(x) else np.asarray(x))
    return SourceRows("arrays", rows, y, notes=notes)


def _hint(x: Any) -> tuple[str, ...]:
    return (HINT,) if look_like_tokens(x if is_ragged(x) else np.asarray(x)) else ()


def _read_ragged(x: Any, y: np.ndarray) -> SourceRows:
    lengths = [len(one) for one in x]
    rows = padded(x)
    if rows.ndim == 2:
        # As series of one channel: what the numbers of tokens mean, only an embedding learns.
        rows = padded([np.asarray(one, dtype="float32") for one in x])
    said = f"Sequences have {min(lengths)} to {max(lengths)} steps; what is behind their ends counts for nothing."
    return SourceRows("arrays", rows, y, notes=(said, *_hint(x)))


def _asked(columns: Mapping[str, str] | None) -> dict[str, str]:
    if columns is not None and not isinstance(columns, Mapping):
        raise TypeError(f"`columns` must be a mapping of names to one of {', '.join(ASKED)}, got {columns!r}.")
    return dict(columns or {})


def _of_rows_or_series(name: str, table: Table, options: TableOptions, source: str = "") -> SourceRows:
    if options.forecast is None and options.sequence is not None:
        rows = sequences_of(table, options, source)
        return SourceRows(name, rows.x, rows.y, target=rows.target, notes=rows.notes, sequences=rows.columns)
    if options.forecast is None:
        return _of_table(name, table_rows(table, options, source=source))
    found = windows_of(table, options, source)
    return SourceRows(
        name, found.x, found.y, target=found.target, notes=found.notes, forecast=found.forecast,
        window_times=found.times,
    )  # fmt: skip


def _of_table(name: str, found: TableRows) -> SourceRows:
    x: Inputs = found.values
    used = [column for column in found.columns if column.used]
    if all(column.is_number for column in used):
        # Numbers only: one array, which everything that takes arrays takes.
        x = np.stack(list(found.values.values()), axis=1)
    return SourceRows(
        name,
        x,
        found.y,
        tuple(found.values),
        found.target,
        None,
        {},
        found.columns,
        found.notes,
        found.group,
        found.time,
    )


def _read_frames(source: tuple[Any, Any], options: TableOptions) -> SourceRows:
    frame, y = from_frame(source[0], "`x`").frame, source[1]
    named = getattr(y, "name", None)
    target = options.target or (str(named) if named is not None else "target")
    values = y.to_pandas() if hasattr(y, "to_pandas") else y
    series = pd.Series(
        values.to_numpy() if isinstance(values, pd.Series) else np.asarray(values).reshape(len(values), -1)[:, 0]
    )
    if len(series) != len(frame):
        raise ValueError(f"`x` has {len(frame)} rows, the targets have {len(series)}.")
    # A target that stands among the inputs too would tell itself.
    whole = frame.drop(columns=[target], errors="ignore")
    whole[target] = series
    return _of_table("table", table_rows(from_frame(whole), options.of(target)))


def _read_columns(name: str, x: Mapping[Any, Any], y: np.ndarray, options: TableOptions) -> SourceRows:
    """Columns by name, which stay so: a model of them has one input each, whatever they hold."""
    if not x:
        raise ValueError("`x` has no columns.")
    inputs = {str(one): _as_column(str(one), column) for one, column in x.items()}
    if not y.ndim or not len(y) or {len(column) for column in inputs.values()} != {len(y)}:
        return SourceRows(name, inputs, y, tuple(inputs))
    target = options.target or next(one for one in ("target", "y", "the target") if one not in inputs)
    frame = pd.DataFrame({one: pd.Series(column) for one, column in inputs.items()})
    found = table_rows(from_frame(frame), options.of(None), y)
    return replace(_of_table(name, found), x=dict(found.values), target=target)


def as_inputs(x: Any) -> Inputs:
    """Inputs as an array of numbers, or as columns by name, words being `str` objects.

    Raises:
        TypeError: An array holds neither numbers nor, as a column, words.

    Example:

    >>> as_inputs({"town": ["a", "b"], "age": [30, 40]})["age"].tolist()
    [30.0, 40.0]
    """
    if isinstance(x, Mapping):
        return {str(name): _as_column(str(name), column) for name, column in x.items()}
    array = np.asarray(x)
    if array.dtype.kind not in _NUMBERS:
        raise TypeError(f"`x` must hold real numbers, got dtype {array.dtype}. {_cure(array)}")
    if array.ndim == 0:
        raise ValueError(f"`x` must have shape (rows, ...), got the single number {array}.")
    return as_float32("x", array)


def _cure(array: np.ndarray) -> str:
    if array.dtype.kind == "c":
        return "Give real and imaginary part as two columns."
    if array.dtype.kind in "mM":
        return "Turn times into numbers, such as days since a first one."
    return "Give words as columns: {name: array}."


def _as_column(name: str, column: Any) -> np.ndarray:
    array = np.asarray(column)
    if array.ndim != 1:
        raise ValueError(f"Column {name!r} must have shape (rows,), got {array.shape}.")
    if array.dtype.kind in _NUMBERS:
        return as_float32(name, array)
    if array.dtype.kind not in "OSU":
        raise TypeError(f"Column {name!r} must hold real numbers or words, got dtype {array.dtype}. {_cure(array)}")
    words = [as_text(cell) if isinstance(cell, str | bytes) else cell for cell in array]
    wrong = [cell for cell in words if not isinstance(cell, str)]
    if wrong:
        raise TypeError(f"Column {name!r} must hold only numbers or only words, got {wrong[0]!r} among the words.")
    return np.array(words, dtype=object)


def as_text(cell: Any) -> str:
    r"""A cell as text that every file can hold: what is no character is spelled out.

    Example:

    >>> as_text(b"caf\xc3\xa9"), as_text("a\ud800")
    ('café', 'a\\ud800')
    """
    if isinstance(cell, bytes):
        return cell.decode("utf-8", "backslashreplace")
    return str(cell).encode("utf-8", "backslashreplace").decode("utf-8")


def _read_named(
    name: str, options: TableOptions, header: bool | None, data_dir: str | Path | None, tokens: bool = False
) -> SourceRows:
    if name.startswith(shipped.PREFIX):
        _refuse_table_options(options, header, name)
        if data_dir is not None:
            raise ValueError(f"`data_dir` is for data sets of tensorflow-datasets, and {name} is none: leave it out.")
        return _of_shipped(name.removeprefix(shipped.PREFIX))
    path, suffix = Path(name), Path(name).suffix.lower()
    if is_table_file(path):
        table = read_table(path, header, options.target)
        listed = None if options.forecast is not None else path_column(table.frame, options.drop)
        if listed is not None and options.target != listed:
            return _read_listed_images(table, listed, options, path)
        return _of_rows_or_series(table_name(path), table, options, name)
    _refuse_table_options(options, header, name)
    if suffix == ".npz":
        return _read_npz(path, tokens)
    said = shipped.named_beside(name)
    if path.is_dir():
        try:
            found = _of_images(path.resolve().name, images_of_folder(path))[0]
        except ValueError as error:
            raise ValueError(" ".join([str(error), said]).strip()) from error
        if said:
            # Not a note of the data: by its whole path the same folder is read without doubt.
            warnings.warn(said, stacklevel=2)
        return found
    # Else a mistyped file would be looked up as the name of a data set.
    if path.exists() or suffix in (".txt", ".xls", ".npy", ".gz", ".zip", ".feather", ".arff"):
        wrong = f"{name} is neither a table (.csv, .tsv, .csv.gz, .parquet, .xlsx, .jsonl) nor an .npz file."
        raise ValueError(" ".join([wrong, said]).strip())
    if name in shipped.NAMES and data_dir is None:
        return _of_shipped(name)
    return _read_tfds(name, data_dir)


def _of_shipped(name: str) -> SourceRows:
    if name not in shipped.NAMES:
        raise ValueError(f"scikit-learn ships no {name!r} here; it ships {', '.join(shipped.NAMES)}.")
    x, y, features, classes = shipped.arrays(name)
    return SourceRows(name, x, y, features, classes=classes)


def _of_images(name: str, files: ImageFiles) -> tuple[SourceRows, np.ndarray]:
    """The rows of images, and which of the files they are."""
    x, at, notes = read_images(files.paths)
    # Where broken files are left out, the rows behind them move up.
    place = {int(row): new for new, row in enumerate(at)}
    parts = {part: np.array([place[row] for row in rows if row in place]) for part, rows in files.parts.items()}
    said = (*files.notes, *notes)
    return SourceRows(name, x, files.labels[at], target=files.target, parts=parts, notes=said, images=True), at


def _read_listed_images(table: Table, listed: str, options: TableOptions, path: Path) -> SourceRows:
    """The images that a table names, with the targets beside them; other columns are left out."""
    frame = table.frame
    refuse_unknown(table, options, str(path))
    beside = (listed, options.group, options.time, *options.drop)
    others = [str(one) for one in frame.columns if one not in beside]
    if not others:
        raise ValueError(f"{path} names images in {listed!r}, and has no column with their classes or numbers.")
    target = options.target or others[-1]
    y, gaps = targets_of(table, target, options.asked.get(target), str(path))
    at = np.flatnonzero(~gaps & (frame[listed] != "").to_numpy())
    if not at.size:
        raise ValueError(f"{path} has no row with both an image in {listed!r} and a value in {target!r}.")
    notes = [f"{listed!r} names images; the target is {target!r}."]
    if len(at) < len(y):
        notes.append(f"{len(y) - len(at)} rows lack an image or a value in {target!r} and are left out.")
    unused = [one for one in others if one != target]
    if unused:
        notes.append(f"Left out beside the images: {', '.join(map(repr, unused[:10]))}.")
    paths = found_paths([str(cell) for cell in frame[listed].iloc[at]], path)
    rows, read = _of_images(table_name(path), ImageFiles(paths, y[at], {}, target, tuple(notes)))
    kept = at[read]
    group, time = options.group, options.time
    return replace(
        rows,
        group=None if group is None else np.array([str(one) for one in frame[group].iloc[kept]], dtype=object),
        time=None if time is None else times_of(frame, table, time, options.asked.get(time))[0][kept],
    )


def _refuse_table_options(options: TableOptions, header: bool | None, name: str) -> None:
    if header is not None or options != TableOptions():
        raise ValueError(
            "`target`, `header`, `drop`, `columns`, `group`, `time`, `forecast`, `window` and `sequence` are for "
            f"tables, got {name!r}."
        )


def _read_npz(path: Path, tokens: bool) -> SourceRows:
    arrays = read_npz(path)
    lower = {name.lower(): array for name, array in arrays.items()}
    if len(lower) < len(arrays):
        raise ValueError(f"{path} holds arrays whose names differ in capitals only: {shown_names(arrays)}.")
    if {"x", "y", "lengths"} <= set(lower):
        read = _read_tokens if tokens else _read_ragged
        return replace(read(_parted(path, lower), lower["y"]), name=path.stem)
    if "x" in lower and "y" in lower:
        return _join_arrays(path.stem, {"train": (lower["x"], lower["y"])}, tokens)
    pairs = {part: names for part, names in _ARRAY_NAMES.items() if set(names) <= set(lower)}
    if "train" not in pairs:
        raise ValueError(
            f"{path} must hold arrays x and y, or x_train and y_train; it holds {shown_names(arrays) or 'nothing'}."
        )
    alone = [
        name for names in _ARRAY_NAMES.values() for name in names if name in lower and not set(names) <= set(lower)
    ]
    if alone:
        raise ValueError(f"{path} holds {alone[0]} without its other half.")
    return _join_arrays(path.stem, {part: (lower[x], lower[y]) for part, (x, y) in pairs.items()}, tokens)


def _join_arrays(name: str, pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], tokens: bool) -> SourceRows:
    if tokens:
        found = {part: token_rows(x) for part, (x, _) in pairs.items()}
        notes = tuple(dict.fromkeys(note for _, said in found.values() for note in said))
        return replace(_join(name, {part: (found[part][0], y) for part, (_, y) in pairs.items()}), notes=notes)
    x, _ = pairs["train"]
    return replace(_join(name, {part: (as_inputs(x), y) for part, (x, y) in pairs.items()}), notes=_hint(x))


def _parted(path: Path, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Sequences of unequal length out of plain arrays: one behind the other, or filled up behind their ends."""
    x, lengths, rows = arrays["x"], arrays["lengths"], len(arrays["y"])
    if lengths.shape != (rows,) or lengths.dtype.kind not in "iu" or lengths.min(initial=1) < 1:
        raise ValueError(
            f"{path}: `lengths` must hold a whole number from 1 for each of the {rows} targets, got {lengths.dtype} of "
            f"shape {lengths.shape}."
        )
    if len(x) == rows and x.ndim > 1 and lengths.max() <= x.shape[1]:
        return [row[:length] for row, length in zip(x, lengths, strict=True)]
    if len(x) != lengths.sum():
        raise ValueError(
            f"{path}: `x` must hold all sequences one behind the other, {lengths.sum()} steps, or filled up, {rows} "
            f"rows of at least {lengths.max()} steps; got shape {x.shape}."
        )
    return np.split(x, np.cumsum(lengths)[:-1])


def _join(
    name: str, pairs: Mapping[str, tuple[Inputs, np.ndarray]], classes: tuple[str, ...] | None = None
) -> SourceRows:
    for part, (x, y) in pairs.items():
        if np.ndim(y) == 0:
            raise ValueError(f"The targets of the {part} part must have shape (rows,), got the single value {y}.")
        if len(x) != len(y):
            raise ValueError(f"The {part} part has {len(x)} rows of inputs and {len(y)} targets.")
        if len(y) == 0:
            raise ValueError(f"The {part} part has no rows: leave it out, and rows are set aside for it.")
    for what, place in (("inputs", 0), ("targets", 1)):
        shapes = {np.asarray(pair[place]).shape[1:] for pair in pairs.values()}
        if len(shapes) > 1:
            raise ValueError(f"The {what} of the parts must have one shape a row, got {sorted(shapes)}.")
    ends = np.cumsum([len(y) for _, y in pairs.values()])
    parts = {part: np.arange(end - len(pairs[part][1]), end) for part, end in zip(pairs, ends, strict=True)}
    x = np.concatenate([x for x, _ in pairs.values()])
    y = np.concatenate([y for _, y in pairs.values()])
    return SourceRows(name, x, y, classes=classes, parts=parts if len(parts) > 1 else {})


def _read_dataset(dataset: Any, options: TableOptions) -> SourceRows:
    spec = dataset.element_spec
    if not isinstance(spec, tuple) or len(spec) != 2:
        raise TypeError(f"The dataset must give pairs (x, y), got elements of {spec}.")
    # -1 is `tf.data.INFINITE_CARDINALITY`.
    if int(dataset.cardinality()) == -1:
        raise ValueError("The dataset never ends; bound it with `.take(batches)`.")
    # Targets with an axis are taken for those of a batch.
    if spec[1].shape.rank:
        dataset = dataset.unbatch()
    pairs = list(dataset.as_numpy_iterator())
    if not pairs:
        raise ValueError("The dataset is empty.")
    y = np.array([y for _, y in pairs])
    if isinstance(pairs[0][0], Mapping):
        return _read_columns("dataset", {one: np.array([x[one] for x, _ in pairs]) for one in pairs[0][0]}, y, options)
    _refuse_table_options(options, None, "a dataset")
    return SourceRows("dataset", as_inputs(np.stack([x for x, _ in pairs])), y)


def _read_tfds(name: str, data_dir: str | Path | None) -> SourceRows:
    import tensorflow_datasets as tfds

    from . import tfds_builders as tfds_builders  # makes tfds know the shipped names

    offline = f"Without a network these work: {', '.join(shipped.NAMES)}, or a .csv or .npz file."
    try:
        builder = tfds.builder(name, data_dir=data_dir, try_gcs=False)
    # For a version that is not there tfds has a failed assertion.
    except (tfds.core.DatasetNotFoundError, ValueError, AssertionError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(f"There is no data set named {name!r}: {first} {offline}") from None
    if not builder.is_prepared():
        _refuse_unreachable(name, builder, offline)
    try:
        builder.download_and_prepare()
    except OSError as error:
        raise OSError(f"The data set {name!r} could not be downloaded ({type(error).__name__}). {offline}") from error
    return _rows_of_builder(name, builder)


def _refuse_unreachable(name: str, builder: Any, offline: str) -> None:
    # tfds retries a host that cannot be found for minutes; one look-up tells at once.
    hosts = [urllib.parse.urlsplit(str(url)).hostname for url in builder.url_infos or ()]
    # Behind a proxy it is the proxy that looks hosts up.
    if not hosts or not hosts[0] or urllib.request.getproxies():
        return
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_LOOK_UP_SECONDS)
    try:
        socket.getaddrinfo(hosts[0], 443)
    except OSError:
        raise ConnectionError(
            f"The data set {name!r} cannot be downloaded: {hosts[0]} is not reached. {offline}"
        ) from None
    finally:
        socket.setdefaulttimeout(before)


def _rows_of_builder(name: str, builder: Any) -> SourceRows:
    import tensorflow_datasets as tfds

    info = builder.info
    keys = info.supervised_keys
    if not keys or len(keys) != 2 or not all(isinstance(key, str) for key in keys):
        raise ValueError(
            f"The data set {name!r} does not say what its input and target are; load it yourself as (x, y)."
        )
    wanted = {"train": "train", "validation": "validation", "test": "test"}
    splits = {part: split for part, split in wanted.items() if split in info.splits}
    if "train" not in splits:
        # Some data sets name their parts otherwise; all their rows are split anew.
        splits = {"train": "+".join(info.splits)}
    pairs = {}
    for part, split in splits.items():
        rows = list(tfds.as_numpy(builder.as_dataset(split=split, as_supervised=True)))
        shapes = {np.shape(x) for x, _ in rows}
        if len(shapes) > 1:
            raise ValueError(
                f"The inputs of {name!r} differ in shape ({len(shapes)} shapes): resize them to one first."
            )
        pairs[part] = (as_inputs(np.stack([x for x, _ in rows])), np.array([y for _, y in rows]))
    names = getattr(info.features[keys[1]], "names", None)
    # tfds names are `name/config:version`.
    return _join(name.split("/")[0].split(":")[0], pairs, tuple(names) if names else None)
