"""What clients get to see when something goes wrong; everything not named here is answered by Heaven itself."""

from __future__ import annotations

from html import escape
from http import HTTPStatus

from heaven import Context, Request, Response
from heaven_contrib.openapi import Problem, describe

from storage import OrderClosed, OrderMissing

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Not here</title><link rel="stylesheet" href="/static/shop.css"><main class="lost"><h1>Not here</h1>
<p>The shop has nothing at <code>{path}</code>.</p><p><a href="/">Back to the orders</a></p></main></html>"""


@describe(responses={404: Problem})
async def nothing_here(req: Request, res: Response, ctx: Context, error: Exception) -> None:
    """Any 404: a page of the shop's own for browsers, a problem document for programs."""
    if wants_page(req):
        res.headers["content-type"] = "text/html; charset=utf-8"
        res.body = page_of(req)
    else:
        answer(res, nowhere(req))


async def order_missing(req: Request, res: Response, ctx: Context, error: OrderMissing) -> None:
    """An order, or an attachment of one, that is not there."""
    answer(res, problem(HTTPStatus.NOT_FOUND, str(error)))


async def order_closed(req: Request, res: Response, ctx: Context, error: OrderClosed) -> None:
    """An order that can't be cancelled any more."""
    answer(res, problem(HTTPStatus.CONFLICT, str(error)))


def answer(res: Response, problem: Problem) -> None:
    """Have the response be a problem document."""
    res.status = problem.status
    res.headers["content-type"] = "application/problem+json"
    res.body = problem


def problem(status: HTTPStatus, detail: str) -> Problem:
    """A problem document (RFC 9457), as Heaven's own are."""
    return Problem("about:blank", status.phrase, status, detail)


def nowhere(req: Request) -> Problem:
    """What programs are told of a path that nothing is at."""
    return problem(HTTPStatus.NOT_FOUND, f"Nothing is at {req.path}; the orders are at {req.url_for('orders')}.")


def wants_page(req: Request) -> bool:
    """Whether a browser asks, for somebody who reads."""
    return "text/html" in req.headers.get("accept", "")


def page_of(req: Request) -> str:
    """What people are shown for a path that nothing is at."""
    return PAGE.format(path=escape(req.path))
