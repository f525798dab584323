"""The fresh process: where it finds its packages, what it cannot see, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import trainwise as tw
from trainwise.toolkit.saving.isolation import FreshProcess, package_folders

_EXPORT = (
    "import keras, sys, trainwise as tw\n"
    "model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])\n"
    "print('version', tw.export(model, sys.argv[1]).version)\n"
)


def _export_with(environment, tmp_path):
    """An export by the interpreter beneath the virtual environment, which finds packages as the environment says."""
    python = os.path.realpath(sys.executable)
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [python, "-c", _EXPORT, str(tmp_path / "model")]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env={**own, **environment})


_SITES = [place for place in sys.path if place.rstrip(os.sep).endswith("site-packages")]


def test_packages_that_only_pythonpath_names_are_found_by_the_fresh_process(tmp_path):
    done = _export_with({"PYTHONPATH": os.pathsep.join(_SITES)}, tmp_path)
    assert "version 1" in done.stdout, done.stderr[-2000:]


def test_packages_in_the_folder_of_the_user_are_found_by_the_fresh_process(tmp_path):
    done = subprocess.run(
        [os.path.realpath(sys.executable), "-c", "import site; print(site.getusersitepackages())"],
        capture_output=True, text=True, env={**os.environ, "PYTHONUSERBASE": str(tmp_path / "user")},
    )  # fmt: skip
    folder = Path(done.stdout.strip())
    folder.mkdir(parents=True)
    (folder / "packages.pth").write_text("\n".join(_SITES))
    done = _export_with({"PYTHONUSERBASE": str(tmp_path / "user")}, tmp_path)
    assert "version 1" in done.stdout, done.stderr[-2000:]


def test_the_fresh_process_cannot_import_trainwise_though_it_is_on_its_path(tmp_path):
    script = Path(tw.__file__).parent / "toolkit/saving/fresh_process.py"
    code = (
        "import json, runpy, sys\n"
        f"sys.argv[1:] = [json.dumps({sys.path!r})]\n"
        # Without a task it ends in an error, after all that it blocks.
        f"try:\n    runpy.run_path({str(script)!r}, run_name='__main__')\n"
        "except ValueError:\n    pass\n"
        "try:\n    import trainwise\n"
        "except ModuleNotFoundError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], input="", capture_output=True, text=True, timeout=300)
    assert "import of trainwise halted" in done.stdout, done.stderr


def test_folders_with_the_users_own_code_are_not_passed_on(tmp_path, monkeypatch):
    (tmp_path / "my_layers.py").write_text("")
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed/package-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), str(tmp_path / "installed"), *sys.path])
    found = package_folders()
    assert str(tmp_path / "installed") in found
    assert "" not in found and str(tmp_path) not in found


def test_a_process_that_takes_too_long_is_ended_and_said_to_be(tmp_path):
    with (
        FreshProcess(tmp_path, seconds=0.05) as process,
        pytest.raises(tw.ExportRefusedError, match="had not loaded and run it after 0.05 s"),
    ):
        process.answers(tmp_path, [{"x": np.ones((1, 1))}])


def test_a_process_that_the_system_kills_is_told_with_the_likely_cause(tmp_path):
    with FreshProcess(tmp_path) as process:
        environment = Path(f"/proc/{process._process.pid}/environ")
        if environment.exists():  # on Linux; beside a GPU's other tenants it takes no more than it needs
            assert b"TF_FORCE_GPU_ALLOW_GROWTH=true" in environment.read_bytes()
        # As a system does that has run out of memory.
        process._process.kill()
        with pytest.raises(tw.ExportRefusedError, match="ended by SIGKILL, as a system does where the memory"):
            process.answers(tmp_path, [{"x": np.ones((1, 1))}])
