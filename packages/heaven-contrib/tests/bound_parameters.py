"""A binding as small as one can be: what is no dependency is an int in the query, and the request is a dict."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from heaven import ValidationError
from heaven_contrib.routing.dependencies.inject import checked_dependencies
from heaven_contrib.routing.dependencies.resolution import Resolution

RESERVED = ("request", "state")
EMPTY = inspect.Parameter.empty


@dataclass(frozen=True)
class Parameter:
    """What a `Resolution` looks at."""

    name: str
    source: str
    annotation: Any
    default: Any


class CountedBinding:
    """The binding of one function, which counts how often it is read."""

    def __init__(self, function: Callable[..., Any], names: Collection[str]) -> None:
        self.parameters = tuple(
            Parameter(each.name, source_of(each.name, names), each.annotation, each.default)
            for each in inspect.signature(function, eval_str=True).parameters.values()
        )
        self.reads = 0

    def read(self, req: Any, _ctx: Any, _socket: Any) -> dict[str, Any]:
        """Raise the first fault alone, as a fast path does."""
        self.reads += 1
        for fault in self.faults(req):
            raise ValidationError([fault])
        reserved = {"request": req, "state": "the state", "data": req.get("data")}
        given: dict[str, Any] = {}
        for each in self.parameters:
            if each.source == "query" and each.name in req:
                given[each.name] = int(req[each.name])
            elif each.source in ("reserved", "body"):
                given[each.name] = reserved[each.name]
        return given

    def faults(self, req: Any) -> list[dict[str, Any]]:
        """Every int that is missing, or is none."""
        return [
            {"loc": ["query", each.name], "msg": "Expected `int`", "type": "type"}
            for each in self.parameters
            if each.source == "query" and not req.get(each.name, "" if each.default is EMPTY else "0").isdigit()
        ]


def source_of(name: str, names: Collection[str]) -> str:
    if name in names:
        return "dependency"
    if name == "data":
        return "body"
    return "reserved" if name in RESERVED else "query"


def resolution(function: Callable[..., Any], cached: Any = None, /, **dependencies: Any) -> Resolution:
    """The resolution of a handler whose levels declare these."""
    declared = checked_dependencies(dependencies, "Include / at shop.py:3")
    bind: Any = CountedBinding
    return Resolution(function, declared, bind, cached={} if cached is None else cached, place="shop.py:7")


async def resolve(made: Resolution, /, **query: str) -> dict[str, Any]:
    """The handler's arguments for a request, whose generators end at once."""
    async with AsyncExitStack() as exits:
        return await made.resolve(query, None, None, exits)  # type: ignore[arg-type]


async def serve(handler: Callable[..., Any], log: list[str], /, cached: Any = None, **dependencies: Any) -> Any:
    """Serve one request as a route does: an error is thrown in at once, and cleanup comes after the response."""
    made = resolution(handler, cached, **dependencies)
    async with AsyncExitStack() as exits:
        try:
            value = await handler(**await made.resolve({}, None, None, exits))  # type: ignore[arg-type]
        except BaseException as error:
            await exits.__aexit__(type(error), error, error.__traceback__)
            raise
        log.append("response")
    return value
