"""Who may do something: permissions, alone and composed with `&`, `|` and `~`."""

from __future__ import annotations

import inspect
from abc import ABCMeta, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, TypeGuard

from heaven import Request
from heaven_contrib.routing.errors import ImproperlyConfigured, PermissionDenied
from heaven_contrib.routing.places import shown
from heaven_contrib.routing.shapes import listed, takes

Check: TypeAlias = Callable[[Request], Awaitable[None] | None]
"""Lets a request go on, or raises PermissionDenied: at once, or when it is awaited what it gives."""


def _is_permission(value: Any) -> TypeGuard[Permission]:
    # Not a union of both: that operator is the one that composes.
    return isinstance(value, (BasePermission, _Composable))


class _Composable(ABCMeta):
    """Has `&`, `|` and `~` compose the classes themselves, so that nobody has to make instances."""

    def __and__(cls, other: Permission) -> BasePermission:
        return _Every(cls, other) if _is_permission(other) else NotImplemented

    def __or__(cls, other: Any) -> Any:
        # With what is no permission it is a union of types, as in the annotation `type[IsAdmin] | None`.
        return _Any(cls, other) if _is_permission(other) else super().__or__(other)

    def __invert__(cls) -> BasePermission:
        return _Not(cls)


class BasePermission(metaclass=_Composable):
    """One rule about who may do something: subclass it, and write `has_permission`, sync or async.

    Raising PermissionDenied refuses as well, with a message of its own. A class is made an instance of once for each
    route that it guards, so it keeps nothing of a request. Sync ones run on the event loop, and must not wait.

    `message` is what the client is told with the 403.

    Example:
        >>> class IsAdmin(BasePermission):
        ...     message = "Only administrators may do this."
        ...
        ...     def has_permission(self, request, apiview):
        ...         return request.headers.get("x-role") == "admin"
        >>> class IsOwner(BasePermission):
        ...     async def has_permission(self, request, apiview):
        ...         return request.headers.get("x-user") == request.params["user"]
        >>> IsAdmin | ~IsOwner
        (IsAdmin | ~IsOwner)
    """

    message: str = "You do not have permission to perform this action."

    @abstractmethod
    def has_permission(self, request: Request, apiview: Any) -> bool | Awaitable[bool]:
        """Whether the request may go on.

        Args:
            request: the request, or the handshake of a WebSocket.
            apiview: the instance of the APIView that has the handler, or None.
        """

    def __and__(self, other: Permission) -> BasePermission:
        """Both have to allow; the second is asked only where the first does."""
        return _Every(self, other) if _is_permission(other) else NotImplemented

    def __or__(self, other: Permission) -> BasePermission:
        """One of them has to allow; the second is asked only where the first refuses."""
        return _Any(self, other) if _is_permission(other) else NotImplemented

    def __invert__(self) -> BasePermission:
        """Allows what this one refuses."""
        return _Not(self)

    def __repr__(self) -> str:
        """Its name."""
        return type(self).__name__


Permission: TypeAlias = type[BasePermission] | BasePermission
"""What can be declared: a class, an instance, or a composition of them."""


class _Composed(BasePermission):
    symbol: str

    def __init__(self, *operands: Any) -> None:
        self.operands: tuple[Any, ...] = operands

    def __repr__(self) -> str:
        names = [each.__name__ if isinstance(each, type) else repr(each) for each in self.operands]
        return f"({f' {self.symbol} '.join(names)})"


class _Every(_Composed):
    symbol = "&"

    async def has_permission(self, request: Request, apiview: Any) -> bool:
        for each in self.operands:
            await _ask(each, request, apiview)
        return True


class _Any(_Composed):
    symbol = "|"

    async def has_permission(self, request: Request, apiview: Any) -> bool:
        refusals: list[PermissionDenied] = []
        for each in self.operands:
            try:
                await _ask(each, request, apiview)
            except PermissionDenied as refusal:
                refusals.append(refusal)
            else:
                return True
        raise refusals[0]


class _Not(_Composed):
    symbol = "~"

    async def has_permission(self, request: Request, apiview: Any) -> bool:
        try:
            await _ask(self.operands[0], request, apiview)
        except PermissionDenied:
            return True
        return False

    def __repr__(self) -> str:
        return f"~{super().__repr__()[1:-1]}"


async def _ask(permission: BasePermission, request: Request, apiview: Any) -> None:
    """Raise what a permission, alone or composed, refuses with."""
    if not await _settled(permission.has_permission(request, apiview)):
        raise PermissionDenied(permission.message)


async def _settled(answer: Any) -> bool:
    """What an answer comes to: a sync function may hand back the coroutine of the async one it calls."""
    while inspect.isawaitable(answer):
        answer = await answer
    return bool(answer)


def checked_permissions(value: Any, place: str) -> tuple[Permission, ...]:
    """The permissions of a level.

    Args:
        value: what was passed as `permissions`.
        place: which declaration got it, and where.

    Raises:
        ImproperlyConfigured: it is no list, or one of them is no permission.

    Example:
        >>> checked_permissions([print], "Router at shop.py:3")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Router at shop.py:3 got the permission <built-in function \
print>; give classes of BasePermission, instances of them, or compositions such as IsAdmin | ~IsGuest
    """
    permissions = listed(value, "permissions", place, "[IsAdmin]")
    for each in permissions:
        _check(each, place)
    return tuple(permissions)


def _check(permission: Any, place: str) -> None:
    if not _is_permission(permission):
        raise ImproperlyConfigured(
            f"{place} got the permission {shown(permission)}; "
            "give classes of BasePermission, instances of them, or compositions such as IsAdmin | ~IsGuest"
        )
    if isinstance(permission, _Composed):
        for each in permission.operands:
            _check(each, place)
    elif isinstance(permission, type) and inspect.isabstract(permission):
        raise ImproperlyConfigured(
            f"{place} got the permission {shown(permission)}, which lacks has_permission; give a class that has it"
        )
    elif isinstance(permission, type) and not takes(permission):
        raise ImproperlyConfigured(
            f"{place} got the permission {shown(permission)}, which needs arguments; "
            f"give an instance, as in {permission.__name__}(...)"
        )
    elif not _answers(permission):
        raise ImproperlyConfigured(
            f"{place} got the permission {shown(permission)}; "
            "its has_permission is called with (request, apiview), so write it that way"
        )


def _answers(permission: Permission) -> bool:
    method: Any = permission.has_permission
    static = isinstance(inspect.getattr_static(permission, "has_permission"), staticmethod | classmethod)
    own = (permission,) if isinstance(permission, type) and not static else ()
    return callable(method) and takes(method, *own, "request", "apiview")


def compile_permissions(permissions: Sequence[Permission], view: Any) -> Check | None:
    """Permissions, ready to be asked one after the other: their instances are made.

    Args:
        permissions: those of all levels around a route, the outermost first.
        view: the instance of the APIView that has the handler, or None.

    Returns:
        What each request is held to; it raises PermissionDenied with the message of the permission that refused. None
        where there is nothing to ask.
    """
    if not permissions:
        return None
    made = tuple(map(_made, permissions))
    rules = tuple((each.has_permission, made[index:]) for index, each in enumerate(made))

    # PERF: no coroutine as long as permissions allow at once.
    def check(req: Request) -> Awaitable[None] | None:
        for allows, these in rules:
            answer = allows(req, view)
            if answer is not True:
                return rest(answer, *these, req=req)
        return None

    async def rest(answer: Any, asked: BasePermission, *others: BasePermission, req: Request) -> None:
        if not await _settled(answer):
            raise PermissionDenied(asked.message)
        for permission in others:
            await _ask(permission, req, view)

    return check


def _made(permission: Permission) -> BasePermission:
    if isinstance(permission, type):
        return permission()
    if isinstance(permission, _Composed):
        return type(permission)(*map(_made, permission.operands))
    return permission


__all__ = ["BasePermission", "Check", "Permission", "checked_permissions", "compile_permissions"]
