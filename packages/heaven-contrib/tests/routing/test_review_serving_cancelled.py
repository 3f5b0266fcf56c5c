"""Requests that are cancelled wherever they wait: what was opened is closed, once, in the right order."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import Any

import pytest

from driver_of_scopes import http_scope
from heaven_contrib.routing import Gateway, Inject, Interceptor, Router, StreamingResponse, get

STEPS = 60
"""More turns of the event loop than a request takes."""


class Log(list[str]):
    """What was opened and closed."""

    def in_loop(self, name: str, *needs: str) -> Any:
        async def opened(**_needs: Any) -> Any:
            await asyncio.sleep(0)
            self.append(f"open {name}")
            try:
                await asyncio.sleep(0)
                yield name
            finally:
                self.append(f"close {name}")
                await asyncio.sleep(0)

        return _taking(opened, needs)

    def in_thread(self, name: str, *needs: str) -> Any:
        def opened(**_needs: Any) -> Any:
            self.append(f"open {name}")
            try:
                time.sleep(0.0005)
                yield name
            finally:
                time.sleep(0.0005)
                self.append(f"close {name}")

        return _taking(opened, needs)


def _taking(function: Any, needs: tuple[str, ...]) -> Any:
    """The function with these parameters, so that they are found by name."""
    parameters = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY) for name in needs]
    function.__signature__ = inspect.Signature(parameters)
    return function


class Waiting(Interceptor):
    """Waits before and has the request go on."""

    async def intercept(self, scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(0)


def application(log: Log) -> Router:
    """Three generators on top of each other, a stream that uses them, and something that waits at every level."""

    @get("/")
    async def stream(c: Any) -> StreamingResponse:
        await asyncio.sleep(0)

        async def rows() -> Any:
            log.append("open stream")
            try:
                for _ in range(3):
                    await asyncio.sleep(0)
                    yield b"row"
            finally:
                log.append("close stream")

        return StreamingResponse(rows())

    dependencies = {
        "a": Inject(log.in_loop("a")),
        "b": Inject(log.in_thread("b", "a")),
        "c": Inject(log.in_loop("c", "b")),
    }
    return Router(routes=[Gateway(handler=stream, dependencies=dependencies, interceptors=[Waiting])])


async def waiting() -> Any:
    await asyncio.sleep(60)


def balanced(log: Log) -> None:
    """What was opened last is closed first, each once."""
    still: list[str] = []
    for word, name in (line.split() for line in log):
        if word == "open":
            still.append(name)
        else:
            assert still.pop() == name, log
    assert not still, log


@pytest.mark.parametrize("ends", ["cancelled", "left"])
async def test_what_was_opened_is_closed_once_wherever_a_request_ends(ends):
    """A request is cancelled, or its client leaves, after each number of turns of the event loop."""
    finished = 0
    for steps in (*range(STEPS), None):  # the last one is left alone
        log, turn = Log(), 0

        async def send(_message: Any) -> None:
            await asyncio.sleep(0)
            if ends == "left" and steps is not None and turn >= steps:  # noqa: B023 (it is called in this round)
                raise OSError("the client is gone")

        serving = asyncio.create_task(application(log)(http_scope("/"), waiting, send))
        for turn in range(1, (steps or 0) + 1):  # noqa: B007
            await asyncio.sleep(0.0002)
            if serving.done():
                break
        if ends == "cancelled" and steps is not None:
            serving.cancel()
        await asyncio.wait((serving,), timeout=30)
        assert serving.done()
        finished += not serving.cancelled()
        balanced(log)
    assert finished
