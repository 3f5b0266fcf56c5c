"""What a handler writes into a response, as the type checkers see it. Never executed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any, NoReturn, TypedDict, assert_type

from heaven import Context, Deliverable, Outcome, Request, Response, Send
from heaven.http.headers import ResponseHeaders


class Tick(TypedDict):
    event: str
    data: int


class Report:
    async def deliver(self, req: Request, res: Response, send: Send) -> None:
        await send({"type": "http.response.start", "status": res.status, "headers": res.headers.raw})


async def rows() -> AsyncIterator[str]:
    yield "a,b\n"


async def blocks() -> AsyncIterator[bytes]:
    yield b"a,b\n"


async def ticks() -> AsyncIterator[Tick]:
    yield {"event": "tick", "data": 7}


def mail(address: str, *, subject: str = "") -> None:
    print(address, subject)


async def index(pages: list[int]) -> int:
    return len(pages)


def attributes(res: Response) -> None:
    assert_type(res.status, int)
    assert_type(res.body, Any)
    assert_type(res.outcome, Outcome)
    res.status = 201
    res.status = HTTPStatus.CREATED
    res.status = "201"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    res.body = {"id": 7}
    res.body = None
    report: Deliverable = Report()
    res.body = report


def headers(res: Response) -> None:
    assert_type(res.headers, ResponseHeaders)
    res.headers = "X-Name", "value"
    res.headers = [("X-Name", "value"), ("X-Other", "value")]
    res.headers = (("X-Name", "value"), ("X-Other", "value"), ("X-Third", "value"))
    res.headers = {"X-Name": "value"}
    res.headers = "X-Name: value"  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
    res.headers["x-name"] = "value"
    res.headers.add("vary", "accept")
    res.headers.update({"x-name": "value"})
    assert_type(res.headers["x-name"], str)
    assert_type(res.headers.get("x-name"), str | None)
    assert_type(res.headers.getall("vary"), list[str])
    assert_type(res.headers.pop("x-name", None), str | None)
    del res.headers["x-name"]


def chaining(res: Response) -> Response:
    assert_type(res.header("x-name", "value"), Response)
    assert_type(res.out(201, {"id": 7}, headers={"location": "/orders/7"}), Response)
    assert_type(res.out(), Response)
    assert_type(res.redirect("/orders", status=303), Response)
    assert_type(res.file("report.pdf"), Response)
    assert_type(res.file(Path("report.pdf"), "r.pdf", within=Path("reports"), media_type="application/pdf"), Response)
    assert_type(res.stream(rows(), "text/csv"), Response)
    assert_type(res.stream(blocks()), Response)
    assert_type(res.events(ticks(), ping=5, retry=3000), Response)
    assert_type(res.events(rows()), Response)
    assert_type(res.cookie("session", "7"), Response)
    return res.header("x-name", "value").cookie("session", "7", max_age=60).defer(mail, "ada@shop.test").out(204)


def cookies(res: Response) -> None:
    res.cookie(
        "__Host-session",
        "7",
        max_age=60,
        expires=datetime.now(UTC),
        path="/",
        domain=None,
        secure=True,
        httponly=True,
        samesite="strict",
        partitioned=True,
    )
    res.cookie("session", "7", samesite="loose")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def deferred(res: Response) -> None:
    # What is deferred is checked against what it will be called with.
    assert_type(res.defer(mail, "ada@shop.test", subject="Your order"), Response)
    assert_type(res.defer(index, [1, 2]), Response)
    res.defer(lambda: mail("ada@shop.test"))
    res.defer(mail)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    res.defer(index, "12")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def aborted(req: Request, res: Response, ctx: Context) -> str:
    if req.ip is None:
        assert_type(res.abort({"error": "no address"}, 403), NoReturn)
    return req.ip


def stopped(req: Request, res: Response, ctx: Context) -> str:
    user: str | None = ctx.peek("user")
    if user is None:
        res.abort("Who are you?", status=401)
    return user
