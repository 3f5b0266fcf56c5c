"""Quart: returned dicts through a JSON provider of msgspec, before_request and after_request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from quart import Quart, Response, request, websocket
from quart.json.provider import JSONProvider

from benchmarks.workload import CHUNK, CHUNKS, DECODE, DECODE_ORDER, ENCODE, HELLO, HOOKS, TALLY, paths

DISTRIBUTIONS = ("quart", "werkzeug")
NOTES = {
    "typed": "no typed bodies without an extension: decoded by hand with msgspec",
    "hooks": "5 before_request and 5 after_request functions",
}


class MsgspecProvider(JSONProvider):
    """JSON through msgspec, the way Quart documents a provider of one's own."""

    def dumps(self, value: Any, **options: Any) -> str:
        return ENCODE(value).decode()

    def loads(self, text: str | bytes, **options: Any) -> Any:
        return DECODE(text)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(ENCODE(self._prepare_response_obj(args, kwargs)), content_type="application/json")


def build(name: str) -> Quart:
    """An application without a folder of static files."""
    app = Quart(name, static_folder=None)
    app.json = MsgspecProvider(app)
    return app


async def static() -> Any:
    """`GET /`."""
    return {"message": HELLO}


async def echo() -> Any:
    """`POST /echo`."""
    return await request.get_json()


async def typed() -> Any:
    """`POST /typed`."""
    order = DECODE_ORDER(await request.get_data())
    return {"customer": order.customer, "items": len(order.items)}


async def chunks() -> AsyncIterator[bytes]:
    """What `GET /stream` sends."""
    for _ in range(CHUNKS):
        yield CHUNK


async def stream() -> Any:
    """`GET /stream`."""
    return chunks(), {"content-type": "text/plain"}


async def echo_socket() -> None:
    """`/ws`."""
    while True:
        await websocket.send(await websocket.receive())


def endpoint(count: int) -> Any:
    """A handler of its own for a route with so many parameters."""

    async def handler(**params: int) -> Any:
        return params

    return handler


async def before() -> None:
    """A step before."""
    TALLY.before += 1


async def after(response: Response) -> Response:
    """A step after."""
    if response.status_code == 200:
        TALLY.after += 1
    return response


def base() -> Any:
    """The scenarios on one path each."""
    app = build("base")
    app.add_url_rule("/", view_func=static)
    app.add_url_rule("/echo", view_func=echo, methods=["POST"])
    app.add_url_rule("/typed", view_func=typed, methods=["POST"])
    app.add_url_rule("/stream", view_func=stream)
    app.add_websocket("/ws", view_func=echo_socket)
    return app


def routes() -> Any:
    """200 routes."""
    app = build("routes")
    for number, (path, count) in enumerate(paths("<int:a>", "<int:b>")):
        app.add_url_rule(path, endpoint=f"endpoint_{number}", view_func=endpoint(count))
    return app


def hooks() -> Any:
    """Five functions before, five after."""
    app = build("hooks")
    for _ in range(HOOKS):
        app.before_request(before)
        app.after_request(after)
    app.add_url_rule("/", view_func=static)
    return app
