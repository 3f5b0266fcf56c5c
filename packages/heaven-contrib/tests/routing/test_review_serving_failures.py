"""Failures at each step of a request and at each level: who answers them, and that nothing of them is revealed."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from heaven_contrib.routing import BasePermission, Gateway, Include, Inject, Interceptor, JSONResponse, Router, get
from heaven_testing import Client

LEVELS = ("router", "include", "gateway", "handler")
STEPS = ("middleware", "interceptors", "permissions", "before_request", "dependencies", "after_request")
AT_THE_HANDLER = ("handler", "generator", "conversion")


class Lost(KeyError):
    """What fails."""


def fail(*_arguments: Any) -> Any:
    raise Lost("a secret")


class Failing:
    """Middleware that fails."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        fail()


class FailingInterceptor(Interceptor):
    async def intercept(self, scope: Any, receive: Any, send: Any) -> None:
        fail()


class FailingPermission(BasePermission):
    def has_permission(self, request: Any, apiview: Any) -> bool:
        return fail()


async def generator() -> Any:
    fail()
    yield


SAID: dict[str, Any] = {
    "middleware": [Failing],
    "interceptors": [FailingInterceptor],
    "permissions": [FailingPermission],
    "before_request": [fail],
    "dependencies": {"value": Inject(lambda: fail(), sync_to_thread=False)},
    "after_request": [fail],
}


def application(fails: str, at: str, rescued: str | None) -> Router:
    """Four levels, one of which fails at a step, and one of which has a handler for it."""
    said: dict[str, dict[str, Any]] = {level: {} for level in LEVELS}
    if fails in STEPS:
        said[at][fails] = SAID[fails]
    if fails == "generator":
        said[at]["dependencies"] = {"value": generator}
    if rescued is not None:
        answer = JSONResponse({"answered": rescued}, 418)
        said[rescued]["exception_handlers"] = {TypeError if fails == "conversion" else KeyError: lambda *_: answer}

    async def leaf(value: Any) -> Any:
        if fails == "handler":
            fail()
        return object() if fails == "conversion" else {}

    handler = get("/", **said["handler"])(leaf)
    if "dependencies" not in said["handler"]:
        said["router"].setdefault("dependencies", {"value": lambda: 1})
    gateway = Gateway(handler=handler, **said["gateway"])
    return Router(routes=[Include("/", routes=[gateway], **said["include"])], **said["router"])


CASES = [(step, level) for step in STEPS for level in LEVELS] + [(step, "handler") for step in AT_THE_HANDLER]


@pytest.mark.parametrize("rescued", [None, *LEVELS])
@pytest.mark.parametrize(("fails", "at"), CASES)
async def test_a_failure_is_answered_by_the_levels_around_it(fails, at, rescued, caplog):
    """Middleware and interceptors are around what is inside of their level, so that its handlers don't see them fail."""
    caplog.set_level(logging.CRITICAL, "heaven.errors")
    async with Client(application(fails, at, rescued), raise_app_exceptions=False) as client:
        answer = await client.get("/")
    outside = fails in ("middleware", "interceptors")
    seen = rescued is not None and (not outside or LEVELS.index(rescued) <= LEVELS.index(at))
    assert (418 if seen else 500) == answer.status_code
    assert (
        {"answered": rescued} if seen else {"type": "about:blank", "title": "Internal Server Error", "status": 500}
    ) == (answer.json())
