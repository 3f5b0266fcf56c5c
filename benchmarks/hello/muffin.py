"""Hello in Muffin."""

from muffin import Application

app = Application("hello")


@app.route("/")
async def hello(request):
    """Answer `GET /`."""
    return {"message": "Hello, world"}
