"""What an application is called with: every key that the specification names, and the type it has there."""

from __future__ import annotations

from typing import Any, TypeAlias, cast

from heaven_testing.conformance.headers import check_request_headers, is_pair
from heaven_testing.conformance.messages import shown
from heaven_testing.conformance.rules import broken

# Key, rule, the types it may have, whether it may be missing.
_Line: TypeAlias = tuple[str, str, tuple[type, ...], bool]

_NONE = type(None)
_ASGI: _Line = ("asgi", "scope-asgi", (dict,), False)
_STATE: _Line = ("state", "scope-state", (dict,), True)
_REQUEST: tuple[_Line, ...] = (
    _ASGI,
    ("http_version", "scope-http-version", (str,), False),
    ("scheme", "scope-scheme", (str,), True),
    ("path", "scope-path", (str,), False),
    ("raw_path", "scope-raw-path", (bytes, _NONE), True),
    ("root_path", "scope-root-path", (str,), True),
    ("client", "scope-client", (tuple, list, _NONE), True),
    ("server", "scope-server", (tuple, list, _NONE), True),
    _STATE,
    ("extensions", "scope-extensions", (dict, _NONE), True),
)
_TABLES: dict[str, tuple[_Line, ...]] = {
    "http": (
        *_REQUEST,
        ("method", "scope-method", (str,), False),
        ("query_string", "scope-query-string", (bytes,), False),
    ),
    "websocket": (
        *_REQUEST,
        ("query_string", "scope-query-string", (bytes, _NONE), True),
        ("subprotocols", "scope-subprotocols", (list, tuple), True),
    ),
    "lifespan": (_ASGI, _STATE),
}
_VERSIONS = frozenset(("1.0", "1.1", "2", "3"))


def check_scope(scope: Any) -> str:
    """Hold a scope against the specification.

    Args:
        scope: what an application is called with. Headers that can be gone through only once are replaced in it.

    Returns:
        Its type: http, websocket or lifespan.

    Raises:
        ConformanceError: a rule whose name begins with `scope-` is broken.

    Example:
        >>> check_scope({"type": "lifespan", "asgi": {"version": "3.0"}})
        'lifespan'
    """
    if not isinstance(scope, dict):
        raise broken("scope-type", f"the scope is {shown(scope)}")
    known = cast("dict[str, Any]", scope)
    if is_ordinary(known):
        check_request_headers(known)
        return "http"
    kind: object = known.get("type")
    if not isinstance(kind, str) or kind not in _TABLES:
        raise broken("scope-type", f"scope['type'] is {shown(kind)}")
    _check_types(known, kind)
    _check_dicts(known)
    if kind != "lifespan":
        _check_request(known, kind)
    return kind


def is_ordinary(scope: Any) -> bool:
    """Whether a scope is what servers give for HTTP nearly always, but for its headers: then it breaks no rule.

    PERF: in one expression, and with exact types, it takes 0.6 µs; to go through the rules one by one takes 1.5.
    """
    get = scope.get
    client, server, method, versions = get("client"), get("server"), get("method"), get("asgi")
    return (
        get("type") == "http"
        and versions.__class__ is dict
        and type(versions.get("version")) is str
        and type(versions.get("spec_version")) is str
        and get("http_version") == "1.1"
        and (method == "GET" or (type(method) is str and method.isupper()))
        and get("scheme") in ("http", "https")
        and type(get("path")) is str
        and type(get("raw_path")) is bytes
        and type(get("query_string")) is bytes
        and type(get("root_path")) is str
        and client.__class__ is tuple
        and len(client) == 2
        and type(client[0]) is str
        and type(client[1]) is int
        and server.__class__ is tuple
        and len(server) == 2
        and type(server[0]) is str
        and type(server[1]) is int
        and get("state") == {}
        and get("extensions") in ({}, None)
    )


def _check_types(scope: dict[str, Any], kind: str) -> None:
    for key, rule, types, may_be_missing in _TABLES[kind]:
        if key in scope:
            if not isinstance(scope[key], types):
                raise broken(rule, f"scope[{key!r}] is {shown(scope[key])}")
        elif not may_be_missing:
            raise broken(rule, f"scope[{key!r}] is missing")


def _check_dicts(scope: dict[str, Any]) -> None:
    versions = scope["asgi"]
    if not isinstance(versions.get("version"), str) or not isinstance(versions.get("spec_version", ""), str):
        raise broken("scope-asgi", f"scope['asgi'] is {shown(versions)}")
    for key, rule in (("state", "scope-state"), ("extensions", "scope-extensions")):
        held = scope.get(key)
        if held and not all(isinstance(name, str) for name in held):
            raise broken(rule, f"scope[{key!r}] is {shown(held)}")


def _check_request(scope: dict[str, Any], kind: str) -> None:
    if scope["http_version"] not in _VERSIONS:
        raise broken("scope-http-version", f"scope['http_version'] is {shown(scope['http_version'])}")
    if scope.get("scheme") == "":
        raise broken("scope-scheme", "scope['scheme'] is empty")
    client, server = scope.get("client"), scope.get("server")
    if client is not None and not (is_pair(client) and isinstance(client[0], str) and type(client[1]) is int):
        raise broken("scope-client", f"scope['client'] is {shown(client)}")
    if server is not None and not (
        is_pair(server) and isinstance(server[0], str) and (type(server[1]) is int or server[1] is None)
    ):
        raise broken("scope-server", f"scope['server'] is {shown(server)}")
    check_request_headers(scope)
    if kind == "http":
        method = scope["method"]
        if not method or method != method.upper():
            raise broken("scope-method", f"scope['method'] is {shown(method)}")
    elif not all(isinstance(name, str) for name in scope.get("subprotocols", ())):
        raise broken("scope-subprotocols", f"scope['subprotocols'] is {shown(scope['subprotocols'])}")
