"""How WebSockets end through `Client`: either side closes, vanishes or fails, as under a server."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from heaven import WebSocketDisconnected
from heaven_testing import ApplicationTimeout, Client, ConformanceError, WebSocketClosed, WebSocketDenied
from socket_apps import SOON, echo, raw, serving, told


async def test_the_client_closes_with_code_and_reason() -> None:
    """The application is told the code and the reason, once it has received what was sent before."""
    ends = []

    async def listen(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        try:
            while True:
                ends.append(await ws.receive_text())
        except WebSocketDisconnected as left:
            ends.append((left.code, left.reason))
            raise

    async with Client(serving(listen)) as client:
        async with client.ws("/ws") as ws:
            await ws.send_text("last words")
            await ws.close(4321, "genug für heute")
            with pytest.raises(WebSocketClosed, match="4321: genug für heute") as caught:
                await ws.send_text("more")
            assert (4321, "genug für heute") == (caught.value.code, caught.value.reason)
            await ws.close(4322)
        async with client.ws("/ws"):
            pass
        async with client.ws("/ws") as ws:
            await ws.disconnect()
        await client.settled()
    assert ["last words", (4321, "genug für heute"), (1000, ""), (1006, "")] == ends


@pytest.mark.parametrize("code", [999, 1004, 1005, 1006, 1015, 2999, 5000])
async def test_a_code_that_no_client_can_send_is_refused(code: int) -> None:
    """Codes that are never on the wire, or that nobody has defined, are a mistake of the test."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        with pytest.raises(ValueError, match=f"can't close with {code}; give 1000, or a code from 3000 to 4999"):
            await ws.close(code)
        await ws.close(1001)


async def test_a_reason_has_to_fit_into_a_frame() -> None:
    """A reason of 123 bytes can be sent, one of 124 can't."""
    async with Client(serving(echo)) as client, client.ws("/ws") as ws:
        with pytest.raises(ValueError, match="the reason has 124 bytes; at most 123"):
            await ws.close(1000, "ü" * 62)
        await ws.close(1000, "x" * 123)


async def test_the_application_closes_with_code_and_reason() -> None:
    """What was sent before the close is received, then there is nothing more to receive, and nobody to send to."""

    async def finish(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()
        await ws.send_text("last words")
        await ws.close(4000, "done")

    async with Client(serving(finish)) as client, client.ws("/ws") as ws:
        with pytest.raises(WebSocketClosed, match="closed with 4000: done"):
            await ws.send_text("anyone?")
        assert "last words" == await ws.receive()
        for _ in range(2):
            with pytest.raises(WebSocketClosed) as caught:
                await ws.receive()
            assert (4000, "done") == (caught.value.code, caught.value.reason)


async def test_an_application_that_closed_is_told_so() -> None:
    """After its own close an application receives what had come before, and then the end."""
    received = []

    async def finish(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await asyncio.sleep(0)
        await send({"type": "websocket.close", "code": 3000})
        received.extend([await receive(), await receive()])

    async with Client(raw(finish)) as client, client.ws("/ws") as ws:
        await ws.send_text("before")
        await client.settled()
    end = {"type": "websocket.disconnect", "code": 3000, "reason": ""}
    assert [{"type": "websocket.receive", "text": "before"}, end] == received


async def test_an_application_that_returns_cuts_the_connection() -> None:
    """A server whose application returns without closing drops the connection: 1006."""

    async def drop(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    async with Client(raw(drop)) as client, client.ws("/ws") as ws:
        with pytest.raises(WebSocketClosed, match="closed with 1006$"):
            await ws.receive()


async def test_sending_to_a_client_that_left_raises() -> None:
    """As under uvicorn `send` raises an OSError once the client is gone, which the application need not catch."""
    raised = []

    async def push(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "more"})
                await asyncio.sleep(0)
        except OSError as error:
            raised.append(str(error))
            raise

    async with Client(raw(push)) as client:
        async with client.ws("/ws") as ws:
            await ws.receive()
            await ws.disconnect()
        await client.settled()
    assert ["the client has left"] == raised


async def test_sending_to_a_client_that_left_may_be_quiet() -> None:
    """With after_disconnect="quiet" what is sent goes nowhere, as under servers that don't tell."""
    after = []

    async def push(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        after.append(await send({"type": "websocket.send", "text": "to nobody"}))
        after.append(await send({"type": "websocket.close"}))

    async with Client(raw(push), after_disconnect="quiet") as client, client.ws("/ws") as ws:
        await ws.disconnect()
        await client.settled()
        with pytest.raises(WebSocketClosed):
            await ws.receive()
    assert [None, None] == after


async def test_an_application_may_ask_on_and_on() -> None:
    """One that does not heed the end is told it again and again, and does not keep the event loop from the rest."""

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while True:
            await receive()

    async with Client(raw(deaf)) as client:
        async with client.ws("/ws"):
            pass
        with pytest.raises(ApplicationTimeout, match=r"did not finish in 0.05 s: WEBSOCKET /ws waits in deaf at"):
            await client.settled(SOON)
        with pytest.raises(ApplicationTimeout):
            await client.shutdown(SOON)


async def test_leaving_the_block_with_an_exception_leaves_it_as_it_is() -> None:
    """What the test fails with is not hidden by what the application did meanwhile; the connection ends all the same."""
    ends = []

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        ends.append((await receive())["code"])
        raise LookupError("not seen")

    async def quit_at_once(client: Client) -> None:
        async with client.ws("/ws"):
            raise ZeroDivisionError

    client = Client(raw(fail))
    with pytest.raises(ZeroDivisionError):
        async with client:
            await quit_at_once(client)
    assert [1011] == ends


async def test_a_server_that_stops_closes_with_1012() -> None:
    """A WebSocket that is open when the server stops is closed as uvicorn does."""
    ends = []

    async def listen(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        ends.append((await receive())["code"])

    async with Client(raw(listen)) as client, client.ws("/ws") as ws:
        await client.shutdown()
        with pytest.raises(WebSocketClosed, match="1012"):
            await ws.receive()
    assert [1012] == ends


@pytest.mark.parametrize("raises", [True, False])
async def test_an_exception_before_accept(raises: bool) -> None:
    """What the application raises in place of an answer is the test's, or with raise_app_exceptions=False a 500."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        raise LookupError("no such room")

    async with Client(raw(fail), raise_app_exceptions=raises) as client:
        with pytest.raises(LookupError if raises else WebSocketDenied) as caught:
            await told(client)
    if not raises:
        response = caught.value.response
        assert (500, "Internal Server Error", "21") == (
            response.status_code,
            response.text,
            response.headers["content-length"],
        )


@pytest.mark.parametrize("raises", [True, False])
async def test_an_exception_after_accept(raises: bool) -> None:
    """What the application raises later is told once who receives has what was sent before, or it is 1006."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "before"})
        raise LookupError("no such room")

    async with Client(raw(fail), raise_app_exceptions=raises) as client, client.ws("/ws") as ws:
        assert "before" == await ws.receive()
        with pytest.raises(LookupError if raises else WebSocketClosed, match="no such room" if raises else "1006"):
            await ws.receive()
        with pytest.raises(WebSocketClosed, match="1006"):
            await ws.send_text("to nobody")


async def test_an_exception_is_told_to_who_sends() -> None:
    """A test that only sends learns of what the application raised."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise LookupError("no such room")

    async with Client(raw(fail)) as client, client.ws("/ws") as ws:
        with pytest.raises(LookupError, match="no such room"):
            await ws.send_text("hello")


async def test_an_exception_that_nobody_saw_fails_the_block() -> None:
    """A test that neither sends nor receives learns of it when it leaves."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        raise LookupError("no such room")

    async with Client(raw(fail)) as client:
        with pytest.raises(LookupError, match="no such room"):
            async with client.ws("/ws"):
                pass


@pytest.mark.parametrize("raises", [True, False])
async def test_an_exception_in_the_midst_of_a_refusal(raises: bool) -> None:
    """A refusal that breaks off is a connection that does, as under a server."""

    async def fail(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.http.response.start", "status": 401, "headers": []})
        raise LookupError("no such page")

    async with Client(raw(fail), raise_app_exceptions=raises) as client:
        with pytest.raises(
            LookupError if raises else httpx.RemoteProtocolError, match="no such page|before its refusal did"
        ):
            await told(client)


async def returns(scope: Any, receive: Any, send: Any) -> None:
    pass


async def sends_first(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.send", "text": "too early"})


async def accepts_and_refuses(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.http.response.start", "status": 401, "headers": []})


async def chooses_what_was_not_offered(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept", "subprotocol": "v9"})


@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize(
    ("talk", "rule"),
    [
        (returns, "websocket-unanswered"),
        (sends_first, "websocket-accept-first"),
        (accepts_and_refuses, "websocket-denial-early"),
        (chooses_what_was_not_offered, "websocket-subprotocol-offered"),
    ],
)
async def test_a_violation_in_the_handshake_fails_it(talk: Any, rule: str, raises: bool) -> None:
    """An application that breaks a rule of ASGI fails the test that saw it, also where exceptions are not raised."""
    async with Client(raw(talk), raise_app_exceptions=raises) as client:
        with pytest.raises(ConformanceError) as caught:
            await told(client, subprotocols=["v1"])
    assert rule == caught.value.rule.id


async def test_a_violation_later_fails_who_waits() -> None:
    """An application that breaks a rule once the connection is open fails whoever uses it next, once."""

    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await receive()
        try:
            await send({"type": "websocket.send", "text": 5})
        except ConformanceError:
            await send({"type": "websocket.send", "text": "as if nothing had happened"})
        await receive()

    async with Client(raw(talk)) as client, client.ws("/ws") as ws:
        await ws.send_text("go")
        with pytest.raises(ConformanceError) as caught:
            await ws.receive()
        with pytest.raises(WebSocketClosed, match="1006"):
            await ws.receive()
        with pytest.raises(WebSocketClosed, match="1006"):
            await ws.send_text("to nobody")
    assert "websocket-send-type" == caught.value.rule.id


async def test_a_violation_that_nobody_saw_fails_the_block() -> None:
    """A test that did not look again learns of it when it leaves."""

    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.accept"})

    async with Client(raw(talk)) as client:
        with pytest.raises(ConformanceError, match="websocket-accept-once"):
            async with client.ws("/ws"):
                await asyncio.sleep(0)


async def test_who_sends_on_when_the_client_has_left_holds_up_nobody() -> None:
    """Under a server that does not tell, an application that sends on and on is cut when the client is left."""

    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "text": "tick"})

    with pytest.raises(ApplicationTimeout, match="did not finish in 0.05 s"):
        async with Client(raw(talk), timeout=0.05, after_disconnect="quiet") as client:
            async with client.ws("/") as ws:
                assert "tick" == await ws.receive_text()


async def test_messages_without_content_take_room_as_well() -> None:
    """An application that sends empty messages waits for its reader some time."""

    async def talk(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "text": ""})

    async with Client(raw(talk)) as client:
        async with client.ws("/") as ws:
            assert "" == await ws.receive_text()
