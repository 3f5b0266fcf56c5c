"""A function whose values are cached: which key a call has, and of which type its value is."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from functools import partial, update_wrapper
from string import Formatter
from types import MethodType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, get_type_hints
from urllib.parse import quote

import msgspec

from heaven.callables import is_async
from heaven.errors import RegistrationError
from heaven_contrib.redis.keys import milliseconds

if TYPE_CHECKING:
    from heaven_contrib.redis.cache import Cache

P = ParamSpec("P")
T = TypeVar("T")


class Cached(Generic[P, T]):
    """An async function whose values are cached: called as before, or as a method.

    `Cache.cached` makes it.
    """

    def __init__(
        self,
        cache: Cache,
        function: Callable[P, Awaitable[T]],
        *,
        ttl: float,
        key: str | Callable[..., str],
        stale: float,
        type: Any,  # noqa: A002
    ) -> None:
        update_wrapper(self, function)
        self.key: Callable[P, str] = key if callable(key) else _template(key, function)
        self._cache = cache
        self._function = function
        self._options = _checked(function, ttl, stale, type)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """The value for these arguments."""
        make = partial(self._function, *args, **kwargs)
        return await self._cache.get_or_set(self.key(*args, **kwargs), make, **self._options)

    async def forget(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Have the value for these arguments computed anew, as `Cache.forget` does."""
        await self._cache.forget(self.key(*args, **kwargs))

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        """The function of an object whose class has it as a method."""
        return self if owner is None else MethodType(self, owner)


class _Quoting(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        return quote(super().format_field(value, format_spec), safe="")


def _template(template: str, function: Callable[P, Awaitable[Any]]) -> Callable[P, str]:
    signature = inspect.signature(function)
    try:
        fields = [re.split(r"[.\[]", name)[0] for _, name, _, _ in Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise RegistrationError(f"the key {template!r} is no template: {error}") from None
    unknown = [name for name in fields if name not in signature.parameters]
    if unknown:
        raise RegistrationError(
            f"the key {template!r} names {unknown[0]!r}, which is no parameter of {_name(function)}; "
            f"there are {', '.join(signature.parameters) or 'none'}"
        )
    quoting = _Quoting()

    def key(*args: P.args, **kwargs: P.kwargs) -> str:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return quoting.vformat(template, (), bound.arguments)

    return key


def _checked(function: Callable[..., Any], ttl: float, stale: float, type: Any) -> dict[str, Any]:  # noqa: A002
    """The options of a function that is cached, if they can work."""
    if not is_async(function):
        raise RegistrationError(
            f"cached got {_name(function)}, which is not async; it would have blocked the event loop"
        )
    try:
        milliseconds("ttl", ttl)
        milliseconds("stale", stale, least=0)
    except (TypeError, ValueError) as error:
        raise RegistrationError(f"cached can't work for {_name(function)}: {error}") from None
    try:
        found = get_type_hints(function).get("return", Any) if type is None else type
        msgspec.json.Decoder(found)
    except (NameError, TypeError) as error:
        raise RegistrationError(
            f"cached can't know what {_name(function)} gives: {error}; give type=, what the value is read back as"
        ) from None
    return {"ttl": ttl, "stale": stale, "type": found}


def _name(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{getattr(function, '__qualname__', function)}"
