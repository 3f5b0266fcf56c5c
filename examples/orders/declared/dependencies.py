"""What handlers ask for by name: the parts of the shop that startup keeps in the application's store."""

from __future__ import annotations

from heaven import Request

from board import Board
from catalogue import Catalogue
from storage import OrderStore


async def board(request: Request) -> Board:
    """Who is told what happens in the shop."""
    return request.app.peek("board")


async def orders(request: Request) -> OrderStore:
    """Where the orders are kept."""
    return request.app.peek("orders")


async def products(request: Request) -> Catalogue:
    """What the shop sells."""
    return request.app.peek("products")
