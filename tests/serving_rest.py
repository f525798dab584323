"""TensorFlow Serving's REST interface as its documentation tells it ("RESTful API", predict), on a folder of versions.

No package of the server can be installed with pip, so the rules are written out here: requests in rows and in columns,
`signature_name`, strings and bytes, NaN; the signature is what `saved_model_cli` reads, and TensorFlow answers.
"""

import base64
import contextlib
import io
import json
import re

import numpy as np
import tensorflow as tf
from absl import flags
from absl.testing import flagsaver
from tensorflow.python.tools import saved_model_cli

TYPES = {"DT_FLOAT": "float32", "DT_DOUBLE": "float64", "DT_HALF": "float16", "DT_BOOL": "bool", "DT_STRING": "string"}
TYPES |= {f"DT_{kind.upper()}": kind for kind in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32")}


def signature_by_saved_model_cli(folder, name):
    """Inputs and outputs of a signature, name -> (type, shape), as TensorFlow's own tool shows them."""
    flags.FLAGS.mark_as_parsed()
    # `saved_model_cli show --dir ... --tag_set serve --signature_def ...`, without another process to load TensorFlow.
    told = flagsaver.flagsaver(dir=str(folder), tag_set="serve", signature_def=name)
    with told, contextlib.redirect_stdout(io.StringIO()) as shown:
        saved_model_cli.show()
    found = {"inputs": {}, "outputs": {}}
    for kind, port, told in re.findall(r"(inputs|outputs)\['(\w+)'\] tensor_info:\n(.*?name:)", shown.getvalue(), re.S):
        shape = re.search(r"shape: (.*)", told)[1]
        sides = [int(side) for side in re.findall(r"-?\d+", shape)]
        found[kind][port] = (TYPES[re.search(r"dtype: (\w+)", told)[1]], sides)
    return found


def asked(parent, body):
    """The answer to a predict request, as a server of the highest version in a folder gives it.

    Args:
        parent: Folder of the versions.
        body: JSON text.

    Raises:
        ValueError: The server would answer with an error.
    """
    folder = max((one for one in parent.iterdir() if one.name.isdigit()), key=lambda one: int(one.name))
    request = json.loads(body)
    if ("instances" in request) == ("inputs" in request):
        raise ValueError("Give instances or inputs, not both.")
    name = request.get("signature_name", "serving_default")
    signature = signature_by_saved_model_cli(folder, name)
    in_rows = "instances" in request
    given = _columns(request["instances"], signature["inputs"]) if in_rows else request["inputs"]
    if not isinstance(given, dict) or set(given) == {"b64"}:
        given = {_only(signature["inputs"]): given}
    if set(given) != set(signature["inputs"]):
        raise ValueError(f"The signature takes {sorted(signature['inputs'])}, got {sorted(given)}.")
    tensors = {port: _tensor(given[port], *spec) for port, spec in signature["inputs"].items()}
    answers = tf.saved_model.load(str(folder)).signatures[name](**tensors)
    plain = {port: _plain(port, answer.numpy()) for port, answer in answers.items()}
    if not in_rows:
        return json.dumps({"outputs": plain if len(plain) > 1 else next(iter(plain.values()))})
    if len(plain) == 1:
        return json.dumps({"predictions": next(iter(plain.values()))})
    rows = [dict(zip(plain, row, strict=True)) for row in zip(*plain.values(), strict=True)]
    return json.dumps({"predictions": rows})


def _columns(instances, inputs):
    """Rows as columns: objects by the names of the inputs, or plain values of the only one."""
    if not isinstance(instances, list) or not instances:
        raise ValueError("instances must be a list of rows.")
    if all(isinstance(row, dict) and set(row) != {"b64"} for row in instances):
        if any(set(row) != set(instances[0]) for row in instances):
            raise ValueError("Each row must name the same inputs.")
        return {port: [row[port] for row in instances] for port in instances[0]}
    return {_only(inputs): instances}


def _only(inputs):
    if len(inputs) != 1:
        raise ValueError(f"Values without names are for signatures of one input; this one takes {sorted(inputs)}.")
    return next(iter(inputs))


def _tensor(value, kind, sides):
    found = np.array(_leaves(value, kind), dtype=object)
    fits = found.ndim == len(sides) and all(want in (-1, side) for want, side in zip(sides, found.shape, strict=True))
    if not fits:
        raise ValueError(f"The signature takes shape {sides}, got {found.shape}.")
    return tf.constant(found.tolist(), kind)


def _leaves(value, kind):
    if isinstance(value, list):
        return [_leaves(one, kind) for one in value]
    if kind == "string":
        if isinstance(value, dict):
            return base64.b64decode(value["b64"], validate=True)
        if isinstance(value, str):
            return value.encode("utf-8")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    fits = {"bool": isinstance(value, bool), "string": False}.get(
        kind, is_number if kind.startswith("float") else is_number and isinstance(value, int)
    )
    if not fits:
        raise ValueError(f"JSON value {value!r} is no {kind}.")
    return value


def _plain(name, array):
    if array.dtype != object:
        return array.tolist()
    words = np.empty(array.size, dtype=object)
    in_base_64 = name.endswith("_bytes")
    words[:] = [
        {"b64": base64.b64encode(word).decode()} if in_base_64 else word.decode("utf-8") for word in array.ravel()
    ]
    return words.reshape(array.shape).tolist()
