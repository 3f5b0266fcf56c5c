"""Hello in Sanic."""

from sanic import Sanic
from sanic.response import json

app = Sanic("hello")
app.config.ACCESS_LOG = False


@app.get("/")
async def hello(request):
    """Answer `GET /`."""
    return json({"message": "Hello, world"})
