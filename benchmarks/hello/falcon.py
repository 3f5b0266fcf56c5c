"""Hello in Falcon."""

import falcon.asgi


class Hello:
    """Answer `GET /`."""

    async def on_get(self, req, resp):
        resp.media = {"message": "Hello, world"}


app = falcon.asgi.App()
app.add_route("/", Hello())
