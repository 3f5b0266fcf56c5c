"""What the server worked out for one request: hooks leave values here, handlers find them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from heaven.declaring.store import Keeping, Key, name_of

T = TypeVar("T")


class Context(Keeping):
    """Lives with the request: attributes and `keep`/`peek`/`unkeep` reach the same values.

    Example:
        >>> ctx = Context()
        >>> ctx.user = "ada"
        >>> ctx.peek("user")
        'ada'
        >>> ctx.keep("trace", 7)
        >>> ctx.trace
        7
    """

    # PERF: no __init__ and no slot to fill, a context costs one allocation; its values are its own __dict__.
    __slots__ = ("__dict__",)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    def _kept(self) -> dict[str, Any]:
        # PERF: vars() would cost a call; pyright takes the __dict__ of an ABC's instance for the class's.
        return self.__dict__  # pyright: ignore[reportReturnType]

    @overload
    def keep(self, key: Key[T], value: T) -> None: ...
    @overload
    def keep(self, key: str, value: Any) -> None: ...
    def keep(self, key: str | Key[Any], value: Any) -> None:
        """Keep a value for the rest of this request.

        Raises:
            KeyError: the name is one of the context's own methods, which it would hide.
        """
        name = name_of(key)
        if hasattr(Context, name):
            raise KeyError(f"{name!r} is a method of the context; keep the value under another name")
        setattr(self, name, value)

    def __repr__(self) -> str:
        return f"<Context {', '.join(self.__dict__) or 'empty'}>"
