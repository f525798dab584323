"""The run file of a run from Python; the oracle is what the command itself writes and takes."""

import inspect

import numpy as np

from trainwise.__main__ import run
from trainwise.toolkit.runtime.run_files import read_run_file
from trainwise.tuning.data_options import DataOptions
from trainwise.tuning.run_options import write_options
from trainwise.tuning.run_settings import Settings

# Not of the result, but of how it is told, and of runs that go on.
_TOLD = {"out", "resume", "quiet", "json", "as_json", "language", "config", "context"}


def test_every_option_of_the_command_has_its_place_in_the_file_and_no_other(tmp_path):
    given = {"columns": {"size": "number"}, "drop": ("id",), "target": "y", "tokens": True, "data_dir": tmp_path}
    whole = {"task": "binary", "header": True, "group": "g", "time": "t", "forecast": 1, "window": 2, "sequence": "s"}
    write_options(tmp_path, "rows.csv", Settings(), DataOptions(**given, **whole, in_memory=5), False, print)
    command, written = read_run_file(tmp_path)
    taken = set(inspect.signature(run).parameters) - _TOLD
    assert command == "run" and set(written) - taken == set()
    assert taken - set(written) <= {name for name, value in vars(Settings()).items() if value is None}
    assert (written["column"], written["tokens"], written["private"]) == (["size=number"], True, True)


def test_rows_in_memory_leave_no_file_and_say_so(tmp_path):
    said = []
    write_options(tmp_path, (np.ones((2, 1)), np.ones(2)), Settings(), DataOptions(), True, said.append)
    assert not list(tmp_path.iterdir()) and "data in memory" in said[0]
