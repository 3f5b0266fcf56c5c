"""The application that a run is about: `--heaven-app`, or `heaven_app` in the configuration file."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from heaven.types import ASGIApp

_NAME = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*(\(\))?")


OWN_APP = "or write a fixture `app` of your own into conftest.py"


def app_name(config: pytest.Config, otherwise: str = OWN_APP) -> str:
    """What was given as application; the command line wins.

    Args:
        config: pytest's.
        otherwise: what can be done in place of giving one, or that there is nothing.

    Raises:
        pytest.UsageError: nothing was, or nothing that could be a name.
    """
    __tracebackhide__ = True
    name: str = config.getoption("heaven_app") or config.getini("heaven_app")
    if not name:
        raise pytest.UsageError(
            "which application? Give --heaven-app module:app, write heaven_app = module:app into the configuration "
            f"file, {otherwise}"
        )
    if not _NAME.fullmatch(name):
        module, _, attribute = name.rpartition(".") if "." in name else (name, ":", "app")
        near = "" if ":" in name else f"; did you mean '{module}:{attribute}'?"
        raise pytest.UsageError(f"--heaven-app {name!r} is neither 'module:app' nor 'module:factory()'{near}")
    return name


def load_app(name: str, root: Path) -> ASGIApp:
    """Import an application, or call the factory that makes it.

    Modules are looked for as uvicorn does in the folder that it is started in; here that is pytest's rootdir. It comes
    before all else on the path, unless it is there already: pytest's `pythonpath` can order it otherwise.

    Args:
        name: `module:app`, `module:attribute.app` or `module:factory()`, as `app_name` gives it.
        root: pytest's rootdir.

    Raises:
        pytest.UsageError: nothing of that name is there, or it is no application.
    """
    __tracebackhide__ = True
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    module_name, _, path = name.partition(":")
    found: Any = _module(module_name, name, root)
    inside = module_name
    for attribute in path.removesuffix("()").split("."):
        if not hasattr(found, attribute):
            told = _missing(attribute, _callables(found), f"is in {inside}")
            raise pytest.UsageError(f"--heaven-app {name!r}: {told}")
        found, inside = getattr(found, attribute), f"{inside}.{attribute}"
    if path.endswith("()"):
        found = found()
    elif callable(found) and not _takes_three(found):
        raise pytest.UsageError(
            f"--heaven-app {name!r} is not called with (scope, receive, send), as an ASGI application is; "
            f"if it makes the application, write '{name}()'"
        )
    if not callable(found):
        raise pytest.UsageError(f"--heaven-app {name!r} is {found!r}, which is no ASGI application")
    return cast("ASGIApp", found)


def _module(module_name: str, name: str, root: Path) -> Any:
    """The module; when one that it imports is missing, that is told as it is."""
    __tracebackhide__ = True
    try:
        return import_module(module_name)
    except ModuleNotFoundError as error:
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise
        from pkgutil import iter_modules  # loaded with the first mistake

        package, _, last = f"{error.name}".rpartition(".")
        folder = root.joinpath(*package.split("."))
        modules = [module.name for module in iter_modules([str(folder)])]
        raise pytest.UsageError(f"--heaven-app {name!r}: {_missing(last, modules, f'is in {folder}')}") from None


def _missing(name: str, known: list[str], verb: str) -> str:
    """The words for a name that isn't there, and what comes near it."""
    from heaven.declaring.store import missing  # a run without an application does not load it

    return missing(name, known, verb)


def _callables(found: object) -> list[str]:
    """What might have been meant: public names of what can be called and is no class."""
    values = {name: getattr(found, name, None) for name in dir(found) if not name.startswith("_")}
    return [name for name, value in values.items() if callable(value) and not isinstance(value, type)]


def _takes_three(function: Any) -> bool:
    from inspect import signature  # a run without an application does not load it

    try:
        signature(function).bind(None, None, None)
    except TypeError:
        return False
    except ValueError:
        return True  # written in C, without a signature: the call itself will tell
    return True
