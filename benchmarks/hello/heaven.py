"""Hello in Heaven."""

from heaven import App

app = App()


@app.GET("/")
async def hello(req, res, ctx):
    """Answer `GET /`."""
    return {"message": "Hello, world"}
