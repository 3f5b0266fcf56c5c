"""Hello in Quart."""

from quart import Quart

app = Quart("hello")


@app.get("/")
async def hello():
    """Answer `GET /`."""
    return {"message": "Hello, world"}
