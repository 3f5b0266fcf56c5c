"""Who hears what happens in the shop: server-sent events for everybody, a WebSocket board for the staff."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from heaven import Context, Request, Response, WebSocket

from board import Board, Change
from hooks import is_key
from schemas import Hello, Say
from storage import OrderStore

POLICY_VIOLATION = 1008
"""The WebSocket close code for a client that may not be here (RFC 6455 7.4.1)."""

HELLO = msgspec.json.Decoder(Hello)
SAY = msgspec.json.Decoder(Say)


async def events(req: Request, res: Response, ctx: Context) -> None:
    """GET /events: new orders and summaries as they happen; a browser that was cut off gets what it missed."""
    last = req.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 16 else None
    res.events(public_changes(req.app.peek("board"), req.app.peek("orders"), after))


async def public_changes(board: Board, orders: OrderStore, after: int | None) -> AsyncIterator[dict[str, Any]]:
    """A summary at once, then every new order and every later summary."""
    with board.listen(after) as changes:
        yield {"event": "summary", "data": await orders.summary()}
        while True:
            change = await changes.get()
            if change.kind in ("created", "summary"):
                yield {"id": str(change.number), "event": change.kind, "data": change.data}


async def staff_board(req: Request, ws: WebSocket, ctx: Context) -> None:
    """WS /board: the staff see every change and talk to each other. The first message says who is there."""
    await ws.accept()
    hello = await greeting(ws)
    if hello is None or not is_key(req.app, hello.key):
        await ws.close(POLICY_VIOLATION, "the key is wrong")
        return
    board: Board = req.app.peek("board")
    with board.listen() as changes:
        teller = asyncio.create_task(tell(ws, changes))
        try:
            board.publish("joined", {"name": hello.name})
            await hear(ws, board, hello.name)
        finally:
            teller.cancel()
            await asyncio.wait([teller])
            board.publish("left", {"name": hello.name})


async def greeting(ws: WebSocket) -> Hello | None:
    """The first message, or None where it is not a greeting or does not come in time."""
    try:
        async with asyncio.timeout(10):
            return HELLO.decode(await ws.receive_text())
    except (TimeoutError, msgspec.MsgspecError):
        return None


async def tell(ws: WebSocket, changes: asyncio.Queue[Change]) -> None:
    """Pass every change on to one member of the staff."""
    while True:
        change = await changes.get()
        if change.kind != "summary":
            await ws.send_json(change)


async def hear(ws: WebSocket, board: Board, name: str) -> None:
    """Put on the board what one member of the staff says, until they leave."""
    async for message in ws:
        try:
            say = SAY.decode(message)
        except msgspec.MsgspecError as error:
            await ws.send_json({"kind": "refused", "data": {"reason": str(error)}})
        else:
            board.publish("said", {"name": name, "text": say.text})
