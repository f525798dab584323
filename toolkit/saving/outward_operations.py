"""What a SavedModel would do beside arithmetic: operations that touch files, the network or Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

# Of the operations that TensorFlow 2.21 knows; calls of functions are followed.
_OUTWARD = re.compile(
    r"PyFunc|File|Reader|Summary|^Save|Saver|DistributedSave|Restore|Checkpoint|Snapshot|^Debug|Rpc|^RemoteCall"
    r"|TFRecord|TextLine|FixedLength|CacheDataset|Sql|LMDB|(De|En)codeProto|^GeneratorDataset|^Fact$|DataService"
    r"|CSVDataset|ImportEvent|LoadAndRemap|LoadDataset|InFdo|^_?(Host)?(Send|Recv)$|^Collective|XlaCustomCall"
)


def outward_operations(folder: str | Path) -> list[str]:
    """The kinds of outward operations that loading and calling a SavedModel could run, sorted.

    What saves the model's variables and reads them back is left out: nobody but TensorFlow itself does that.

    Args:
        folder: With `saved_model.pb` in it; it is read, not loaded.

    Raises:
        ValueError: The file cannot be read, or another one would be loaded in its place.

    Example:

    >>> import tempfile, tensorflow as tf
    >>> module, folder = tf.Module(), tempfile.mkdtemp()
    >>> module.call = tf.function(tf.io.read_file, input_signature=[tf.TensorSpec((), tf.string)])
    >>> tf.saved_model.save(module, folder)
    >>> outward_operations(folder)
    ['ReadFile']
    """
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    if (Path(folder) / "saved_model.cpb").exists():
        raise ValueError(f"{folder} holds a saved_model.cpb, which would be loaded and cannot be looked into.")
    model: Any = saved_model_pb2.SavedModel()
    try:
        model.ParseFromString((Path(folder) / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise ValueError(f"{folder}/saved_model.pb is damaged: {error}") from None
    for graph in model.meta_graphs:
        for asset in graph.asset_file_def:
            if PurePosixPath(asset.filename).is_absolute() or ".." in PurePosixPath(asset.filename).parts:
                raise ValueError(f"{folder} would read {asset.filename!r}, which is not of its own files.")
    return sorted({kind for graph in model.meta_graphs for kind in _kinds(graph) if _OUTWARD.search(kind)})


def refuse_outward(folder: str | Path, trust: bool) -> None:
    """Refuses a SavedModel that would do more than arithmetic, where it is not trusted.

    Args:
        folder: With `saved_model.pb` in it.
        trust: Whether whoever asks knows who made it.

    Raises:
        ValueError: It holds outward operations and is not trusted, or cannot be read.

    Example:

    >>> refuse_outward("nowhere", trust=True)
    """
    outward = [] if trust else outward_operations(folder)
    if outward:
        raise ValueError(
            f"{folder} would touch files, the network or Python when it is loaded or asked ({', '.join(outward)}): "
            "give `trust=True` (`--trust` on the command line) where you know who made it."
        )


def _kinds(graph: Any) -> set[str]:
    functions = {function.signature.name: function.node_def for function in graph.graph_def.library.function}
    savers = {graph.saver_def.save_tensor_name.partition(":")[0], graph.saver_def.restore_op_name}
    # Without an object graph TensorFlow loads as version 1 did, and runs the savers of the graph.
    if not graph.HasField("object_graph_def"):
        savers = set()
    waiting = [node for node in graph.graph_def.node if node.name not in savers]
    waiting += [node for name in graph.object_graph_def.concrete_functions for node in functions.pop(name, ())]
    found = set()
    while waiting:
        node = waiting.pop()
        # Printing is harmless where it is not into a file.
        to_file = node.op == "PrintV2" and node.attr["output_stream"].s.startswith(b"file:")
        found.add("PrintV2 into a File" if to_file else node.op)
        for name in (node.op, *_called(node.attr.values())):
            waiting += functions.pop(name, ())
    return found


def _called(attributes: Iterable[Any]) -> Iterable[str]:
    for attribute in attributes:
        yield attribute.func.name
        yield from (function.name for function in attribute.list.func)
