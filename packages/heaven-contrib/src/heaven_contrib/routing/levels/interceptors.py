"""What looks at a request before its permissions do: it may rewrite the scope, refuse, or answer itself."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any

from heaven.callables import is_async
from heaven.types import ASGIApp, Receive, Scope, Send
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.seen import Seen
from heaven_contrib.routing.places import shown
from heaven_contrib.routing.shapes import listed, takes


class Interceptor(ABC):
    """Runs after the middleware and before the permissions: subclass it, and write `intercept`.

    When it returns, the request goes on with the scope as it left it. It ends the request by raising, an HTTPError for
    example, or by sending a response. Of a class an instance is made when the application is wired, one for each place
    it is declared at; it serves many requests, so it keeps nothing of one.

    Example:
        >>> class Tenant(Interceptor):
        ...     async def intercept(self, scope, receive, send):
        ...         scope["tenant"] = dict(scope["headers"]).get(b"x-tenant", b"nobody").decode()
    """

    @abstractmethod
    async def intercept(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at a request, or the handshake of a WebSocket.

        Args:
            scope: a copy with its own list of headers; it may be changed. The route is found already, and its path
                parameters are in `scope["path_params"]`.
            receive: what is read here of a body is not there for the handler any more.
            send: once something was sent, nothing further runs.
        """


class InterceptorDeclared:
    """An interceptor as a level has it.

    Args:
        interceptor: a class, or an instance where it has to be configured.
    """

    __slots__ = ("interceptor",)

    def __init__(self, interceptor: type[Interceptor] | Interceptor) -> None:
        self.interceptor: type[Interceptor] | Interceptor = interceptor

    def make(self, app: ASGIApp) -> ASGIApp:
        """Have it run before an application; of a class an instance is made here.

        Args:
            app: what runs after it, unless it raised or answered.
        """
        made = self.interceptor() if isinstance(self.interceptor, type) else self.interceptor
        return _Intercepting(made, app)

    def __repr__(self) -> str:
        """As it was written."""
        return self.interceptor.__name__ if isinstance(self.interceptor, type) else repr(self.interceptor)


def checked_interceptors(value: Any, place: str) -> tuple[InterceptorDeclared, ...]:
    """The interceptors of a level.

    Args:
        value: what was passed as `interceptors`.
        place: which declaration got it, and where.

    Raises:
        ImproperlyConfigured: it is no list, or one of them is no interceptor.

    Example:
        >>> class Tenant(Interceptor):
        ...     async def intercept(self, scope, receive, send): ...
        >>> checked_interceptors([Tenant], "Router at shop.py:3")
        (Tenant,)
        >>> checked_interceptors([42], "Router at shop.py:3")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Router at shop.py:3 got the interceptor 42; \
give classes of Interceptor, or instances of them
    """
    interceptors = listed(value, "interceptors", place, "[Tenant]")
    for each in interceptors:
        _check(each, place)
    return tuple(map(InterceptorDeclared, interceptors))


def _check(interceptor: Any, place: str) -> None:
    role = f"{place} got the interceptor {shown(interceptor)}"
    kind: Any = interceptor if isinstance(interceptor, type) else type(interceptor)
    if not issubclass(kind, Interceptor):
        raise ImproperlyConfigured(f"{role}; give classes of Interceptor, or instances of them")
    if inspect.isabstract(kind):
        raise ImproperlyConfigured(f"{role}, which lacks intercept; give a class that has it")
    if interceptor is kind and not takes(kind):
        raise ImproperlyConfigured(f"{role}, which needs arguments; give an instance, as in {kind.__name__}(...)")
    method: Any = kind.intercept
    static = isinstance(inspect.getattr_static(kind, "intercept"), staticmethod | classmethod)
    own = () if static else (interceptor,)
    if not is_async(method) or not takes(method, *own, "scope", "receive", "send"):
        raise ImproperlyConfigured(f"{role}; write it as: async def intercept(self, scope, receive, send)")


class _Intercepting:
    __slots__ = ("_app", "_intercept")

    def __init__(self, interceptor: Interceptor, app: ASGIApp) -> None:
        self._intercept = interceptor.intercept
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = {**scope, "headers": [*scope["headers"]]}
        seen = Seen(receive, send)
        await self._intercept(scope, seen.receive, seen.send)
        if not seen.started:
            await self._app(scope, seen.receive_again, send)


__all__ = ["Interceptor", "InterceptorDeclared", "checked_interceptors"]
