"""What declares a dependency, and what a level may say of them."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from heaven_contrib.routing.binding.reserved import BODIES, RESERVED
from heaven_contrib.routing.dependencies.injects import Injected
from heaven_contrib.routing.dependencies.shapes import Shape, innermost, shape_of
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import declared_at, shown


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Inject:
    """Declares what gives the value of a dependency; its parameters are bound as those of a handler are.

    Args:
        dependency: a function, async or sync; a generator, async or sync, that yields the value and cleans up after
            the response; a class; or anything else that can be called. A coroutine that it returns is awaited.
        use_cache: call it once, and keep the value for the application's life. Requests that come meanwhile wait for
            that one call; one that fails is not kept. Such a value belongs to all requests, so it depends on none.
        sync_to_thread: whether it runs in a thread. None: functions and generators that are sync do, classes do not.

    Raises:
        ImproperlyConfigured: it can't be called, or what is asked for can't be had.

    Example:
        >>> async def session():
        ...     yield "a session"
        >>> Inject(session).shape
        'async generator'
    """

    dependency: Callable[..., Any]
    use_cache: bool = False
    sync_to_thread: bool | None = field(default=None, kw_only=True)
    shape: Shape = field(init=False)
    place: str = field(init=False)

    def __post_init__(self) -> None:
        """Check it, and note where it was written."""
        place = declared_at()
        if not callable(self.dependency):
            raise ImproperlyConfigured(
                f"Inject at {place} got {shown(self.dependency)}, which can't be called; give a function or a class"
            )
        shape = shape_of(self.dependency)
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "place", place)
        if self.use_cache and self.yields:
            raise ImproperlyConfigured(
                f"{self!r} at {place} is a generator with use_cache; its value ends with the request that it is for, "
                "so leave use_cache out, or open it in the application's lifespan"
            )
        if self.sync_to_thread and shape.startswith("async"):
            raise ImproperlyConfigured(f"{self!r} at {place} is async and got sync_to_thread=True; leave it out")

    @property
    def yields(self) -> bool:
        """Whether it is a generator, which cleans up after the response."""
        return self.shape.endswith("generator")

    @property
    def in_thread(self) -> bool:
        """Whether it runs in a thread."""
        if self.sync_to_thread is None:
            return self.shape in ("generator", "sync")
        return self.sync_to_thread

    def __repr__(self) -> str:
        # What a partial was given may be secret (a connection's password), so only the function is shown.
        return f"Inject({shown(innermost(self.dependency))})"


def checked_dependencies(value: Any, place: str) -> Mapping[str, Inject]:
    """The dependencies of one level; what is no Inject becomes one.

    Args:
        value: names and an `Inject`, or a callable, each.
        place: which level got them, and where: `"Include /api at shop.py:7"`.

    Raises:
        ImproperlyConfigured: it is no mapping, a name can't be that of a dependency, or a value can't be called.

    Example:
        >>> checked_dependencies({"limit": lambda: 100}, "Include /api at shop.py:7")["limit"].shape
        'sync'
        >>> checked_dependencies({"request": lambda: 100}, "Include /api at shop.py:7")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Include /api at shop.py:7 got a dependency of the name \
'request', which is reserved; give it another one
    """
    if not isinstance(value, Mapping):
        raise ImproperlyConfigured(
            f"{place} got dependencies={shown(value)}; give names and what makes them, as in {{'db': Inject(connect)}}"
        )
    given: Any = value  # pyright: ignore[reportUnknownVariableType]
    return MappingProxyType({_checked_name(name, place): _checked(name, each, place) for name, each in given.items()})


def _checked_name(name: Any, place: str) -> str:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ImproperlyConfigured(
            f"{place} got a dependency of the name {name!r}; give it one that a parameter can have"
        )
    if name in RESERVED or name in BODIES:
        raise ImproperlyConfigured(
            f"{place} got a dependency of the name {name!r}, which is reserved; give it another one"
        )
    return name


def _checked(name: str, value: Any, place: str) -> Inject:
    if isinstance(value, Inject):
        return value
    if isinstance(value, Injected):
        raise ImproperlyConfigured(
            f"{place} got Injects() for the dependency {name!r}; that marks a parameter, give Inject(function) here"
        )
    if not callable(value):
        raise ImproperlyConfigured(
            f"{place} got {shown(value)} for the dependency {name!r}, which can't be called; "
            "give a function, a class or an Inject"
        )
    return Inject(value)
