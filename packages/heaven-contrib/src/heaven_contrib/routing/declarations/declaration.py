"""What a decorated function is: the function, and all that a route says about it besides where it is mounted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeAlias, TypeVar, overload

from heaven.callables import name_of
from heaven.declaring.registrations import SOCKET
from heaven_contrib.routing.declarations.returned import returned
from heaven_contrib.routing.levels.level import Level
from heaven_contrib.routing.responding.background import BackgroundTask, BackgroundTasks

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HandlerDeclaration(Generic[P, R]):
    """A handler as it was declared; it never changes, and the same one can stand in many Gateways.

    Calling it calls the function, so that a test can do without a request.

    Args:
        function: the function as it was decorated.
        methods: the HTTP methods, or `("WEBSOCKET",)`.
        path: the core's pattern, `""` for the root.
        name: what `name=` said.
        summary: for the documentation, a line.
        description: for the documentation, in Markdown; the function's docstring where nothing else was said.
        status_code: the status of what it returns.
        media_type: the media type of what it returns; None follows from the value.
        background: what runs after each response.
        responses: other answers for the documentation, by status.
        operation_id: what the documentation calls it; None follows from name and path.
        sync_to_thread: False runs a sync function inline, on the event loop.
        limits: what is said of the body and of time, as the core's verbs take it.
        level: what it says as the innermost level.
        place: where it was decorated, `file:line`.

    Example:
        >>> from heaven_contrib.routing.declarations.handlers import post
        >>> @post("/users")
        ... def create_user(data: dict[str, str]) -> dict[str, str]:
        ...     return {"name": data["name"].title()}
        >>> create_user.methods, create_user.path, create_user.status_code
        (('POST',), '/users', 201)
        >>> create_user({"name": "ada"})
        {'name': 'Ada'}
    """

    function: Callable[P, R]
    methods: tuple[str, ...]
    path: str
    name: str | None
    summary: str | None
    description: str | None
    status_code: int
    media_type: str | None
    background: BackgroundTask | BackgroundTasks | None
    responses: Mapping[int, Any]
    operation_id: str | None
    sync_to_thread: bool | None
    limits: Mapping[str, Any]
    level: Level
    place: str

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function as it was written."""
        return self.function(*args, **kwargs)

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(
        self: HandlerDeclaration[Concatenate[Any, Q], R], instance: object, owner: type | None = None
    ) -> Callable[Q, R]: ...
    def __get__(self, instance: object, owner: type | None = None) -> Any:
        """The function bound to a view, so that a test can call it as a method."""
        return self if instance is None else MethodType(self.function, instance)

    def __repr__(self) -> str:
        return f"<{self.label} at {self.place}>"

    @property
    def __wrapped__(self) -> Callable[P, R]:
        """The function, where `inspect` looks for it."""
        return self.function

    @property
    def function_name(self) -> str:
        """The function's own name, without its module and class."""
        return name_of(self.function).rpartition(".")[2]

    @property
    def returns(self) -> Any:
        """The annotation of what it returns, resolved; None where there is none.

        Raises:
            ImproperlyConfigured: a name in it does not exist, or not yet.
        """
        return returned(self.function, self.place)

    @property
    def label(self) -> str:
        """What messages call it: `"@post shop.create_user"`."""
        return self.level.label

    @property
    def is_socket(self) -> bool:
        """Whether it serves a WebSocket."""
        return self.methods == (SOCKET,)


AnyHandler: TypeAlias = HandlerDeclaration[..., Any]
"""A declaration, whatever its function takes and returns."""

__all__ = ["AnyHandler", "HandlerDeclaration"]
