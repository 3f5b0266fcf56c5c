"""A response that is an ASGI application: what ends a request outside of any handler can say it in one word."""

from __future__ import annotations

import pytest

from heaven_contrib.routing import (
    Gateway,
    Interceptor,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Router,
    StreamingResponse,
    WebSocketGateway,
    get,
    websocket,
)
from heaven_testing import Client
from heaven_testing.errors import WebSocketDenied


async def pieces():
    yield "a"
    yield "b"


RESPONSES = {
    "json": (lambda: JSONResponse({"closed": True}, 503), 503, '{"closed":true}'),
    "text": (lambda: PlainTextResponse("closed"), 200, "closed"),
    "redirect": (lambda: RedirectResponse("/elsewhere"), 307, ""),
    "stream": (lambda: StreamingResponse(pieces()), 200, "ab"),
}


def closed_by(make):
    """A Router whose interceptor answers everything."""

    class Closed(Interceptor):
        async def intercept(self, scope, receive, send):
            await make()(scope, receive, send)

    @get("/orders")
    async def orders() -> str:
        raise AssertionError("the interceptor answered")

    @websocket("/live")
    async def live(socket) -> None:
        raise AssertionError("the interceptor answered")

    return Router(routes=[Gateway(handler=orders), WebSocketGateway(handler=live)], interceptors=[Closed])


@pytest.mark.parametrize("name", RESPONSES)
async def test_a_response_answers_by_itself(name):
    """An interceptor ends the request with it: status, body and headers go out as a handler would have sent them."""
    make, status, text = RESPONSES[name]
    async with Client(closed_by(make), follow_redirects=False) as client:
        response = await client.get("/orders")
        head = await client.head("/orders")
    assert (status, text) == (response.status_code, response.text)
    assert (status, "") == (head.status_code, head.text)
    assert response.headers.get("location") == ("/elsewhere" if name == "redirect" else None)


async def test_a_response_refuses_a_websocket():
    """Before a handshake is accepted, a response is what it is refused with."""
    async with Client(closed_by(RESPONSES["json"][0])) as client:
        with pytest.raises(WebSocketDenied) as refused:
            async with client.ws("/live"):
                pass
    assert 503 == refused.value.response.status_code
