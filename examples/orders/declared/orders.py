"""Orders over HTTP: what everybody may read, and what only those may write who have the key."""

from __future__ import annotations

from typing import Annotated

from heaven import Request
from heaven_contrib.openapi import OpenAPIResponse, Problem
from heaven_contrib.routing import APIView, BackgroundTask, BackgroundTasks, Response, get, post
from heaven_contrib.routing.params import Query

from board import Board
from catalogue import Catalogue, price
from handlers import LARGEST_PAGE, LAST_PAGE, confirm, to_list, with_links, with_neighbours
from schemas import NewOrder, Order, Page, Status
from storage import OrderStore


class ReadOrders(APIView):
    """GET /orders and below it."""

    @get(name="orders")
    async def list_orders(
        self,
        request: Request,
        orders: OrderStore,
        page: Annotated[int, Query(ge=1, le=LAST_PAGE)] = 1,
        size: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 20,
        status: Status | None = None,
    ) -> Page:
        """GET /orders?page=1&size=20&status=new: one page of orders, newest first."""
        return with_neighbours(request, await orders.page(page, size, status), status)

    @get("/{id:int}", name="order")
    async def read_order(self, request: Request, orders: OrderStore, id: int) -> Order:
        """GET /orders/7: one order, with links to its attachments."""
        return with_links(request, await orders.read(id))


class WrittenOrders(APIView):
    """POST /orders and below it."""

    @post(
        responses={
            201: OpenAPIResponse(Order, "It is taken.", headers={"location": "Where the order is."}),
            401: Problem,
        }
    )
    async def create_order(
        self, request: Request, data: NewOrder, orders: OrderStore, products: Catalogue, board: Board
    ) -> Response:
        """POST /orders: take a new order; once the answer is sent, tell everybody, and confirm it to the customer."""
        order = await orders.create(data, price(data.lines, products))
        told = BackgroundTask(board.publish, "created", to_list(order))
        return Response(
            order,
            headers={"location": request.url_for("order", id=order.id)},
            background=BackgroundTasks([told, BackgroundTask(confirm, order)]),
        )

    @post("/{id:int}/cancel", status_code=200, responses={200: Order, 401: Problem, 409: Problem})
    async def cancel_order(self, request: Request, orders: OrderStore, board: Board, id: int) -> Response:
        """POST /orders/7/cancel: cancel an order that was not shipped; the staff see it on the board."""
        order = await orders.cancel(id)
        told = BackgroundTask(board.publish, "cancelled", to_list(order))
        return Response(with_links(request, order), background=told)
