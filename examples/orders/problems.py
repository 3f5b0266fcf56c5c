"""What clients get to see when something goes wrong; everything not named here is answered by Heaven itself."""

from __future__ import annotations

from html import escape
from http import HTTPStatus

from heaven import Context, Request, Response

from storage import OrderClosed, OrderMissing

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Not here</title><link rel="stylesheet" href="/static/shop.css"><main class="lost"><h1>Not here</h1>
<p>The shop has nothing at <code>{path}</code>.</p><p><a href="/">Back to the orders</a></p></main></html>"""


async def nothing_here(req: Request, res: Response, ctx: Context, error: Exception) -> None:
    """Any 404: a page of the shop's own for browsers, a problem document for programs."""
    if "text/html" in req.headers.get("accept", ""):
        res.headers["content-type"] = "text/html; charset=utf-8"
        res.body = PAGE.format(path=escape(req.path))
    else:
        problem(res, HTTPStatus.NOT_FOUND, f"Nothing is at {req.path}; the orders are at {req.url_for('orders')}.")


async def order_missing(req: Request, res: Response, ctx: Context, error: OrderMissing) -> None:
    """An order, or an attachment of one, that is not there."""
    problem(res, HTTPStatus.NOT_FOUND, str(error))


async def order_closed(req: Request, res: Response, ctx: Context, error: OrderClosed) -> None:
    """An order that can't be cancelled any more."""
    problem(res, HTTPStatus.CONFLICT, str(error))


def problem(res: Response, status: HTTPStatus, detail: str) -> None:
    """Make the response a problem document (RFC 9457), as Heaven's own are."""
    res.status = status
    res.headers["content-type"] = "application/problem+json"
    res.body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
