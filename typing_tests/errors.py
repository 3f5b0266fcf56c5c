"""How an application uses Heaven's errors, as the type checkers see it. Never executed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_type

from heaven.errors import HTTPError, ValidationError, WebSocketDisconnected


def conflict() -> None:
    error = HTTPError(409, "This order was cancelled already.", headers={"Retry-After": "3"})
    assert_type(error.status, int)
    assert_type(error.detail, str | None)
    assert_type(error.headers, Mapping[str, str])


def invalid() -> Sequence[Mapping[str, Any]]:
    error = ValidationError([{"loc": ["quantity"], "msg": "Expected `int >= 1`"}])
    assert_type(error.errors, Sequence[Mapping[str, Any]])
    return error.errors


def closed(error: WebSocketDisconnected) -> tuple[int, str]:
    return error.code, error.reason
