"""Laws that hold for everything public."""

import configparser
import functools
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import trainwise as tw

FOLDER = Path(tw.__file__).parent
CHECKOUT = Path(__file__).parents[1]


MODULES = [
    module.name
    for module in pkgutil.walk_packages([str(FOLDER)], "trainwise.")
    if not module.name.endswith(("__main__", "fresh_process"))
]


def _fresh(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)


def test_the_tests_run_against_the_installed_wheel():
    assert "site-packages" in tw.__file__


TOPS = ("toolkit", "callbacks", "command_line", "tuning")


def test_setup_cfg_lists_every_folder_with_code():
    config = configparser.ConfigParser()
    config.read(CHECKOUT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    folders = {p.parent for top in TOPS for p in (CHECKOUT / top).rglob("*.py")}
    names = {".".join(["trainwise", *folder.relative_to(CHECKOUT).parts]) for folder in folders}
    assert listed == names | {"trainwise"}


def test_the_wheel_carries_the_template_and_the_typing_mark():
    files = resources.files("trainwise")
    assert "<html" in files.joinpath("toolkit/report/templates/report.html").read_text()
    assert files.joinpath("py.typed").is_file()


def test_importing_trainwise_imports_nothing_that_takes_time():
    code = "import sys; before = set(sys.modules); import trainwise; print(*sorted(set(sys.modules) - before))"
    imported = _fresh(code).stdout.split()
    assert "trainwise" in imported
    assert {name.split(".")[0] for name in imported} - {"trainwise"} <= sys.stdlib_module_names
    # Itself, and the little of the standard library that its annotations need.
    assert len(imported) <= 40


def test_there_are_as_many_modules_and_public_names_as_there_were():
    # The counts only grow: laws that run on nothing hold for everything.
    assert len(MODULES) >= 150
    assert len(tw.__all__) >= 33
    for name in MODULES:
        assert importlib.import_module(name).__doc__, name


@pytest.mark.parametrize("name", [name for name in tw.__all__ if name != "__version__"])
def test_every_public_name_loads_and_is_documented(name):
    value = getattr(tw, name)
    if name in ("CAUSES", "SYMPTOMS"):
        assert len(value) >= 30 and all(isinstance(sentence, str) for sentence in value.values())
    else:
        assert inspect.isroutine(value) or inspect.isclass(value) or inspect.ismodule(value)
        assert value.__doc__


def test_a_name_that_does_not_exist_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = tw.no_such_name


def _documented(cls, name, value):
    """Whether an attribute of a class has a docstring, its own or of what it overrides or stands for."""
    if inspect.getdoc(value) or (isinstance(value, functools.cached_property) and value.func.__doc__):
        return True
    protocols = [one for one in vars(sys.modules[cls.__module__]).values() if getattr(one, "_is_protocol", False)]
    # Keras documents what is overridden there.
    overridden = [base for base in cls.__mro__[1:] if not base.__module__.startswith("trainwise")]
    return any(name in vars(one) for one in [*overridden, *protocols])


def _described():
    """Every public function, class, method and property of the package: its name, its place, the thing."""
    for name in MODULES:
        for public, value in vars(importlib.import_module(name)).items():
            if public.startswith("_") or getattr(value, "__module__", None) != name:
                continue
            if inspect.isfunction(value) or inspect.isclass(value):
                yield f"{name}.{public}", value, bool(value.__doc__)
            for attribute, one in vars(value).items() if inspect.isclass(value) else ():
                plain = inspect.isfunction(getattr(one, "__func__", one))
                if not attribute.startswith("_") and (plain or isinstance(one, property | functools.cached_property)):
                    yield f"{name}.{public}.{attribute}", one, _documented(value, attribute, getattr(value, attribute))


def test_every_public_function_class_method_and_property_says_what_it_is():
    found = list(_described())
    # The count only grows: a sweep that finds nothing finds no fault either.
    assert len(found) >= 780
    assert [name for name, _, documented in found if not documented] == []


def _public_functions():
    """The functions that users call, by the name they call them."""
    found = {name: getattr(tw, name) for name in tw.__all__}
    for module in [name for name, value in found.items() if inspect.ismodule(value)]:
        found |= {f"{module}.{name}": getattr(found[module], name) for name in found[module].__all__}
    return {name: value for name, value in found.items() if inspect.isfunction(value)}


def test_the_docstring_of_every_public_function_lists_its_arguments():
    found = _public_functions()
    assert len(found) >= 30
    for name, value in found.items():
        arguments = [one for one in inspect.signature(value).parameters if one[0] != "_"]
        section = re.search(r"\n    Args:\n(.*?)(?=\n    \w+:|\Z)", value.__doc__, re.DOTALL)
        assert bool(section) == bool(arguments), name
        if section:
            told = re.findall(r"^        \**([\w, *`]+?):", section[1], re.MULTILINE)
            told = {word for group in told for word in re.findall(r"\w+", group)}
            assert set(arguments) <= told, (name, set(arguments) - told)


def test_no_module_bears_the_name_of_a_function_that_its_folder_exports():
    packages = [name for name in MODULES if hasattr(importlib.import_module(name), "__path__")]
    assert len(packages) >= 19
    for package in packages:
        module = importlib.import_module(package)
        submodules = {one.name for one in pkgutil.iter_modules(module.__path__)}
        exported = {name for name in getattr(module, "__all__", ()) if not inspect.ismodule(getattr(module, name))}
        assert not submodules & exported, package
