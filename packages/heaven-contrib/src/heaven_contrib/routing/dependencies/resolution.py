"""Dependencies at run time: everything is read from the request, then each step gives its value."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, TypeAlias

from heaven.errors import ValidationError
from heaven_contrib.routing.dependencies.checks import check_bodies, check_caching
from heaven_contrib.routing.dependencies.graph import Bind, survey
from heaven_contrib.routing.dependencies.plan import Read, planned, planned_when_full, reading
from heaven_contrib.routing.dependencies.written import CALL, RESOLVE, written

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from heaven.callables import AsyncFunction
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.messages.websocket import WebSocket
    from heaven_contrib.routing.binding.extraction import Binding
    from heaven_contrib.routing.dependencies.cached import Cell
    from heaven_contrib.routing.dependencies.inject import Inject


Resolve: TypeAlias = "Callable[[Request, Context, WebSocket | None, AsyncExitStack | None], Awaitable[dict[str, Any]]]"


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

    __slots__ = ("_cells", "_needs", "_plan", "_plan_when_full", "bindings", "has_cleanup", "names", "read", "resolve")

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
        self._plan = planned(graph, dependencies, cached)
        self._cells = tuple(step.cell for step in self._plan.steps if step.cell is not None)
        self._plan_when_full = planned_when_full(graph, self._plan) if self._cells else None
        self._needs = graph.handler.needs
        self.resolve: Resolve = self._written(RESOLVE)
        """Gives the arguments for one call of the handler: an async function of `(req, ctx, socket, exits)`.

        Everything that is read from the request comes first, so that a request which does not fit starts nothing.
        `exits` gets the generators that were entered. Whoever gave it lets it go on to their ends when the response was
        sent, or gives it what the handler, or this call, raised.
        """

    def calling(self, function: AsyncFunction, respond: Callable[[Any, Response], None]) -> AsyncFunction:
        """What calls the handler for a request, where there is no cleanup.

        Args:
            function: the handler, in its awaitable form.
            respond: what becomes of its value.
        """
        call: AsyncFunction = self._written(CALL, function=function, respond=respond)
        return call

    def _written(self, lines: tuple[str, str], **names: Any) -> Any:
        ending = (self.read, self._needs, self._refused)
        every = written(lines, self._plan, *ending, **names)
        if self._plan_when_full is None:
            return every
        cells, when_full = self._cells, written(lines, self._plan_when_full, *ending, **names)

        def choose(*arguments: Any) -> Awaitable[Any]:
            going: Awaitable[Any] = (when_full if all(cell.full for cell in cells) else every)(*arguments)
            return going

        return choose

    def _refused(self, req: Request, first: ValidationError) -> ValidationError:
        """One error with the faults of all bindings, each told once."""
        faults: list[Mapping[str, Any]] = []
        for binding in self.bindings:
            faults += [each for each in binding.faults(req) if each not in faults]
        return ValidationError(faults) if len(faults) > len(first.errors) else first
