"""Hello in Blacksheep."""

from blacksheep import Application, get

app = Application()


@get("/")
async def hello():
    """Answer `GET /`."""
    return {"message": "Hello, world"}
