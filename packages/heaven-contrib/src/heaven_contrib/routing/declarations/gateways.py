"""Gateways put a declared handler, or all of a view, at a path; a WebhookGateway documents a call that goes out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Unpack, cast

from heaven_contrib.routing.declarations.declaration import AnyHandler, HandlerDeclaration
from heaven_contrib.routing.declarations.declaring import check_names, check_returned
from heaven_contrib.routing.declarations.immutable import Immutable
from heaven_contrib.routing.declarations.leaves import Leaf
from heaven_contrib.routing.declarations.paths import join, to_pattern
from heaven_contrib.routing.declarations.views import APIView, viewed
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.level import Level, LevelParameters, Security, level
from heaven_contrib.routing.places import declared_at, shown


class Gateway(Immutable):
    """A decorated handler, or an APIView class, at a path; its own path is in front of the handler's.

    Args:
        path: `"/users/{id:int}"`; without it, the handler's path alone.
        handler: what `@get` and its family made of a function, or a class of APIView.
        name: for `path_for`; without it the handler's, and without that the function's. The handlers of a view have
            their own after it: `"users:read"`.
        operation_id: what the documentation calls it.
        **levels: see `LevelParameters`.

    Raises:
        ImproperlyConfigured: a parameter can't work, or the handler can't be served at this path.

    Example:
        >>> from heaven_contrib.routing.declarations.handlers import get
        >>> @get("/{id:int}")
        ... async def read_user(id: int) -> dict[str, int]:
        ...     return {"id": id}
        >>> [(leaf.path, leaf.name) for leaf in Gateway("/users", handler=read_user).leaves()]
        [('/users/:id:int', 'read_user')]
    """

    __slots__ = ("_leaves", "handler", "level", "name", "operation_id", "path", "place")

    def __init__(
        self,
        path: str | None = None,
        *,
        handler: AnyHandler | type[APIView],
        name: str | None = None,
        operation_id: str | None = None,
        **levels: Unpack[LevelParameters],
    ) -> None:
        self.place: str = declared_at()
        kind = type(self).__name__
        where = f"{kind} at {self.place}"
        self.path: str = to_pattern(path or "", where)
        self.handler: AnyHandler | type[APIView] = _checked_handler(handler, where)
        self.name: str | None = checked_text(name, "name", where)
        self.operation_id: str | None = checked_text(operation_id, "operation_id", where)
        self.level: Level = level("gateway", f"{kind} {path or '/'}", self.place, **levels)
        self._leaves: tuple[Leaf, ...] = tuple(self._made())
        self._check_leaves()

    def leaves(self) -> tuple[Leaf, ...]:
        """Its routes: one for a handler, and one for each handler of a view."""
        return self._leaves

    def __repr__(self) -> str:
        return f"<{self.level.label} at {self.place}: {shown(self.handler)}>"

    def _made(self) -> Iterator[Leaf]:
        if isinstance(self.handler, HandlerDeclaration):
            name = self.name or self.handler.name
            yield self._leaf(self.handler, name, self.operation_id or self.handler.operation_id)
            return
        for each in viewed(self.handler).handlers:
            own = each.name or each.function_name
            name = f"{self.name}:{own}" if self.name else each.name
            yield self._leaf(each, name, f"{self.operation_id}_{own}" if self.operation_id else each.operation_id)

    def _leaf(self, handler: AnyHandler, name: str | None, operation_id: str | None) -> Leaf:
        where = f"{self.level.label} at {self.place}"
        view = None if isinstance(self.handler, HandlerDeclaration) else self.handler
        between = () if view is None else (viewed(view),)
        path = join(self.path, *(each.path for each in between), handler.path, where=where)
        levels = (self.level, *(each.level for each in between), handler.level)
        check_names(levels, path, where)
        check_returned(handler)
        return Leaf(
            path=path,
            handler=handler,
            view=view,
            levels=levels,
            name=name or handler.function_name,
            explicit_name=name is not None,
            operation_id=operation_id,
            place=self.place,
        )

    def _check_leaves(self) -> None:
        """A view may have handlers of both kinds; a handler by itself has a gateway of its kind."""
        if isinstance(self.handler, HandlerDeclaration) and self.handler.is_socket:
            raise ImproperlyConfigured(
                f"{self.level.label} at {self.place} got {self.handler!r}, a WebSocket; give it to a WebSocketGateway"
            )


class WebSocketGateway(Gateway):
    """A `@websocket` handler, or an APIView class that has no others, at a path.

    Args:
        path: `"/rooms/{room}"`; without it, the handler's path alone.
        handler: what `@websocket` made of a function, or a class of APIView.
        name: for `path_for`, as for a Gateway.
        **levels: see `LevelParameters`.

    Raises:
        ImproperlyConfigured: a parameter can't work, or a handler is for HTTP.

    Example:
        >>> from heaven import WebSocket
        >>> from heaven_contrib.routing.declarations.handlers import websocket
        >>> @websocket()
        ... async def chat(socket: WebSocket, room: str) -> None:
        ...     await socket.accept()
        >>> WebSocketGateway("/rooms/{room}", handler=chat).leaves()[0].path
        '/rooms/:room'
    """

    __slots__ = ()

    def __init__(
        self,
        path: str | None = None,
        *,
        handler: AnyHandler | type[APIView],
        name: str | None = None,
        **levels: Unpack[LevelParameters],
    ) -> None:
        super().__init__(path, handler=handler, name=name, **levels)

    def _check_leaves(self) -> None:
        for leaf in self._leaves:
            if not leaf.handler.is_socket:
                raise ImproperlyConfigured(
                    f"{self.level.label} at {self.place} got {leaf.handler!r}, which is for HTTP; give it to a Gateway"
                )


class WebhookGateway(Immutable):
    """A call that this application makes to others, for the documentation; it is never routed.

    Args:
        name: what the call is named; without it the handler's name, and without that the function's.
        handler: what `@post` or the like made of a function: its `data` is what is sent, and what it returns is what
            the other side answers with. It is not called, and its path means nothing.
        operation_id: what the documentation calls it.
        include_in_schema: False leaves it out.
        deprecated: whether others should not rely on it any more.
        security: schemes that the other side asks for; those of the levels around are about calls that come in.
        tags: beside those of the levels around.

    Raises:
        ImproperlyConfigured: a parameter can't work.

    Example:
        >>> from heaven_contrib.routing.declarations.handlers import post
        >>> @post()
        ... async def order_shipped(data: dict[str, str]) -> None: ...
        >>> WebhookGateway("order-shipped", handler=order_shipped).name
        'order-shipped'
    """

    __slots__ = ("handler", "level", "name", "operation_id", "place")

    def __init__(
        self,
        name: str | None = None,
        *,
        handler: AnyHandler,
        operation_id: str | None = None,
        include_in_schema: bool = True,
        deprecated: bool | None = None,
        security: Sequence[Security] | None = None,
        tags: Sequence[str] | None = None,
    ) -> None:
        self.place: str = declared_at()
        where = f"WebhookGateway at {self.place}"
        self.handler: AnyHandler = _checked_webhook(handler, where)
        self.name: str = checked_text(name, "name", where) or self.handler.name or self.handler.function_name
        self.operation_id: str | None = checked_text(operation_id, "operation_id", where) or self.handler.operation_id
        self.level: Level = level(
            "gateway",
            f"WebhookGateway {self.name}",
            self.place,
            include_in_schema=include_in_schema,
            deprecated=deprecated,
            security=security,
            tags=tags,
        )

    def __repr__(self) -> str:
        return f"<{self.level.label} at {self.place}: {self.handler!r}>"


def _checked_handler(handler: Any, where: str) -> AnyHandler | type[APIView]:
    if isinstance(handler, HandlerDeclaration) or (isinstance(handler, type) and issubclass(handler, APIView)):
        return cast("AnyHandler | type[APIView]", handler)
    if isinstance(handler, APIView):
        name = type(handler).__qualname__
        raise ImproperlyConfigured(f"{where} got an instance of {name}; give the class: handler={name}")
    raise ImproperlyConfigured(
        f"{where} got {shown(handler)} for its handler; give a function that is decorated with @get() or the like, "
        "or a class of APIView"
    )


def _checked_webhook(handler: Any, where: str) -> AnyHandler:
    if isinstance(handler, HandlerDeclaration) and not handler.is_socket:
        return cast("AnyHandler", handler)
    raise ImproperlyConfigured(f"{where} got {shown(handler)}; give a function that is decorated with @post()")


def checked_text(value: Any, name: str, where: str) -> str | None:
    """A name as it was passed.

    Raises:
        ImproperlyConfigured: it is no str, or empty.
    """
    if value is not None and (not isinstance(value, str) or not value):
        raise ImproperlyConfigured(f"{where} got {name}={value!r}; give a str that is not empty")
    return value


__all__ = ["Gateway", "WebSocketGateway", "WebhookGateway"]
