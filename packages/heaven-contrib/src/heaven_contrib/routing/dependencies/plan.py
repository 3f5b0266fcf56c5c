"""A graph of dependencies as the steps that a request goes through."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from heaven_contrib.routing.dependencies.cached import Cell
from heaven_contrib.routing.dependencies.generators import Dependency, Manager, in_loop, in_threads
from heaven_contrib.routing.dependencies.graph import Graph, Node
from heaven_contrib.routing.dependencies.inject import Inject
from heaven_contrib.routing.threads import in_thread

if TYPE_CHECKING:
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.websocket import WebSocket

Read: TypeAlias = "Callable[[Request, Context, WebSocket | None], dict[str, Any]]"


class Step(NamedTuple):
    """One dependency, ready to run."""

    name: str
    call: Callable[..., Any]
    """Gives the value, a coroutine for it, or where it is entered the context that yields it."""
    needs: tuple[str, ...]
    reads: bool
    """Whether the request has other arguments for it."""
    entered: bool
    awaited: bool
    """Whether its call gives a coroutine, whatever happens; others may, and are asked for it."""
    cell: Cell | None
    """Where the value is kept, for one with `use_cache`."""


class Plan(NamedTuple):
    """What a request goes through: everything is read first, then the steps are gone in order."""

    steps: tuple[Step, ...]
    reads: tuple[tuple[str, Read], ...]
    """By the name of its dependency, what gives the arguments that are read from the request."""


def planned(graph: Graph, declared: Mapping[str, Inject], cached: MutableMapping[Inject, Cell]) -> Plan:
    """The plan for a handler.

    Args:
        graph: what it needs.
        declared: the dependencies.
        cached: where the application keeps what is made once.
    """
    reads = {name: reading(node) for name, node in graph.nodes.items()}
    return Plan(
        tuple(_step(name, node, declared[name], cached) for name, node in graph.nodes.items()),
        tuple((name, read) for name, read in reads.items() if read is not None),
    )


def planned_when_full(graph: Graph, plan: Plan) -> Plan:
    """The plan when all is made that is made once: what nothing else stands on need not run any more.

    Args:
        graph: what the handler needs.
        plan: its plan before that.
    """
    kept = {step.name for step in plan.steps if step.cell is not None}
    wanted = graph.reached(*graph.handler.needs, stop=kept)
    return Plan(
        tuple(
            step._replace(needs=(), reads=False) if step.name in kept else step
            for step in plan.steps
            if step.name in wanted
        ),
        tuple(each for each in plan.reads if each[0] in wanted and each[0] not in kept),
    )


def reading(node: Node) -> Read | None:
    """What gives the arguments that are no dependencies, as a new dict each time; None where there are none."""
    read = node.binding.read if node.binding is not None and node.reads else None
    defaults = dict(node.defaults)
    if not defaults:
        return read

    def read_over_defaults(req: Request, ctx: Context, socket: WebSocket | None) -> dict[str, Any]:
        return {**defaults, **({} if read is None else read(req, ctx, socket))}

    return read_over_defaults


def _step(name: str, node: Node, inject: Inject, cached: MutableMapping[Inject, Cell]) -> Step:
    return Step(
        name=name,
        call=_entering(inject, f"{name!r}, {node}") if inject.yields else _calling(inject),
        needs=node.needs,
        reads=node.reads or bool(node.defaults),
        entered=inject.yields,
        awaited=inject.shape == "async" or (inject.in_thread and not inject.yields),
        cell=cached.setdefault(inject, Cell()) if inject.use_cache else None,
    )


def _calling(inject: Inject) -> Callable[..., Any]:
    return in_thread(inject.dependency) if inject.in_thread else inject.dependency


def _entering(inject: Inject, name: str) -> Callable[..., Dependency]:
    if inject.shape == "async generator":
        manager: Callable[..., Manager] = asynccontextmanager(inject.dependency)
    else:
        manager = (in_threads if inject.in_thread else in_loop)(inject.dependency)

    def enter(**given: Any) -> Dependency:
        return Dependency(manager(**given), name)

    return enter
