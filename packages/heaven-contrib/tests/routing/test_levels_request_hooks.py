from __future__ import annotations

from functools import partial

import pytest

from heaven import App
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.request_hooks import checked_request_hooks, compile_after, compile_before
from heaven_testing import Client, make_request

PLACE = "Include /api at shop.py:7"


async def asynchronous(request):
    return request.path


def synchronous(request):
    return request.path


def returns_a_coroutine(request):
    return asynchronous(request)


class Callable:
    async def __call__(self, request):
        return request.path


@pytest.mark.parametrize(
    "hook",
    [asynchronous, synchronous, returns_a_coroutine, Callable(), partial(asynchronous), partial(synchronous)],
    ids=["async", "sync", "coroutine", "object", "partial", "sync partial"],
)
async def test_a_hook_before_is_called_with_the_request(hook):
    """Sync or async, what it returns is there to answer with."""
    (compiled,) = compile_before(checked_request_hooks([hook], "before_request", PLACE))
    assert "/orders" == await compiled(make_request("GET", "/orders"))


async def handler(req, res, ctx):
    return {}


def test_an_async_hook_is_called_as_it_is():
    """Nothing is put around what has the right shape already."""
    assert (asynchronous,) == compile_before(checked_request_hooks((asynchronous,), "before_request", PLACE))


async def test_hooks_after_change_the_response():
    """They get the request and the response that goes out, in the order they were given."""

    def stamp(request, response):
        response.headers["x-path"] = request.path

    async def count(request, response):
        response.headers["x-headers"] = str(len(response.headers))

    async def after(req, res, ctx):
        for hook in compile_after(checked_request_hooks([stamp, count], "after_request", PLACE)):
            await hook(req, res)

    app = App()
    app.GET("/orders", handler)
    app.AFTER("/orders", after)
    async with Client(app) as client:
        response = await client.get("/orders")
    assert ("/orders", "1") == (response.headers["x-path"], response.headers["x-headers"])


def nothing_taken():
    pass


async def asgi(scope, receive, send):
    pass


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("before_request", asynchronous, f"got before_request={__name__}.asynchronous ("),
        ("before_request", [42], "got the before_request hook 42; it is called with (request)"),
        ("before_request", [nothing_taken], f"got the before_request hook {__name__}.nothing_taken ({__file__}:"),
        ("before_request", [asgi], f"got the before_request hook {__name__}.asgi ({__file__}:"),
        ("before_request", [Callable], f"got the before_request hook {__name__}.Callable; it is called with (request)"),
        ("after_request", [asynchronous], f"got the after_request hook {__name__}.asynchronous ({__file__}:"),
    ],
    ids=["one", "number", "no argument", "ASGI", "class", "without the response"],
)
def test_what_can_not_be_called_so_is_refused(name, value, complaint):
    """The message names the function, its line, and what it would be called with."""
    with pytest.raises(ImproperlyConfigured) as refusal:
        checked_request_hooks(value, name, PLACE)
    assert str(refusal.value).startswith(f"{PLACE} {complaint}")


def test_after_a_request_there_is_a_response():
    """The message says all that a hook would be called with."""
    with pytest.raises(ImproperlyConfigured, match=r"it is called with \(request, response\), so give a function"):
        checked_request_hooks([nothing_taken], "after_request", PLACE)
