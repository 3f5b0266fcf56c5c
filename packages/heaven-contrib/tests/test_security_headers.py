from __future__ import annotations

import pytest

from heaven import SHUTDOWN, STARTUP, App
from heaven.errors import RegistrationError
from heaven_contrib import SecurityHeaders
from heaven_contrib.security_headers import STRICT
from heaven_testing import Client, WebSocketDenied


@pytest.fixture
def application():
    """What there is to protect: responses of all kinds, and a WebSocket."""
    app = App()

    async def own(req, res, ctx):
        res.headers["Referrer-Policy"] = "origin"
        return {}

    async def pieces():
        yield b"one "
        yield b"two"

    async def stream(req, res, ctx):
        res.stream(pieces())

    async def fail(req, res, ctx):
        raise OSError("the disk is full")

    async def echo(req, ws, ctx):
        await ws.accept()
        await ws.send_text(await ws.receive_text())

    app.ON(STARTUP, lambda app: app.keep("started", True))
    app.ON(SHUTDOWN, lambda app: app.unkeep("started"))
    app.GET("/own", own)
    app.GET("/stream", stream)
    app.GET("/fail", fail)
    app.WS("/echo", echo)
    return app


@pytest.mark.parametrize(("path", "status"), [("/own", 200), ("/stream", 200), ("/nowhere", 404), ("/fail", 500)])
async def test_every_response_gets_the_headers(application, path, status):
    """Error responses and streams carry them too."""
    async with Client(SecurityHeaders(application), raise_app_exceptions=False) as client:
        response = await client.get(path)
    assert status == response.status_code
    assert set(map(str.lower, STRICT)) <= set(response.headers)
    assert ("nosniff", "DENY") == (response.headers["x-content-type-options"], response.headers["x-frame-options"])


async def test_the_rest_of_a_response_stays(application):
    """Apart from the headers that are added, it is what it is without them."""
    async with Client(application) as client:
        bare = await client.get("/stream")
    async with Client(SecurityHeaders(application)) as client:
        response = await client.get("/stream")
    assert (200, b"one two") == (response.status_code, response.content)
    assert [*bare.headers.multi_items()] == response.headers.multi_items()[: -len(STRICT)]


async def test_a_header_of_the_application_stays(application):
    """What the application set itself is neither replaced nor repeated."""
    async with Client(SecurityHeaders(application)) as client:
        response = await client.get("/own")
    assert ["origin"] == response.headers.get_list("referrer-policy")


async def test_a_header_of_the_application_stays_whatever_its_case():
    """Applications that write names with capitals are against the rules, and about: no client would let them pass."""

    async def shouting(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": [(b"Referrer-Policy", b"origin")]})

    sent = []

    async def send(message):
        sent.append(message)

    await SecurityHeaders(shouting)({"type": "http"}, None, send)
    assert [b"origin"] == [value for name, value in sent[0]["headers"] if name.lower() == b"referrer-policy"]


async def test_own_headers_replace_the_defaults(application):
    """`headers=` is the whole list."""
    async with Client(SecurityHeaders(application, headers={"X-Frame-Options": "SAMEORIGIN"})) as client:
        response = await client.get("/nowhere")
    assert "SAMEORIGIN" == response.headers["x-frame-options"]
    assert not {"x-content-type-options", "referrer-policy"} & set(response.headers)


async def test_websockets_pass_untouched(application):
    """An accepted WebSocket talks as it does without; its handshake gets no headers, accepted or refused."""
    async with Client(SecurityHeaders(application)) as client:
        async with client.ws("/echo") as ws:
            await ws.send_text("hello")
            assert "hello" == await ws.receive_text()
            assert not set(map(str.lower, STRICT)) & set(ws.headers)
        with pytest.raises(WebSocketDenied) as refusal:
            async with client.ws("/nowhere"):
                pass
    assert not set(map(str.lower, STRICT)) & set(refusal.value.response.headers)


async def test_the_lifespan_passes_untouched(application):
    """The application inside is started and stopped."""
    async with Client(SecurityHeaders(application), lifespan="on"):
        assert application.peek("started") is True
    assert application.peek("started", None) is None


@pytest.mark.parametrize(
    "headers", [{"X Frame": "DENY"}, {"": "DENY"}, {"X-Frame-Options": "DENY\r\nSet-Cookie: a=b"}, {"X-A": "é"}]
)
def test_what_is_no_header_is_refused_at_registration(headers):
    """CR, LF and friends never reach the wire, and the message names the header."""
    with pytest.raises(RegistrationError, match="SecurityHeaders got"):
        SecurityHeaders(application, headers=headers)


def test_it_can_be_printed():
    """repr shows what it adds."""
    assert "SecurityHeaders(X-Frame-Options: DENY)" == repr(
        SecurityHeaders(application, headers={"X-Frame-Options": "DENY"})
    )
