"""A bare ASGI callable."""


async def app(scope, receive, send):
    """Answer `GET /`."""
    if scope["type"] == "http":
        headers = [(b"content-type", b"application/json"), (b"content-length", b"26")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"message":"Hello, world"}'})
