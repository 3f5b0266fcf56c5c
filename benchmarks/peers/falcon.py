"""Falcon's ASGI application, compiled with Cython where its wheel is: resources, `resp.data`, middleware components."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import falcon
import falcon.asgi

from benchmarks.workload import CHUNK, CHUNKS, DECODE, DECODE_ORDER, ENCODE, HELLO, HOOKS, TALLY, paths

DISTRIBUTIONS = ("falcon",)
NOTES = {
    "typed": "no typed bodies of its own: decoded by hand with msgspec",
    "hooks": "5 middleware components with process_request and process_response",
}


class Static:
    """`GET /`."""

    async def on_get(self, req: Any, resp: Any) -> None:
        resp.data = ENCODE({"message": HELLO})


class Echo:
    """`POST /echo`."""

    async def on_post(self, req: Any, resp: Any) -> None:
        resp.data = ENCODE(DECODE(await req.stream.read()))


class Typed:
    """`POST /typed`."""

    async def on_post(self, req: Any, resp: Any) -> None:
        order = DECODE_ORDER(await req.stream.read())
        resp.data = ENCODE({"customer": order.customer, "items": len(order.items)})


class Stream:
    """`GET /stream`."""

    async def on_get(self, req: Any, resp: Any) -> None:
        resp.content_type = falcon.MEDIA_TEXT
        resp.stream = self.chunks()

    async def chunks(self) -> AsyncIterator[bytes]:
        """What is sent."""
        for _ in range(CHUNKS):
            yield CHUNK


class Socket:
    """`/ws`."""

    async def on_websocket(self, req: Any, ws: Any) -> None:
        await ws.accept()
        try:
            while True:
                await ws.send_text(await ws.receive_text())
        except falcon.WebSocketDisconnected:
            pass


class Endpoint:
    """A resource of its own for every route."""

    async def on_get(self, req: Any, resp: Any, **params: int) -> None:
        resp.data = ENCODE(params)


class Step:
    """One step before and one after."""

    async def process_request(self, req: Any, resp: Any) -> None:
        """Before routing."""
        TALLY.before += 1

    async def process_response(self, req: Any, resp: Any, resource: Any, req_succeeded: bool) -> None:
        """Before the response leaves."""
        if resp.status == falcon.HTTP_200:
            TALLY.after += 1


def base() -> Any:
    """The scenarios on one path each."""
    app = falcon.asgi.App()
    app.ws_options.max_receive_queue = 0  # no task that reads ahead: faster here
    app.add_route("/", Static())
    app.add_route("/echo", Echo())
    app.add_route("/typed", Typed())
    app.add_route("/stream", Stream())
    app.add_route("/ws", Socket())
    return app


def routes() -> Any:
    """200 routes."""
    app = falcon.asgi.App()
    for path, _ in paths("{a:int}", "{b:int}"):
        app.add_route(path, Endpoint())
    return app


def hooks() -> Any:
    """Five components, ten steps."""
    app = falcon.asgi.App(middleware=[Step() for _ in range(HOOKS)])
    app.add_route("/", Static())
    return app
