"""Who hears what happens in the shop: server-sent events for everybody, a WebSocket board for the staff."""

from __future__ import annotations

from heaven import Request, WebSocket
from heaven_contrib.openapi import Problem
from heaven_contrib.routing import EventStreamResponse, get, websocket

from board import Board
from live import meet, place_in_log, public_events
from storage import OrderStore


@get(responses={400: Problem})
async def events(request: Request, board: Board, orders: OrderStore) -> EventStreamResponse:
    """GET /events: new orders and summaries as they happen; a browser that was cut off gets what it missed."""
    after = await place_in_log(request, board)
    return EventStreamResponse(public_events(request, board, orders, after))


@websocket()
async def staff_board(socket: WebSocket, request: Request, board: Board) -> None:
    """WS /board: the staff see every change and talk to each other. The first message says who is there."""
    await meet(socket, board, request.app)
