"""Paths as declarations have them, `/users/{id:int}`, in the spelling of the core, `/users/:id:int`.

/users/{name}, /users/{name:int}   a parameter: one segment; spaces around the name and the colon don't count
/users/<name:int>                  the same
/users/:name:int                   the same, as the core spells it
/files/{name:path}                 the rest of the path, slashes included
"""

from __future__ import annotations

import re
from typing import NoReturn

from heaven.errors import RegistrationError
from heaven.routing.converters import CONVERTERS
from heaven.routing.patterns import parse_pattern
from heaven_contrib.routing.errors import ImproperlyConfigured

_PARAMETER = re.compile(r"\{([^{}<>]*)\}|<([^{}<>]*)>")
_BRACKET = re.compile(r"[{}<>]")


def to_pattern(path: str, where: str = "a declaration") -> str:
    """The core's pattern for a declared path: slashes are collapsed, and there is none at the end.

    Args:
        path: `"/users/{id:int}"`; `""` and `"/"` are the root.
        where: what has this path and where that was said, for the message: `"Gateway at shop.py:7"`.

    Returns:
        The pattern, `""` for the root, so that what stands below is appended to it.

    Raises:
        ImproperlyConfigured: the path can't work; the message shows it and what to write instead.

    Example:
        >>> to_pattern("/users//{ id : int }/<page>/")
        '/users/:id:int/:page'
        >>> to_pattern("/")
        ''
    """
    if not isinstance(path, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ImproperlyConfigured(f"{where} got the path {path!r}; a path is a str like '/users/{{id:int}}'")
    if "?" in path:
        _refuse(path, where, "what stands behind '?' is read by arguments of the handler, and is no part of a path")
    segments = [_segment(segment, path, where) for segment in path.split("/") if segment]
    return _checked("".join(segments), path, where)


def join(*patterns: str, where: str = "a declaration") -> str:
    """One pattern below the other, as `to_pattern` gave them.

    Args:
        *patterns: the outermost first; `""` adds nothing.
        where: for the message, as in `to_pattern`.

    Raises:
        ImproperlyConfigured: two parameters have one name, or something stands below a rest of the path.

    Example:
        >>> join("/shops/:shop", "", "/orders/:id:int")
        '/shops/:shop/orders/:id:int'
        >>> join("/users/:id", "/orders/:id", where="Gateway at shop.py:7")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Gateway at shop.py:7: the URL '/users/:id/orders/:id' \
can't work: the name 'id' is used twice; give each parameter a name of its own
    """
    joined = "".join(patterns)
    return _checked(joined, joined, where)


def names(pattern: str) -> tuple[str, ...]:
    """The names of a pattern's parameters, in the order of the path.

    Example:
        >>> names("/users/:id:int/files/:name:path")
        ('id', 'name')
    """
    return parse_pattern(pattern or "/").names


def _segment(text: str, path: str, where: str) -> str:
    """What stands between two slashes, with the slash before it, in the core's spelling."""
    found = _PARAMETER.fullmatch(text)
    if found is not None:
        name, colon, kind = (found[1] or found[2] or "").partition(":")
        return f"/:{name.strip()}{colon}{kind.strip()}"
    if _BRACKET.search(text):
        _refuse(path, where, f"a parameter takes all between two slashes, as in '/{{name}}', and {text!r} has more")
    if "*" in text:
        _refuse(path, where, f"{text!r} is no literal; the rest of a path is written '/{{rest:path}}'")
    name, colon, kind = text.partition(":")
    if name and colon and kind in CONVERTERS:
        _refuse(path, where, f"{text!r} has no brackets around it: write '{{{text}}}'")
    return f"/{text}"


def _checked(pattern: str, path: str, where: str) -> str:
    if not pattern:
        return ""
    try:
        return parse_pattern(pattern).text
    except RegistrationError as error:
        said = f"{where} got the path {path!r}" if path != pattern else where
        raise ImproperlyConfigured(f"{said}: {error}") from None


def _refuse(path: str, where: str, why: str) -> NoReturn:
    raise ImproperlyConfigured(f"{where} got the path {path!r}, which can't work: {why}")


__all__ = ["join", "names", "to_pattern"]
