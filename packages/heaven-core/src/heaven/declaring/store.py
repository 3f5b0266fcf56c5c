"""What an application keeps across requests: plain values under names, typed ones under keys."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")
D = TypeVar("D")

_ABSENT: Any = object()


class Key(Generic[T]):
    """A name that knows the type of what is kept under it.

    Args:
        name: the name; `peek("db")` and `peek(Key("db"))` find the same value.

    Example:
        >>> RETRIES: Key[int] = Key("retries")
        >>> store = Store()
        >>> store.keep(RETRIES, 3)
        >>> store.peek(RETRIES)
        3
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: str = name

    def __repr__(self) -> str:
        return f"Key({self.name!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)


def name_of(key: str | Key[Any]) -> str:
    """The name that a key, or a plain string, stands for.

    Raises:
        TypeError: it is neither.
    """
    if isinstance(key, str):
        return key
    if isinstance(key, Key):  # pyright: ignore[reportUnnecessaryIsInstance]
        return key.name
    raise TypeError(f"what is kept has a name, a str or a Key, and {key!r} is neither")


class Keeping(ABC):
    """`keep`, `peek` and `unkeep`, alike on the application, its store and the context of a request."""

    __slots__ = ()

    @abstractmethod
    def _kept(self) -> dict[str, Any]:
        """The values by name."""

    @overload
    def keep(self, key: Key[T], value: T) -> None: ...
    @overload
    def keep(self, key: str, value: Any) -> None: ...
    def keep(self, key: str | Key[Any], value: Any) -> None:
        """Keep a value under a name; what was there before is replaced."""
        self._kept()[name_of(key)] = value

    @overload
    def peek(self, key: Key[T]) -> T | None: ...
    @overload
    def peek(self, key: Key[T], default: D) -> T | D: ...
    @overload
    def peek(self, key: str, default: Any = None) -> Any: ...
    def peek(self, key: str | Key[Any], default: Any = None) -> Any:
        """Look at what is kept under a name, or get `default` where nothing is."""
        return self._kept().get(name_of(key), default)

    @overload
    def unkeep(self, key: Key[T]) -> T: ...
    @overload
    def unkeep(self, key: Key[T], default: D) -> T | D: ...
    @overload
    def unkeep(self, key: str, default: Any = ...) -> Any: ...
    def unkeep(self, key: str | Key[Any], default: Any = _ABSENT) -> Any:
        """Stop keeping a value, and get it back.

        Args:
            key: the name.
            default: given back where nothing is kept.

        Raises:
            KeyError: nothing is kept and there is no default; the message has the names that come near.
        """
        name = name_of(key)
        value = self._kept().pop(name, default)
        if value is _ABSENT:
            raise KeyError(missing(name, self._kept(), "is kept"))
        return value


class Store(Keeping):
    """Lives with the application: from `keep` to `unkeep`, across requests.

    Example:
        >>> store = Store()
        >>> store.keep("greeting", "hello")
        >>> store.peek("greeting"), store.peek("absent", "nothing")
        ('hello', 'nothing')
        >>> store.unkeep("greeting")
        'hello'
        >>> store.unkeep("greeting", None) is None
        True
    """

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def _kept(self) -> dict[str, Any]:
        return self.values

    def __iter__(self) -> Iterator[str]:
        return iter(self.values)

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, key: object) -> bool:
        return (key.name if isinstance(key, Key) else key) in self.values

    def __repr__(self) -> str:
        # Values may hold secrets (a connection's password), so only names are shown.
        return f"<Store {', '.join(self.values) or 'empty'}>"


def missing(name: str, known: Any, verb: str) -> str:
    """The words for a name that isn't there: what was asked, and what comes near it."""
    names = [str(key) for key in known]
    from difflib import get_close_matches  # loaded with the first mistake

    near = get_close_matches(name, names, n=3)
    if near:
        return f"nothing {verb} as {name!r}; did you mean {' or '.join(map(repr, near))}?"
    return f"nothing {verb} as {name!r}; known: {', '.join(sorted(names)) or 'nothing'}"
