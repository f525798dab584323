"""An ONNX file of a SavedModel, by the names of its signature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..runtime.keras_internals import frozen_function, mend_tf2onnx
from .ports import Ports
from .refusals import ExportRefusedError
from .tracing import DEFAULT

# The newest that tf2onnx 1.17 was tested with on every operation; runtimes read older ones.
_OPSET = 17


def write_onnx(folder: Path, ports: Ports, file: Path) -> None:
    """Converts the default signature of a SavedModel.

    Args:
        folder: The SavedModel.
        ports: Its inputs.
        file: To be written.

    Raises:
        ExportRefusedError: ONNX lacks an operation, which is named.
    """
    import tensorflow as tf
    import tf2onnx

    mend_tf2onnx()
    # Held for as long as its function is in use: the variables are its own.
    loaded = tf.saved_model.load(str(folder))
    serve = loaded.signatures[DEFAULT]
    specs = [tf.TensorSpec(port.shape, port.dtype, name=port.name) for port in ports.inputs]
    names = [port.name for port in ports.inputs]

    def by_name(*tensors: Any) -> dict[str, Any]:
        return dict(serve(**dict(zip(names, tensors, strict=True))))

    whole = tf.function(by_name, input_signature=specs, autograph=False).get_concrete_function()
    frozen = frozen_function(whole)
    inner = [tensor.name for tensor in frozen.inputs]
    answers = [tensor.name for tensor in frozen.outputs]
    outer = dict(zip([*inner, *answers], [*names, *sorted(whole.structured_outputs)], strict=True))
    proto, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=inner,
        output_names=answers,
        opset=_OPSET,
        tensors_to_rename=outer,
        custom_op_handlers={"Erfc": (_erfc, [])},
    )
    lacking = sorted(_operations(proto.graph) - _known())
    if lacking:
        raise ExportRefusedError(
            f"The export was refused: ONNX has no operation {', '.join(lacking)}. Nothing was published; leave 'onnx' "
            "out of `formats`, or write that part with other operations."
        )
    file.write_bytes(proto.SerializeToString())


def _erfc(context: Any, node: Any, name: str, arguments: Any) -> None:
    """Writes `erfc(x)`, which exact GELU is made of and tf2onnx does not know, as `1 - erf(x)`."""
    kind = context.get_dtype(node.output[0])
    one = context.make_const(f"{name}_one", np.array(1, dtype=_tensor_type(kind)))
    inner = context.make_node("Erf", node.input)
    outputs = node.output
    context.remove_node(node.name)
    context.make_node("Sub", [one.output[0], inner.output[0]], name=node.name, outputs=outputs, dtypes=[kind])


def _tensor_type(kind: int) -> Any:
    """The type of numpy that ONNX numbers so."""
    import onnx

    return onnx.helper.tensor_dtype_to_np_dtype(kind)


def _operations(graph: Any) -> set[str]:
    found = set()
    waiting = [graph]
    while waiting:
        for node in waiting.pop().node:
            if not node.domain:
                found.add(str(node.op_type))
            # Bodies of loops and branches.
            waiting += [attribute.g for attribute in node.attribute if attribute.HasField("g")]
    return found


def _known() -> set[str]:
    import onnx

    return {schema.name for schema in onnx.defs.get_all_schemas()}
