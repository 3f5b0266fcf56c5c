"""What clients get to see when something goes wrong; everything not named here is answered by Heaven itself."""

from __future__ import annotations

from http import HTTPStatus

from heaven import HTTPError, Request
from heaven_contrib.openapi import Problem, describe
from heaven_contrib.routing import HTMLResponse, JSONResponse, Response

from problems import nowhere, page_of, problem, wants_page
from storage import OrderClosed, OrderMissing


@describe(responses={404: Problem})
async def nothing_here(request: Request, error: HTTPError) -> Response:
    """Any 404: a page of the shop's own for browsers, a problem document for programs."""
    return HTMLResponse(page_of(request), 404) if wants_page(request) else ProblemResponse(nowhere(request))


async def order_missing(request: Request, error: OrderMissing) -> Response:
    """An order, or an attachment of one, that is not there."""
    return ProblemResponse(problem(HTTPStatus.NOT_FOUND, str(error)))


async def order_closed(request: Request, error: OrderClosed) -> Response:
    """An order that can't be cancelled any more."""
    return ProblemResponse(problem(HTTPStatus.CONFLICT, str(error)))


class ProblemResponse(JSONResponse):
    """A problem document (RFC 9457)."""

    media_type = "application/problem+json"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, problem.status)
