"""A response that is sent by itself, in place of what would have served the request."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from heaven import App, Context, Request, Response
from heaven.messages.site import Site
from heaven.serving.endpoint import Endpoint
from heaven.serving.recovery import Recovery
from heaven.serving.websocket_endpoint import SocketEndpoint

if TYPE_CHECKING:
    from heaven import WebSocket
    from heaven.types import Receive, Scope, Send


async def answer(put: Callable[[Response], None], scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request, or refuse the handshake of a WebSocket.

    Args:
        put: writes the answer onto a response of the core.
        scope: the request's.
        receive: the server's.
        send: the server's.
    """
    if scope["type"] == "websocket":

        async def refuse(_req: Request, ws: WebSocket, _ctx: Context) -> None:
            res = Response()
            put(res)
            await ws.deny(res.status, res.body, headers=res.headers.raw)

        await SocketEndpoint(_nowhere(), refuse, recovery=Recovery(())).run(scope, receive, send, {})
        return

    async def respond(_req: Request, res: Response, _ctx: Context) -> None:
        put(res)

    # The body is nobody's, so it is not read: as far as the endpoint knows, the method has none.
    method = "HEAD" if scope["method"] == "HEAD" else ""
    await Endpoint(_nowhere(), respond, recovery=Recovery(()), method=method).run(scope, receive, send, {})


@lru_cache(maxsize=1)
def _nowhere() -> Site:
    return Site(App(), streams=True)


__all__ = ["answer"]
