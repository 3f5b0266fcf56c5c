"""Hello in Litestar."""

from litestar import Litestar, get


@get("/")
async def hello() -> dict[str, str]:
    """Answer `GET /`."""
    return {"message": "Hello, world"}


app = Litestar([hello])
