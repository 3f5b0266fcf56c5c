from __future__ import annotations

import pkgutil
from importlib import import_module, resources

import heaven_testing


def test_all_names_what_is_there():
    """Every public name is in `__all__`, sorted, and nothing else is."""
    modules = {module.name for module in pkgutil.iter_modules(heaven_testing.__path__)}
    public = {name for name in vars(heaven_testing) if not name.startswith("_")} - modules - {"annotations"}
    assert sorted(public) == list(heaven_testing.__all__)


def test_every_module_imports():
    """No module of the package fails to import."""
    for module in pkgutil.walk_packages(heaven_testing.__path__, "heaven_testing."):
        assert import_module(module.name)


def test_it_says_that_it_is_typed():
    """`py.typed` is in the package (PEP 561)."""
    assert resources.files("heaven_testing").joinpath("py.typed").is_file()
