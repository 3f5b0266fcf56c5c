"""How the batteries and the testing package are used, as the type checkers see it. Never executed."""

from __future__ import annotations

from typing import assert_type

from heaven.types import ASGIApp, Receive, Scope, Send
from heaven_contrib import SecurityHeaders
from heaven_testing import ServerProcess


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})


strict: ASGIApp = SecurityHeaders(application, headers={"X-Frame-Options": "SAMEORIGIN"})


def served() -> None:
    with ServerProcess(["uvicorn", "application:app", "--port", "{port}"], env={"DEBUG": "1"}) as server:
        assert_type(server, ServerProcess)
        assert_type(server.url, str)
        assert_type(server.stop(), int)
