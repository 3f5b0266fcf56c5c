"""What the test is told of the application's side: which steps ran, and the objects that the handler saw."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from client_apps import answer, raw
from heaven import App
from heaven_testing import Client, Disconnected


def guard(req, res, ctx):
    ctx.keep("user", "ada")


def read(req, res, ctx):
    ctx.keep("found", req.params["id"])
    return {"id": req.params["id"]}


def stamp(req, res, ctx):
    res.header("x-stamp", "yes")


def fail(req, res, ctx):
    raise LookupError("broken")


def apologise(req, res, ctx, error):
    res.status = 409
    return "sorry"


def refuse(req, res, ctx):
    res.abort("no", 403)


@pytest.fixture
def app() -> App:
    """Hooks around routes that succeed, fail and refuse, and a mounted application."""
    app = App()
    app.BEFORE("/*", guard)
    app.AFTER("/*", stamp)
    app.GET("/orders/:id:int", read)
    app.GET("/fail", fail)
    app.ON(LookupError, apologise)
    app.BEFORE("/refused", refuse)
    app.GET("/refused", read)
    shop = App()
    shop.GET("/items/:id", read)
    app.mount(shop, prefix="/shop")
    return app


async def test_a_response_knows_what_ran_for_it(app: App) -> None:
    """The route, and hooks and handler in order, each with its time."""
    async with Client(app) as client:
        trace = (await client.get("/orders/7")).trace
    assert trace is not None
    assert "/orders/:id:int" == trace.route
    assert ["BEFORE guard", "HANDLER read", "AFTER stamp"] == trace.names
    assert all(step.seconds is not None and step.error is None for step in trace.steps)
    assert "GET /orders/7: route /orders/:id:int" == str(trace).splitlines()[0]


async def test_a_response_has_the_objects_of_the_handler(app: App) -> None:
    """`req` and `ctx` are those that the handler saw, after it was done with them."""
    async with Client(app) as client:
        response = await client.get("/orders/7?a=1")
    assert response.req is not None
    assert response.ctx is not None
    assert ({"id": 7}, {"a": "1"}, "/orders/:id:int") == (response.req.params, response.req.queries, response.req.route)
    assert ("ada", 7) == (response.ctx.user, response.ctx.found)
    assert response.trace is not None
    assert 200 == response.trace.res.status


async def test_a_404_has_no_route(app: App) -> None:
    """Where no route was found the trace says so, and hooks that ran are there."""
    async with Client(app) as client:
        response = await client.get("/nowhere")
    assert 404 == response.status_code
    assert response.trace is not None
    assert response.trace.route is None
    assert "HANDLER read" not in response.trace.names


async def test_nothing_ran_nothing_is_known() -> None:
    """An application without hooks has no objects to show for a 404."""
    async with Client(App()) as client:
        response = await client.get("/nowhere")
    assert response.trace is not None
    assert ([], None, None) == (response.trace.names, response.req, response.ctx)


async def test_errors_and_refusals_are_in_the_trace(app: App) -> None:
    """The step that failed has its error, and the error handler comes after it; a refusal ends the steps before it."""
    async with Client(app) as client:
        failed = await client.get("/fail")
        refused = await client.get("/refused")
    assert (409, 403) == (failed.status_code, refused.status_code)
    assert failed.trace is not None
    assert refused.trace is not None
    assert ["BEFORE guard", "HANDLER fail", "ON apologise", "AFTER stamp"] == failed.trace.names
    assert "LookupError('broken')" == repr(failed.trace.steps[1].error)
    assert ["BEFORE guard", "BEFORE refuse", "AFTER stamp"] == refused.trace.names


async def test_mounted_applications_are_traced(app: App) -> None:
    """Their routes have the prefix in front, and the hooks of the outer one are there."""
    async with Client(app) as client:
        response = await client.get("/shop/items/x")
    assert response.trace is not None
    assert "/shop/items/:id" == response.trace.route
    assert ["BEFORE guard", "HANDLER read", "AFTER stamp"] == response.trace.names


async def test_each_request_has_a_trace_of_its_own(app: App) -> None:
    """Also the requests of a redirect, and those of two clients one after the other."""
    app.GET("/moved", lambda req, res, ctx: res.redirect("/orders/1"))
    async with Client(app, follow_redirects=True) as client:
        response = await client.get("/moved")
    first: Any = response.history[0]
    assert ("/moved", "/orders/:id:int") == (first.trace.route, response.trace.route if response.trace else None)
    async with Client(app) as client:
        again = await client.get("/orders/2")
    assert again.trace is not None
    assert ["BEFORE guard", "HANDLER read", "AFTER stamp"] == again.trace.names


async def test_a_disconnect_has_a_trace(app: App) -> None:
    """Disconnected brings the trace that no response could."""
    async with Client(app) as client:
        with pytest.raises(Disconnected) as caught:
            await client.get("/orders/7", disconnect_after_response=1)
    assert caught.value.trace is not None
    assert "/orders/:id:int" == caught.value.trace.route


@pytest.mark.parametrize(
    "app",
    [
        raw(lambda scope, receive, send: answer(send)),
        Starlette(routes=[Route("/", lambda request: PlainTextResponse("hello"))]),
    ],
)
async def test_other_applications_have_no_trace(app: Any) -> None:
    """What is not Heaven's shows nothing of itself: None, and no error."""
    async with Client(app) as client:
        response = await client.get("/")
    assert (None, None, None) == (response.trace, response.req, response.ctx)


async def test_an_application_below_a_foreign_one_has_no_trace(app: App) -> None:
    """Only the outermost application is looked into."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    async with Client(wrapped) as client:
        response = await client.get("/orders/7")
    assert (200, None) == (response.status_code, response.trace)
