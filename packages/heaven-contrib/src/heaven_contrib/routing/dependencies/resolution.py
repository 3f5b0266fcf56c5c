"""Dependencies at run time: everything is read from the request, then each step gives its value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from heaven.errors import ValidationError
from heaven_contrib.routing.dependencies.checks import check_bodies, check_caching
from heaven_contrib.routing.dependencies.graph import Bind, survey
from heaven_contrib.routing.dependencies.plan import Read, planned, planned_when_full, reading

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.websocket import WebSocket
    from heaven_contrib.routing.binding.extraction import Binding
    from heaven_contrib.routing.dependencies.cached import Cell
    from heaven_contrib.routing.dependencies.inject import Inject


class Resolution:
    """Lives with the wiring, one for each route: gives a handler its arguments, those that are dependencies as well.

    Args:
        function: the handler.
        dependencies: what all levels declare, the inner over the outer.
        bind: gives the binding of a callable, some of whose parameters are dependencies.
        cached: where the application keeps what is made once; the same for all of its routes.
        place: where the route was declared, `file:line`.

    Raises:
        ImproperlyConfigured: a marked parameter names no dependency, dependencies need each other, one that is cached
            needs what belongs to a request, two types are asked for of one body, or a signature can't be bound.
    """

    __slots__ = ("_cells", "_needs", "_plan", "_plan_when_full", "bindings", "has_cleanup", "names", "read")

    def __init__(
        self,
        function: Callable[..., Any],
        dependencies: Mapping[str, Inject],
        bind: Bind,
        *,
        cached: MutableMapping[Inject, Cell],
        place: str,
    ) -> None:
        graph = survey(function, dependencies, bind, place)
        check_caching(graph, dependencies)
        check_bodies(graph)
        self.bindings: tuple[Binding, ...] = tuple(
            node.binding
            for node in (graph.handler, *graph.nodes.values())
            if node.binding is not None and (node.reads or node is graph.handler)
        )
        """All that read the request; the handler's own is the first, whatever it reads."""
        self.names: tuple[str, ...] = tuple(graph.nodes)
        """The dependencies that run, in order."""
        self.has_cleanup: bool = any(dependencies[name].yields for name in self.names)
        """Whether a generator is among them, so that `resolve` needs `exits`."""
        self.read: Read | None = reading(graph.handler)
        """Gives the handler's other arguments, all where no dependencies run; None where there are none."""
        self._needs = graph.handler.needs
        self._plan = planned(graph, dependencies, cached)
        self._plan_when_full = planned_when_full(graph, self._plan)
        self._cells = tuple(step.cell for step in self._plan.steps if step.cell is not None)

    async def resolve(
        self, req: Request, ctx: Context, socket: WebSocket | None, exits: AsyncExitStack | None
    ) -> dict[str, Any]:
        """The arguments for one call of the handler.

        Everything that is read from the request comes first, so that a request which does not fit starts nothing.

        Args:
            req: the request, or the handshake of a WebSocket.
            ctx: its context.
            socket: the WebSocket, where it is one.
            exits: gets the generators that were entered. Whoever gave it lets it go on to their ends when the response
                was sent, or gives it what the handler, or this call, raised.

        Raises:
            ValidationError: 422, with all that is wrong for handler and dependencies.
            Exception: what a dependency raises.
        """
        plan = self._plan
        if self._cells and all(cell.full for cell in self._cells):
            plan = self._plan_when_full
        try:
            arguments = {} if self.read is None else self.read(req, ctx, socket)
            bound = {name: read(req, ctx, socket) for name, read in plan.reads}
        except ValidationError as error:
            raise self._refused(req, error) from None
        values: dict[str, Any] = {}
        # PERF: taken apart as tuples: attributes of a step would make three nested dependencies 13% dearer.
        for name, call, needs, reads, entered, cell in plan.steps:
            given = bound[name] if reads else {}
            for need in needs:
                given[need] = values[need]
            if entered:
                assert exits is not None  # has_cleanup says so
                values[name] = await exits.enter_async_context(call(**given))
            elif cell is not None:
                values[name] = cell.value if cell.full else await cell.fill(call, given)
            else:
                value = call(**given)
                values[name] = await value if type(value) is CoroutineType else value
        for need in self._needs:
            arguments[need] = values[need]
        return arguments

    def _refused(self, req: Request, first: ValidationError) -> ValidationError:
        """One error with the faults of all bindings, each told once."""
        faults: list[Mapping[str, Any]] = []
        for binding in self.bindings:
            faults += [each for each in binding.faults(req) if each not in faults]
        return ValidationError(faults) if len(faults) > len(first.errors) else first
