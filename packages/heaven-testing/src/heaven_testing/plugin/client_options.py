"""What the client of a test is made with: the marker `heaven`, and the configuration file."""

from __future__ import annotations

from typing import Any

import pytest


def client_options(request: pytest.FixtureRequest, client: type[Any]) -> dict[str, Any]:
    """The options of the test's markers, the closest wins; `leaks` is the configuration file's where none names it.

    Args:
        request: of a fixture of the test.
        client: the class that takes them.

    Raises:
        pytest.UsageError: a marker has what the client does not take.
    """
    __tracebackhide__ = True
    options: dict[str, Any] = {}
    leaks: list[str] | None = request.config.getini("heaven_leaks")
    if leaks is not None:
        options["leaks"] = frozenset(leaks)
    for marker in reversed([*request.node.iter_markers("heaven")]):
        _check(marker, request.node.nodeid, client)
        options |= marker.kwargs
    return options


def _check(marker: pytest.Mark, test: str, client: type[Any]) -> None:
    __tracebackhide__ = True
    if marker.args:
        raise pytest.UsageError(
            f"{test} has @pytest.mark.heaven with {marker.args[0]!r}; it takes options by name, as in leaks=()"
        )
    from inspect import signature  # a run without the marker does not load them

    from heaven.declaring.store import missing
    from heaven_testing.clients.options import LibraryOptions

    known = {*signature(client).parameters, *LibraryOptions.__annotations__} - {"app", "options"}
    for name in marker.kwargs:
        if name not in known:
            raise pytest.UsageError(f"{test} has @pytest.mark.heaven, and {missing(name, known, 'is an option')}")
