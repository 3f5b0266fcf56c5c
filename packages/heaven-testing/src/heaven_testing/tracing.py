"""What ran of an application for one request: hooks, handler and error handlers, in order and with times."""

from __future__ import annotations

from collections.abc import Awaitable
from contextvars import ContextVar
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from heaven.declaring.registrations import SOCKET
from heaven.errors import Abort
from heaven.http.urls import authority, path_below_root, request_target

if TYPE_CHECKING:
    from heaven import App, Context, Request, Response, Scope, Step, WebSocket
    from heaven.callables import AsyncFunction


@dataclass(slots=True)
class TraceStep:
    """One function that ran.

    `kind` is BEFORE, HANDLER, AFTER or ON. `name` is `module.qualname`, `place` where the function was written
    (`file:line`), `pattern` what it was registered for: a URL pattern, for ON a status code or exception class.
    `started` is in seconds since the request began. `seconds` is how long it ran, None while it runs. `error` is what
    it raised; `res.abort` is no error.
    """

    kind: str
    name: str
    place: str
    pattern: str
    started: float
    seconds: float | None = None
    error: BaseException | None = None

    def cells(self) -> tuple[str, ...]:
        """What a line of a printed trace says: the kind, what it is, when, for how long, and what came of it."""
        took = "is running" if self.seconds is None else f"{self.seconds * 1000:.2f} ms"
        what = f"raised {_told(self.error)}" if self.error is not None else ""
        return self.kind, self.name, self.pattern, f"at {self.started * 1000:.2f} ms", took, self.place, what

    def __str__(self) -> str:
        return "  ".join(self.cells()).rstrip()


class Trace:
    """Lives with one request: what ran for it, and the objects that ran with it.

    `req`, `res` and `ctx` are the objects that the handler saw, and for a WebSocket `res` is the WebSocket. Where no
    handler ran they are those that the first hook or error handler saw; None where nothing ran.

    Args:
        app: the application that is asked which route it was where nothing ran that could tell.
        scope: the request, as the server told the application of it.

    Example:
        >>> trace = Trace()
        >>> trace.steps.append(TraceStep("HANDLER", "shop.read", "shop.py:7", "/orders/:id", 0.0001, 0.002))
        >>> trace.names
        ['HANDLER read']
        >>> print(trace)
        no route
          HANDLER  shop.read  /orders/:id  at 0.10 ms  2.00 ms  shop.py:7
    """

    __slots__ = ("_app", "_scope", "began", "ctx", "req", "res", "steps")

    def __init__(self, app: App | None = None, scope: Scope | None = None) -> None:
        self._app = app
        self._scope = scope
        self.began: float = perf_counter()
        self.steps: list[TraceStep] = []
        self.req: Request | None = None
        self.res: Response | WebSocket | None = None
        self.ctx: Context | None = None

    @property
    def route(self) -> str | None:
        """The pattern of the route that was found, with the prefixes it is mounted under; None where there is none.

        Where nothing ran, as for a body that is too large, the application is asked what it would have been.
        """
        if self.req is not None:
            return self.req.route
        if self._app is None or self._scope is None:
            return None
        return self._app.explain(_method(self._scope), _url(self._scope)).route

    @property
    def names(self) -> list[str]:
        """What ran, by kind and the last part of its name: `["BEFORE guard", "HANDLER read"]`."""
        return [f"{step.kind} {step.name.rpartition('.')[2]}" for step in self.steps]

    def __str__(self) -> str:
        scope = self.req.scope if self.req is not None else self._scope
        asked = f"{_method(scope)} {scope['path']}: " if scope is not None else ""
        route = self.route
        head = asked + (f"route {route}" if route is not None else "no route")
        rows = [step.cells() for step in self.steps]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows] or ["nothing ran"]
        return "\n  ".join((head, *lines))

    def __repr__(self) -> str:
        return f"<Trace {self.route}: {', '.join(self.names) or 'nothing ran'}>"


CURRENT: ContextVar[Trace | None] = ContextVar("heaven_testing.tracing.CURRENT", default=None)
"""The trace of the request that is served; the server sets it in the context of the application's task."""


def observe(app: App) -> None:
    """Have an application note what runs, in the trace that is `CURRENT`, if there is one.

    It stays installed; a second time changes nothing.

    Args:
        app: the outermost application; what is mounted on it is observed as well.
    """
    app.observe(_recorder)


def _recorder(step: Step, call: AsyncFunction) -> AsyncFunction:
    kind, name, place, pattern = step.kind, step.name, step.place, step.pattern
    is_handler = kind == "HANDLER"

    async def note(trace: Trace, arguments: tuple[Any, ...]) -> Any:
        if is_handler or trace.req is None:
            trace.req, trace.res, trace.ctx = arguments[:3]
        started = perf_counter()
        noted = TraceStep(kind, name, place, pattern, started - trace.began)
        trace.steps.append(noted)
        try:
            return await call(*arguments)
        except Abort:
            raise
        except BaseException as error:
            noted.error = error
            raise
        finally:
            noted.seconds = perf_counter() - started

    # PERF: a plain function, so that nobody who isn't traced pays for a second coroutine.
    def recorded(*arguments: Any) -> Awaitable[Any]:
        trace = CURRENT.get()
        return call(*arguments) if trace is None else note(trace, arguments)

    return recorded


def _method(scope: Scope) -> str:
    method: str = SOCKET if scope["type"] == "websocket" else scope["method"]
    return method


def _url(scope: Scope) -> str:
    """The URL of a request, below the server's `root_path`, as `App.explain` takes it."""
    if scope.get("root_path"):
        scope = {**scope, "path": path_below_root(scope), "raw_path": None}
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), None)
    return f"http://{authority(scope, host)}{request_target(scope)}"


def _told(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
