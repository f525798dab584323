"""What the pictures of the course share: their size, their colours, and where they are kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

# Okabe and Ito's colours, which colour-blind readers tell apart; light yellow is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")


def panels(titles: list[str], columns: int | None = None, height: float = 2.9) -> tuple[Figure, list[Any]]:
    """A figure with one panel a title, side by side or in as many columns as given."""
    columns = columns or len(titles)
    rows = -(-len(titles) // columns)
    figure = Figure(figsize=(9, height * rows), layout="constrained", dpi=100)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for one in axes[len(titles) :]:
        one.set_visible(False)
    for title, one in zip(titles, axes, strict=False):
        one.set_title(title, fontsize=10)
        one.set_prop_cycle(color=COLOURS)
        one.spines[["top", "right"]].set_visible(False)
        one.grid(alpha=0.3)
    return figure, axes[: len(titles)]


def save(figure: Figure, script: str, picture: str | Path | None = None) -> Path:
    """Writes the picture to `picture`, the first word of the command line, or `pictures/` beside the script."""
    given = sys.argv[1] if sys.argv[0].endswith(Path(script).name) and len(sys.argv) > 1 else None
    path = Path(picture or given or Path(script).parent / "pictures" / f"{Path(script).stem}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    # Lines on white need few colours, and so a quarter of the bytes.
    with Image.open(path) as drawn:
        few = drawn.convert("RGB").quantize(64)
    few.save(path, optimize=True)
    return path
