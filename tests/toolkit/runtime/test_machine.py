"""What depends on the system, tried with what other systems lack taken away."""

import ctypes
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainwise.toolkit.runtime.machine import cores, flush_folder, free_memory, freed_memory_kept, hold, replace

# Windows and macOS as far as Python shows them: what is hidden here is not there.
HIDDEN = """
import builtins, io, os, pathlib, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
del os.sched_getaffinity
os.sysconf_names.clear()
del os.sysconf
_open = io.open
def without_proc(file, *args, **kwargs):
    if str(file).startswith("/proc"):
        raise FileNotFoundError(2, "No such file or directory", str(file))
    return _open(file, *args, **kwargs)
io.open = builtins.open = without_proc
import multiprocessing.context as context
for name in ("fork", "forkserver"):
    context._concrete_contexts.pop(name)
context._default_context._actual_context = None
context._default_context._default_context = context._concrete_contexts["spawn"]
del os.fork
"""

# A lock of one byte, as msvcrt has it: held by one open file, given back when that is closed.
MSVCRT = """
import fcntl as real, subprocess, sys, types  # subprocess first: it takes a system with msvcrt for Windows
def locking(handle, mode, count):
    try:
        real.flock(handle, real.LOCK_EX | real.LOCK_NB)
    except BlockingIOError:
        raise PermissionError(13, "Permission denied")
sys.modules["msvcrt"] = types.SimpleNamespace(locking=locking, LK_NBLCK=2)
"""

SEARCH = """
import os; os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np, trainwise.tuning as tuning
def build(hp):
    hidden = keras.layers.Dense(hp.Choice("u", [2, 4]), "relu")
    return keras.Sequential([keras.Input((1,)), hidden, keras.layers.Dense(1)])
if __name__ == "__main__":
    x = np.linspace(-1, 1, 64)[:, None]
    found = tuning.search(
        build, x, x[:, 0] ** 2, loss="mse", trials=2, epochs=1, population=[1e-2], workers=WORKERS, verbose=0,
        directory=sys.argv[1],
    )
    print("trials:", sorted(found.order))
"""

IMPORTS = """
import importlib, pkgutil, trainwise
for one in pkgutil.walk_packages(trainwise.__path__, "trainwise."):
    if not one.name.endswith("fresh_process"):
        importlib.import_module(one.name)
print("imported: all")
"""

RUN = """
from trainwise.__main__ import main
sys.argv = ["trainwise", "run", "--data", "iris", "--epochs", "1", "--members", "1", "--out", sys.argv[2]]
main()
"""


def _run(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_everything_imports_and_a_search_and_a_run_end_on_a_system_that_lacks_what_only_some_have(tmp_path):
    out = _run(HIDDEN + IMPORTS + SEARCH.replace("WORKERS", "1") + RUN, tmp_path / "search", tmp_path / "run")
    assert "imported: all" in out
    assert "trials: [0, 1]" in out
    assert (tmp_path / "run" / "report.html").is_file()
    assert (tmp_path / "run" / "models" / "iris" / "1" / "saved_model.pb").is_file()


@pytest.mark.slow
def test_a_search_with_workers_runs_on_locks_as_windows_has_them(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(MSVCRT + HIDDEN.replace("del os.fork\n", "") + SEARCH.replace("WORKERS", "2"))
    done = subprocess.run([sys.executable, script, tmp_path / "search"], capture_output=True, text=True, timeout=300)
    assert "trials: [0, 1]" in done.stdout, done.stderr[-3000:]
    assert "no file locks" not in done.stderr


def test_a_lock_keeps_others_out_until_it_is_closed(tmp_path):
    code = "import sys; from trainwise.toolkit.runtime.machine import hold; hold(sys.argv[1], wait=False)"
    command = [sys.executable, "-c", code, str(tmp_path / "lock")]
    with hold(tmp_path / "lock"):
        refused = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert "BlockingIOError" in refused.stderr
    assert subprocess.run(command, timeout=60).returncode == 0


@pytest.mark.parametrize("system", ["", MSVCRT + "sys.modules['fcntl'] = None\n"])
def test_a_lock_is_waited_for_and_a_killed_holder_gives_it_back(tmp_path, system):
    taking = system + "import sys, time; from trainwise.toolkit.runtime.machine import hold; held = hold(sys.argv[1])\n"
    first = subprocess.Popen(
        [sys.executable, "-c", taking + "print('held', flush=True); time.sleep(60)", str(tmp_path / "lock")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert first.stdout.readline() == "held\n"
    refused = taking.replace("sys.argv[1])", "sys.argv[1], wait=False)")
    done = subprocess.run([sys.executable, "-c", refused, str(tmp_path / "lock")], capture_output=True, text=True)
    assert "BlockingIOError" in done.stderr
    second = subprocess.Popen([sys.executable, "-c", taking, str(tmp_path / "lock")])
    time.sleep(0.5)
    assert second.poll() is None
    first.kill()
    assert second.wait(timeout=30) == 0
    first.communicate()


def test_a_system_without_any_locks_says_so(tmp_path):
    code = "import sys; sys.modules['fcntl'] = None\nfrom trainwise.toolkit.runtime.machine import hold\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "hold(sys.argv[1])", str(tmp_path / "lock")], capture_output=True, text=True
    )
    assert done.returncode == 0
    assert f"no file locks: see to it that no second process works beside {tmp_path / 'lock'}" in done.stderr


def test_the_cores_are_those_that_the_process_may_use():
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    asked = "from trainwise.toolkit.runtime.machine import cores; print(cores())"
    assert _run(code + asked) == "1\n"
    assert _run("import os; del os.sched_getaffinity\n" + asked) == f"{os.cpu_count()}\n"
    assert cores() == len(os.sched_getaffinity(0))


def test_free_memory_is_what_linux_says_or_the_pages_or_unknown(tmp_path):
    told = tmp_path / "meminfo"
    told.write_text("MemTotal:       2048 kB\nMemFree:         100 kB\nMemAvailable:    1000 kB\n")
    assert free_memory(told) == 1_024_000
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < free_memory(Path("/nowhere")) <= total
    asked = "import os; from trainwise.toolkit.runtime.machine import free_memory; from pathlib import Path\n"
    assert _run(asked + "del os.sysconf; print(free_memory(Path('/nowhere')))") == "None\n"
    # macOS tells how much there is and not how much is free.
    code = asked + (
        "real = os.sysconf\n"
        "def sysconf(name):\n"
        "    if name == 'SC_AVPHYS_PAGES': raise ValueError('unrecognized configuration name')\n"
        "    return real(name)\n"
        "os.sysconf = sysconf\n"
        "print(free_memory(Path('/nowhere')))\n"
    )
    assert _run(code) == f"{total}\n"


def test_a_file_that_windows_holds_for_a_moment_is_replaced_after_it(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from trainwise.toolkit.runtime import machine\n"
        "source, target = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "real, left = os.replace, [3]\n"
        "def held(a, b):\n"
        "    left[0] -= 1\n"
        "    if left[0] >= 0: raise PermissionError(13, 'Access is denied', str(b))\n"
        "    real(a, b)\n"
        "os.replace, os.name = held, 'nt'\n"
        "machine.replace(source, target)\n"
        "os.name = 'posix'\n"
        "left[0] = 1\n"
        "try: machine.replace(target, source)\n"
        "except PermissionError: print('refused at once')\n"
    )
    (tmp_path / "new").write_text("new")
    (tmp_path / "old").write_text("old")
    assert _run(code, tmp_path / "new", tmp_path / "old") == "refused at once\n"
    assert (tmp_path / "old").read_text() == "new"


def test_a_file_that_cannot_be_replaced_stays(tmp_path):
    (tmp_path / "new").write_text("new")
    with pytest.raises(OSError, match="nowhere"):
        replace(tmp_path / "new", tmp_path / "nowhere" / "old")
    assert (tmp_path / "new").read_text() == "new"


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path):
    flush_folder(tmp_path)
    flush_folder(tmp_path / "not there")
    assert list(tmp_path.iterdir()) == []


FITTING = """
import os, resource
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy as np
from trainwise.toolkit.population.model import Population
from trainwise.toolkit.runtime.machine import freed_memory_kept
with freed_memory_kept() as kept:
    pass
# Not of convolutions: on some processors these take their memory otherwise.
layers = [keras.layers.Dense(2048, "tanh"), keras.layers.Dense(2)]
population = Population(keras.Sequential([keras.Input((16,)), *layers]), members=2)
population.compile("sgd", "mse", steps_per_execution=1)
x, y = np.zeros((5120, 16)), np.zeros((5120, 2))
population.fit(x, y, batch_size=256, verbose=0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
population.fit(x, y, batch_size=256, epochs=8, verbose=0)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have an allocator of their own")
def test_a_population_takes_freed_memory_again_without_asking_the_system(tmp_path):
    def faults(**variables):
        # With one thread TensorFlow takes its memory otherwise.
        own = ("MALLOC_", "GLIBC_", "TF_NUM_", "OMP_")
        unset = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        command = [sys.executable, "-c", FITTING]
        done = subprocess.run(command, env={**unset, **variables}, capture_output=True, text=True, check=True)
        kept, count = done.stdout.split()
        return kept, int(count)

    ours, theirs = faults(), faults(MALLOC_TOP_PAD_="131072")
    assert ours[0] == "True" and theirs[0] == "False"
    # 160 steps, each of which takes some megabytes: without it each page of them would be a fault.
    assert ours[1] < theirs[1] / 3, (ours, theirs)


def test_an_allocator_that_cannot_be_set_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    with freed_memory_kept() as kept:
        assert kept is False
