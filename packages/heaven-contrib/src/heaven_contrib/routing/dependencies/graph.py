"""The dependencies that a handler needs: found by the names of parameters, and in an order in which they can run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from heaven.callables import name_of, place_of
from heaven.declaring.store import missing
from heaven_contrib.routing.dependencies.factory import Factory
from heaven_contrib.routing.dependencies.inject import Inject
from heaven_contrib.routing.dependencies.injects import NEEDED, Injected
from heaven_contrib.routing.dependencies.marks import marks
from heaven_contrib.routing.errors import ImproperlyConfigured

if TYPE_CHECKING:
    from heaven_contrib.routing.binding.extraction import Binding, Parameter

Bind: TypeAlias = "Callable[[Callable[..., Any], Collection[str]], Binding]"
"""Gives the binding of a callable; the parameters with these names are not read from the request."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """The handler, or one dependency, and where its arguments come from.

    `needs` are the dependencies among them, `defaults` the values of marked ones that no level declares; `binding`
    reads the others from the request. It is None for a Factory, which reads nothing from there.
    """

    function: Callable[..., Any]
    needs: tuple[str, ...]
    defaults: Mapping[str, Any]
    binding: Binding | None

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What is bound."""
        return () if self.binding is None else self.binding.parameters

    @property
    def reads(self) -> bool:
        """Whether anything of it is read from the request."""
        return any(each.source != "dependency" for each in self.parameters)

    def __str__(self) -> str:
        """Its name and line."""
        return f"{name_of(self.function)} ({place_of(self.function)})"


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Lives while a route is wired: the handler, and by name what runs for it, each after all that it needs."""

    handler: Node
    nodes: Mapping[str, Node]

    def reached(self, *names: str, stop: Collection[str] = ()) -> frozenset[str]:
        """These dependencies and all that they stand on.

        Args:
            *names: where to begin.
            stop: what these stand on does not count.
        """
        found: set[str] = set()
        ahead = list(names)
        while ahead:
            name = ahead.pop()
            if name not in found:
                found.add(name)
                if name not in stop:
                    ahead += self.nodes[name].needs
        return frozenset(found)


def survey(function: Callable[..., Any], declared: Mapping[str, Inject], bind: Bind, place: str) -> Graph:
    """Go from a handler to all that it needs.

    Args:
        function: the handler.
        declared: the dependencies of all levels, the inner over the outer.
        bind: gives bindings.
        place: where the route was declared, `file:line`.

    Raises:
        ImproperlyConfigured: a marked parameter names no dependency, dependencies need each other, or a signature
            can't be bound.
    """
    handler = _bound(function, declared, bind)
    nodes: dict[str, Node] = {}

    def visit(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            circle = ", which needs ".join(
                f"{each!r} ({declared[each].place})" for each in (*way[way.index(name) :], name)
            )
            raise ImproperlyConfigured(f"the route at {place} needs {circle}; one of them has to do without")
        if name not in nodes:
            dependency = declared[name].dependency
            if isinstance(dependency, Factory):
                node = _made(dependency, declared)
            else:
                node = _bound(dependency, declared, bind)
            for need in node.needs:
                visit(need, (*way, name))
            nodes[name] = node

    for need in handler.needs:
        visit(need, ())
    return Graph(handler, nodes)


def _bound(function: Callable[..., Any], declared: Mapping[str, Inject], bind: Bind) -> Node:
    marked = marks(function)
    binding = bind(function, frozenset((*declared, *marked)))
    wanted = [each.name for each in binding.parameters if each.source == "dependency"]
    return Node(function, *_settled(function, wanted, marked, declared), binding)


def _made(factory: Factory, declared: Mapping[str, Inject]) -> Node:
    marked: dict[str, Injected] = {}
    wanted: list[str] = []
    for each in _parameters(factory):
        by_name = each.kind is not each.POSITIONAL_ONLY
        if each.name in factory.keywords or each.kind in _OPEN:
            continue
        if isinstance(each.default, Injected):
            marked[each.name] = each.default
        elif each.default is each.empty and not (by_name and each.name in declared):
            cure = (
                missing(each.name, declared, "is declared") if by_name else "it is taken by position only, so give it"
            )
            raise ImproperlyConfigured(
                f"{name_of(factory)} needs {each.name!r}, which its Factory was not given; {cure}"
            )
        if by_name:
            wanted.append(each.name)
    return Node(factory, *_settled(factory, wanted, marked, declared), None)


_OPEN = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def _parameters(factory: Factory) -> Collection[inspect.Parameter]:
    try:
        return inspect.signature(factory).parameters.values()
    except (TypeError, ValueError):
        return ()  # written in C without a signature: what it was given has to do


def _settled(
    function: Callable[..., Any],
    wanted: Collection[str],
    marked: Mapping[str, Injected],
    declared: Mapping[str, Inject],
) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    """Which parameters get the value of a dependency, and which the default of their mark."""
    defaults: dict[str, Any] = {}
    for name, mark in marked.items():
        if name in declared:
            continue
        if mark.default is NEEDED:
            raise ImproperlyConfigured(
                f"{name_of(function)} at {place_of(function)} marks {name!r} with Injects(), and "
                f"{missing(name, declared, 'is declared')}; say dependencies={{{name!r}: Inject(...)}} at a level of it"
            )
        defaults[name] = mark.default
    return tuple(name for name in wanted if name in declared), defaults
