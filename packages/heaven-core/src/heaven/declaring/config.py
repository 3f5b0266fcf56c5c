"""The configuration an application was made with: `app.CONFIG("secret_key")`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from heaven.declaring.store import missing
from heaven.errors import RegistrationError

_ABSENT: Any = object()


class Config:
    """Reads settings from a mapping, an object with attributes, or a callable.

    Args:
        source: a mapping; an object or class whose attributes are the settings; a callable without parameters that
            makes one of those (called once, now); or a callable that takes a name and gives its value.

    Example:
        >>> CONFIG = Config({"secret_key": "not so secret..."})
        >>> CONFIG("secret_key")
        'not so secret...'
        >>> CONFIG("colour", "blue")
        'blue'
    """

    __slots__ = ("_known", "_read")

    def __init__(self, source: Any = None) -> None:
        self._read: Callable[[str], Any]
        self._known: Callable[[], list[str]]
        if not isinstance(source, Mapping | type) and callable(source):
            if _takes_a_name(source):
                self._read, self._known = _from_callable(source), list
                return
            source = source()
        if source is None:
            source = {}
        if isinstance(source, Mapping):
            values: Mapping[Any, Any] = source  # pyright: ignore[reportUnknownVariableType]
            self._read = lambda name: values.get(name, _ABSENT)
            self._known = lambda: [str(name) for name in values]
        else:
            self._read = lambda name: getattr(source, name, _ABSENT)
            self._known = lambda: [name for name in dir(source) if not name.startswith("_")]

    def __call__(self, name: str, default: Any = _ABSENT) -> Any:
        """One setting.

        Args:
            name: its name.
            default: given back where the setting is absent.

        Raises:
            KeyError: it is absent and there is no default; the message has the names that come near.
        """
        value = self._read(name)
        if value is not _ABSENT:
            return value
        if default is not _ABSENT:
            return default
        raise KeyError(missing(name, self._known(), "is configured"))

    def __repr__(self) -> str:
        # Settings are secrets more often than not, so only names are shown.
        return f"<Config {', '.join(self._known()) or 'empty'}>"


def _from_callable(source: Callable[[str], Any]) -> Callable[[str], Any]:
    def read(name: str) -> Any:
        try:
            return source(name)
        except (KeyError, AttributeError):
            return _ABSENT

    return read


def _takes_a_name(source: Callable[..., Any]) -> bool:
    try:
        signature = inspect.signature(source)
    except ValueError:
        return True  # written in C without a signature, as functools.partial(getattr, settings)
    try:
        signature.bind()
    except TypeError:
        pass
    else:
        return False
    try:
        signature.bind("name")
    except TypeError:
        raise RegistrationError(
            f"App got the configuration {source!r}, which needs more than one argument; "
            "give a mapping, an object, a callable without parameters, or one that takes a name"
        ) from None
    return True
