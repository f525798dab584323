"""A LiteRT (formerly TensorFlow Lite) file of a model, for its small runtime without TensorFlow's own operations."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import keras

from .refusals import ExportRefusedError
from .tracing import DEFAULT, Signatures, write_quietly

_LACKING = re.compile(r"'tf\.(\w+)' op is neither a custom op nor a flex op|^\s*(?:Custom|Flex) ops: ([\w, ]+)", re.M)
_FAILING = re.compile(r'error: loc\(callsite\(fused\["(\w+):')


def write_litert(folder: Path, signatures: Signatures, file: Path, quantised: bool) -> bool:
    """Converts the default signature.

    Args:
        folder: The SavedModel.
        signatures: The functions in it: loops over time can only be converted for one row at a time.
        file: To be written.
        quantised: Whether the weights are to have 8 bits.

    Returns:
        Whether the file takes any number of rows; else it takes one at a time.

    Raises:
        ExportRefusedError: LiteRT lacks an operation, which is named where the converter tells it.
    """
    try:
        file.write_bytes(_converted(folder, quantised))
        return True
    # The converter's own kind of error is no public name.
    except Exception as first:
        with tempfile.TemporaryDirectory(prefix="trainwise-litert-") as scratch:
            try:
                _write_single(signatures, Path(scratch))
                file.write_bytes(_converted(Path(scratch), quantised))
                return False
            except Exception:
                raise ExportRefusedError(
                    f"The export was refused: LiteRT cannot carry this model: {_told(str(first))}. Nothing was "
                    f"published; leave {'litert_int8' if quantised else 'litert'!r} out of `formats`."
                ) from first


def _converted(folder: Path, quantised: bool) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder), signature_keys=[DEFAULT])
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if quantised:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    content: bytes = converter.convert()
    return content


def _write_single(signatures: Signatures, folder: Path) -> None:
    import tensorflow as tf

    specs = [tf.TensorSpec((1, *port.shape[1:]), port.dtype, name=port.name) for port in signatures.ports.inputs]
    archive = keras.export.ExportArchive()
    archive.track(signatures.model)
    archive.add_endpoint(DEFAULT, signatures.answers, input_signature=specs)
    write_quietly(archive, folder)


def _told(error: str) -> str:
    """What the converter lacks, in a few words.

    Example:

    >>> _told("error: 'tf.Erfinv' op is neither a custom op nor a flex op")
    'it has no operation Erfinv'
    """
    lacking = sorted({name for pair in _LACKING.findall(error) for group in pair for name in group.split(", ") if name})
    if lacking:
        return f"it has no operation {', '.join(lacking)}"
    if "ensor list ops" in error or "TensorList" in error:
        return "it has no loop over an axis of any length (give the model an Input of fixed length)"
    failing = _FAILING.search(error)
    if failing:
        return f"its converter fails at the operation {failing[1]}"
    return next((line.strip()[:200] for line in error.splitlines() if line.strip()), "the converter gives no reason")
