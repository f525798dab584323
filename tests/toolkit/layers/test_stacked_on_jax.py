"""The layers and short training runs of populations on JAX."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_tests_of_stacked_layers_pass_on_jax_too():
    command = [sys.executable, "-m", "pytest", "-q", f"--rootdir={FOLDER}", "-c", str(FOLDER / "pytest.ini")]
    # JAX compiles each operation by itself: to make thousands of tiny ones fast takes longer than to run them slow.
    quick = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    done = subprocess.run(
        [*command, str(Path(__file__).with_name("test_stacked.py"))],
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "XLA_FLAGS": quick},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "passed" in done.stdout and "skipped" not in done.stdout
