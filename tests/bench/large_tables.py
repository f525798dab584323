"""Peak memory of `run` on a table and on one four times as large, with as many rows held: `python large_tables.py`."""

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


def main() -> None:
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
