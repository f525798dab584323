"""What a report says of the data, the exported model and the installed versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..data import Splits
from ..runtime import machine
from ..runtime.installed import versions as versions
from ..saving.exporting import ExportReport


def title_part(title: str, command: str) -> dict[str, Any]:
    """What every report begins with: what it is of, and which command made it when.

    Example:

    >>> list(title_part("digits", "trainwise demo"))
    ['title', 'command', 'created']
    """
    return {"title": title, "command": command, "created": datetime.now(UTC).isoformat(timespec="seconds")}


def data_part(splits: Splits, inputs: str, notes: Sequence[str] = ()) -> dict[str, Any]:
    """The rows of a run.

    Args:
        splits: Its rows.
        inputs: What the inputs are, in words.
        notes: Further sentences.
    """
    return {
        "name": splits.name,
        "inputs": inputs,
        "rows": {"train": len(splits.train), "validation": len(splits.validation), "test": len(splits.test)},
        "classes": None if splits.classes is None else list(splits.classes),
        "fingerprint": splits.fingerprint,
        "test_openings": [asdict(opening) for opening in splits.test.openings],
        "notes": [*splits.notes, *notes],
        "columns": [column.said for column in splits.columns],
    }


def scores_part(measured: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of an evaluation as the rows of a table, for the card of the exported model.

    Args:
        measured: What `evaluate` returned.

    Example:

    >>> scores_part({"metric": "accuracy", "results": [{"name": "vote", "value": 0.9, "low": 0.8, "high": 1.0}]})
    [{'name': 'vote', 'accuracy': 0.9, 'low': 0.8, 'high': 1.0}]
    """
    metric = measured.get("metric", "score")
    return [
        {"name": result["name"], metric: result["value"], "low": result.get("low"), "high": result.get("high")}
        for result in measured.get("results", ())
    ]


def export_part(exported: ExportReport, out: Path) -> dict[str, Any]:
    """The exported model and its proof.

    Args:
        exported: What `export` returned.
        out: The folder of the run, which the path is told from.
    """
    return {
        # Told from the folder, so that the report stays true where the folder is moved.
        "path": str(exported.path.relative_to(out)),
        "version": exported.version,
        "max_difference": exported.max_difference,
        "tolerance": exported.tolerance,
        "rows": exported.rows,
        "signatures": exported.signatures,
        "proof": list(exported.proof),
    }


def device(policy: str) -> str:
    """What the search ran on.

    Args:
        policy: Name of the Keras policy.

    Example:

    >>> device("float32").split()[0] in ("CPU", "GPU")
    True
    """
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not found:
        return f"CPU ({machine.cores()} cores), precision {policy}"
    return f"GPU x {len(found)}, precision {policy}"
