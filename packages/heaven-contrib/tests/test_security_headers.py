from __future__ import annotations

import pytest

from heaven.errors import RegistrationError
from heaven_contrib import SecurityHeaders


async def application(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 404, "headers": [(b"Referrer-Policy", b"origin")]})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "websocket.close"})


async def messages(app, kind="http"):
    sent = []

    async def send(message):
        sent.append(message)

    await app({"type": kind}, None, send)
    return sent


async def test_every_response_gets_the_headers():
    """An error response carries them too."""
    start, body = await messages(SecurityHeaders(application))
    assert 404 == start["status"]
    assert (b"x-content-type-options", b"nosniff") in start["headers"]
    assert (b"x-frame-options", b"DENY") in start["headers"]
    assert {"type": "http.response.body", "body": b""} == body


async def test_a_header_of_the_application_stays():
    """What the application set itself is neither replaced nor repeated, whatever the case of its name."""
    start, _ = await messages(SecurityHeaders(application))
    assert [b"origin"] == [value for name, value in start["headers"] if name.lower() == b"referrer-policy"]


async def test_own_headers_replace_the_defaults():
    """`headers=` is the whole list."""
    start, _ = await messages(SecurityHeaders(application, headers={"X-Frame-Options": "SAMEORIGIN"}))
    assert [(b"Referrer-Policy", b"origin"), (b"x-frame-options", b"SAMEORIGIN")] == start["headers"]


async def test_other_scopes_pass_untouched():
    """A WebSocket's messages are none of its business."""
    assert [{"type": "websocket.close"}] == await messages(SecurityHeaders(application), "websocket")


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
