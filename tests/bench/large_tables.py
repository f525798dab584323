"""Peak memory of `run` on a table and on one four times as large, with as many rows held: `python large_tables.py`.

`python large_tables.py fed` measures how many rows a second a first model learns from as `run` feeds them, from memory
and from disk, beside `fit` on the same arrays.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pandas as pd

ROWS, HELD, COLUMNS = 200_000, 20_000, 10


def write(path: Path, rows: int) -> None:
    """Numbers and a category; the target hangs on three of them."""
    generator = np.random.default_rng(0)
    for start in range(0, rows, 50_000):
        x = generator.normal(size=(min(50_000, rows - start), COLUMNS))
        frame = pd.DataFrame(x.round(5)).add_prefix("x")
        frame["town"] = generator.choice(["Seoul", "Busan", "Daegu", "Jeju"], len(x))
        frame["y"] = np.where(x[:, 0] * x[:, 1] + x[:, 2] > generator.normal(0, 0.5, len(x)), "yes", "no")
        frame.to_csv(path, mode="a", header=start == 0, index=False)


def one(path: str, out: str) -> None:
    from trainwise.tuning.data_options import DataOptions
    from trainwise.tuning.main_job import Job, Settings

    start = time.perf_counter()
    job = Job(path, out, Settings(members=2, epochs=2), DataOptions(in_memory=HELD), say=lambda line: None)
    result = job.run()
    print(json.dumps({
        "rows": job.rows.on_disk.rows, "accuracy": result.report["evaluation"]["results"][1]["value"],
        "seconds": time.perf_counter() - start, "peak_GiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "file_MiB": Path(path).stat().st_size / 2**20,
    }))  # fmt: skip


def fed(rows: int = 20_000, repeats: int = 7, epochs: int = 2) -> None:
    """Rows a second from memory and from disk, as shares of what `fit` does on the encoded arrays, in one process.

    The three take turns, so that what else the machine does hits all alike; told are medians over the repeats.
    """
    from trainwise.toolkit.data import Split
    from trainwise.toolkit.data.disk_rows import BlockBatches, DiskRows
    from trainwise.toolkit.models.first import first_model
    from trainwise.toolkit.models.first_sizes import fitting_batch_size
    from trainwise.toolkit.tasks import head
    from trainwise.tuning.ensemble_training import Batches

    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 2 * COLUMNS)).astype("float32")
    y = (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype("float32")
    on_disk = DiskRows(x.shape[1], y.dtype)
    on_disk.add(x, y)

    def taking_turns(size: int) -> dict[str, list[float]]:
        model = first_model(x, y, head("binary", y))()
        ways = {
            "fit": lambda: model.fit(x, y, batch_size=size, epochs=epochs, verbose=0),
            "memory": lambda: model.fit(Batches(Split(x, y), size, 0), epochs=epochs, shuffle=False, verbose=0),
            "disk": lambda: model.fit(BlockBatches(on_disk, size, 0), epochs=epochs, shuffle=False, verbose=0),
        }
        # What is traced in a first fit is of no interest.
        return {name: turns[1:] for name, turns in _in_turns(ways, repeats + 1).items()}

    for size in (fitting_batch_size(rows), 32):
        seconds = taking_turns(size)
        shares = {name: float(np.median(np.divide(seconds["fit"], seconds[name]))) for name in ("memory", "disk")}
        per_second = round(rows * epochs / float(np.median(seconds["fit"])))
        print(json.dumps({"rows": rows, "batch_size": size, "fit_rows_a_second": per_second, **shares}), flush=True)
    on_disk.close()


def _in_turns(ways, repeats: int) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    if sys.argv[1:2] == ["fed"]:
        fed(*map(int, sys.argv[2:]))
        return
    if len(sys.argv) > 1:
        one(*sys.argv[1:])
        return
    with tempfile.TemporaryDirectory() as folder:
        for factor in (1, 4):
            path = Path(folder, f"rows{factor}.csv")
            write(path, factor * ROWS)
            done = subprocess.run(
                [sys.executable, __file__, str(path), str(Path(folder, f"out{factor}"))],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            print(done.stdout.strip().splitlines()[-1], flush=True)


if __name__ == "__main__":
    main()
