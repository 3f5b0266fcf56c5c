"""Who hears what happens in the shop: server-sent events for everybody, a WebSocket board for the staff."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from heaven import App, Context, Request, Response, WebSocket
from heaven_contrib.openapi import OpenAPIResponse, Problem, describe
from heaven_contrib.redis import Missed, last_event_id
from heaven_contrib.redis.broadcast import Subscription

from board import Board, Change
from hooks import is_key
from schemas import Hello, Say
from storage import OrderStore

POLICY_VIOLATION = 1008
"""The WebSocket close code for a client that may not be here (RFC 6455 7.4.1)."""

HELLO = msgspec.json.Decoder(Hello)
SAY = msgspec.json.Decoder(Say)


@describe(
    responses={
        200: OpenAPIResponse(Any, "Summaries and new orders, as they happen.", "text/event-stream"),
        400: Problem,
    }
)
async def events(req: Request, res: Response, ctx: Context) -> None:
    """GET /events: new orders and summaries as they happen; a browser that was cut off gets what it missed."""
    board: Board = req.app.peek("board")
    res.events(public_events(req, board, req.app.peek("orders"), await place_in_log(req, board)))


async def place_in_log(req: Request, board: Board) -> str:
    """Where a listener goes on: after what it heard last, and else after what happened last."""
    after = last_event_id(req)
    if after is None:
        latest = await board.log.latest(1)
        after = latest[-1].id if latest else "0-0"
    return after


async def public_events(req: Request, board: Board, orders: OrderStore, after: str) -> AsyncIterator[dict[str, Any]]:
    """A summary at once, with the place in the log where a listener goes on who hears nothing else; then the log."""
    yield {"id": after, "event": "summary", "data": await orders.summary()}
    async with aclosing(board.log.events(req, after=after)) as changes:
        async for change in changes:
            yield change


async def staff_board(req: Request, ws: WebSocket, ctx: Context) -> None:
    """WS /board: the staff see every change and talk to each other. The first message says who is there."""
    await meet(ws, req.app.peek("board"), req.app)


async def meet(ws: WebSocket, board: Board, app: App) -> None:
    """Let somebody in who shows the key, and keep them on the board until they leave."""
    await ws.accept()
    hello = await greeting(ws)
    if hello is None or not is_key(app, hello.key):
        await ws.close(POLICY_VIOLATION, "the key is wrong")
        return
    async with board.listen() as changes:
        teller = asyncio.create_task(tell(ws, changes))
        try:
            await board.publish("joined", {"name": hello.name})
            await hear(ws, board, hello.name)
        finally:
            teller.cancel()
            await asyncio.wait([teller])
            await board.publish("left", {"name": hello.name})


async def greeting(ws: WebSocket) -> Hello | None:
    """The first message, or None where it is not a greeting or does not come in time."""
    try:
        async with asyncio.timeout(10):
            return HELLO.decode(await ws.receive_text())
    except (TimeoutError, msgspec.MsgspecError):
        return None


async def tell(ws: WebSocket, changes: Subscription[Change]) -> None:
    """Pass every change on to one member of the staff."""
    async for change in changes:
        await ws.send_json({"kind": "missed", "data": {}} if isinstance(change, Missed) else change)


async def hear(ws: WebSocket, board: Board, name: str) -> None:
    """Put on the board what one member of the staff says, until they leave."""
    async for message in ws:
        try:
            say = SAY.decode(message)
        except msgspec.MsgspecError as error:
            await ws.send_json({"kind": "refused", "data": {"reason": str(error)}})
        else:
            await board.publish("said", {"name": name, "text": say.text})
