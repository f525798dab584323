"""A name brings what it uses and nothing that takes seconds beside."""

import subprocess
import sys

import pytest

HEAVY = (
    "tensorflow_datasets",
    "keras_tuner",
    "sklearn",
    "matplotlib",
    "pandas",
    "jinja2",
    "rich",
    "typer",
    "ray",
    "loky",
)


def _loaded(code):
    shown = f"import sys, json; {code}; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return set(__import__("json").loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="module")
def with_keras():
    return _loaded("import keras")


@pytest.mark.parametrize(
    "code",
    ["from trainwise.callbacks import CurveWatch, GradientWatch", "import trainwise; trainwise.vote; trainwise.check",
     "import trainwise; trainwise.fit_population; trainwise.export; trainwise.load_model",
     "import trainwise; trainwise.data; trainwise.layers; trainwise.optimizers; trainwise.schedules"],
)  # fmt: skip
def test_what_a_fit_needs_brings_no_more_than_keras_does(code, with_keras):
    assert _loaded(code) - with_keras <= {"rich"}


def test_reading_a_finished_run_needs_no_keras():
    code = "import sys, trainwise; trainwise.diagnose; print('keras' in sys.modules or 'tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["False"], done.stderr[-2000:]
