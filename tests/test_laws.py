"""Laws that hold for everything public."""

import configparser
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

import keras
import numpy as np
import pytest

import trainwise as tw

FOLDER = Path(tw.__file__).parent
CHECKOUT = Path(__file__).parents[1]


def _modules():
    found = [m.name for m in pkgutil.walk_packages([str(FOLDER)], "trainwise.")]
    return [name for name in found if not name.endswith(("__main__", "fresh_process"))]


def _fresh(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_the_tests_run_against_the_installed_wheel():
    assert "site-packages" in tw.__file__


def test_setup_cfg_lists_every_folder_with_code():
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    folders = {p.parent for top in ("toolkit", "callbacks", "tuning") for p in (CHECKOUT / top).rglob("*.py")}
    names = {".".join(["trainwise", *folder.relative_to(CHECKOUT).parts]) for folder in folders}
    assert listed == names | {"trainwise"}


def test_the_wheel_carries_the_template_and_the_typing_mark():
    files = resources.files("trainwise")
    assert "<html" in files.joinpath("toolkit/report/templates/report.html").read_text()
    assert files.joinpath("py.typed").is_file()


def test_importing_trainwise_imports_no_tensorflow_and_is_quick():
    code = (
        "import time, sys; t = time.perf_counter(); import trainwise; t = time.perf_counter() - t; "
        "print(any(m in sys.modules for m in ('tensorflow', 'keras', 'numpy', 'typer')), t)"
    )
    heavy, seconds = _fresh(code).stdout.split()
    assert heavy == "False"
    assert float(seconds) < 0.1


@pytest.mark.parametrize("name", [name for name in tw.__all__ if name != "__version__"])
def test_every_public_name_loads_and_is_documented(name):
    value = getattr(tw, name)
    assert inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value) or hasattr(value, "keys")
    if not hasattr(value, "keys"):
        assert value.__doc__


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tw.no_such_name


@pytest.mark.parametrize("name", _modules())
def test_every_module_and_its_public_functions_say_what_they_are(name):
    module = importlib.import_module(name)
    assert module.__doc__, name
    for public, value in vars(module).items():
        own = getattr(value, "__module__", None) == name and not public.startswith("_")
        if own and (inspect.isfunction(value) or inspect.isclass(value)):
            assert value.__doc__, f"{name}.{public}"


@pytest.mark.parametrize("make", [tw.layers.Standardize, tw.layers.MinMax])
def test_every_layer_round_trips_through_json(make):
    layer = make(name="known")
    layer.adapt(np.array([[1.0, 5.0], [3.0, 9.0]]))
    config = json.loads(json.dumps(layer.get_config()))
    again = make.from_config(config)
    x = np.array([[2.0, 2.0]], dtype="float32")
    np.testing.assert_array_equal(again(x), layer(x))
    assert again.get_config() == layer.get_config()
    assert keras.saving.get_registered_name(make).startswith("trainwise>")


def test_no_module_bears_the_name_of_a_function_that_its_folder_exports():
    for package in ("trainwise.callbacks", "trainwise.tuning", "trainwise.toolkit.data", "trainwise.toolkit.layers"):
        module = importlib.import_module(package)
        submodules = {m.name for m in pkgutil.iter_modules(module.__path__)}
        assert not submodules & set(module.__all__), package
