"""The public names: all that `__all__` says is there, nothing is there unsaid, and nothing is loaded before it is used."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module, resources
from types import ModuleType

import pytest

import heaven_testing


def test_every_public_name_is_there():
    """`__all__` is sorted the way the linter does, without repeats, and what it names can be had."""
    assert len(set(heaven_testing.__all__)) == len(heaven_testing.__all__)
    assert [] == [name for name in heaven_testing.__all__ if getattr(heaven_testing, name, None) is None]
    assert sorted(heaven_testing.__all__) == dir(heaven_testing)


def test_nothing_public_is_unsaid():
    """What has no underscore and is no module is in `__all__`."""
    unsaid = {
        name
        for name, value in vars(heaven_testing).items()
        if not name.startswith("_") and name not in heaven_testing.__all__ and not isinstance(value, ModuleType)
    }
    assert {"TYPE_CHECKING", "Any", "annotations", "import_module"} == unsaid


def test_an_unknown_name_is_an_attribute_error():
    """As on every module."""
    with pytest.raises(AttributeError, match="module 'heaven_testing' has no attribute 'Clint'"):
        heaven_testing.Clint


def test_every_module_imports():
    """No module of the package fails to import."""
    for module in pkgutil.walk_packages(heaven_testing.__path__, "heaven_testing."):
        assert import_module(module.name)


@pytest.mark.parametrize("absent", ["httpx", "psutil", "asyncio", "pytest"])
def test_the_package_alone_loads_nothing(absent):
    """What a name needs is loaded with the name: the client library, the event loop, what handles processes."""
    program = f"import sys, heaven_testing; sys.exit({absent!r} in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode


def test_it_says_that_it_is_typed():
    """`py.typed` is in the package (PEP 561)."""
    assert resources.files("heaven_testing").joinpath("py.typed").is_file()
