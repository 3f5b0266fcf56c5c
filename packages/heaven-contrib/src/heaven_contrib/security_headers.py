"""The response headers that tell a browser to be strict."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from heaven.errors import RegistrationError
from heaven.types import ASGIApp, Message, Receive, Scope, Send

STRICT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
    }
)
"""What `SecurityHeaders` sends when it is given nothing else."""


class SecurityHeaders:
    """ASGI middleware that adds security headers to every HTTP response, the 404s and 500s among them.

    A header that the application has set itself stays as it is.

    Args:
        app: the ASGI application inside.
        headers: names and values to send in place of `STRICT`.

    Raises:
        RegistrationError: a name or value holds what a header can't.

    Example:
        >>> async def application(scope, receive, send): ...
        >>> SecurityHeaders(application, headers={"X-Frame-Options": "SAMEORIGIN"})
        SecurityHeaders(X-Frame-Options: SAMEORIGIN)
    """

    __slots__ = ("_app", "_headers")

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str] = STRICT) -> None:
        self._app = app
        self._headers = tuple(_encode(name, value) for name, value in headers.items())

    def __repr__(self) -> str:
        """The headers it adds, as they would stand in a response."""
        listed = ", ".join(f"{name.decode().title()}: {value.decode('latin-1')}" for name, value in self._headers)
        return f"{type(self).__name__}({listed})"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application inside; only HTTP responses are touched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = list(message.get("headers", ()))
                names = {name.lower() for name, _ in own}
                added = [header for header in self._headers if header[0] not in names]
                message = {**message, "headers": own + added}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _encode(name: str, value: str) -> tuple[bytes, bytes]:
    token = name.replace("-", "").replace("_", "")
    if not (token.isascii() and token.isalnum()):
        raise RegistrationError(
            f"SecurityHeaders got the name {name!r}; a header's name is letters, digits and hyphens"
        )
    if not value.isascii() or not value.isprintable():
        raise RegistrationError(
            f"SecurityHeaders got {value!r} for {name}; a header's value is printable ASCII on one line"
        )
    return name.lower().encode(), value.encode()
