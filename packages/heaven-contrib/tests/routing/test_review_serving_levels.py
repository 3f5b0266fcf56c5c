"""What levels do where two of them meet: how often their middleware is made, and where errors go."""

from __future__ import annotations

from typing import Any

import pytest

from heaven import HTTPError
from heaven_contrib.routing import Application, Gateway, Include, Router, get
from heaven_testing import Client


@get("/leaf")
async def leaf() -> dict[str, Any]:
    return {}


def test_middleware_is_made_once_for_all_that_is_below_its_level():
    """Handlers, a Router and a child below one Include share its middleware, so that what it counts is counted once."""
    made: list[Any] = []

    def counting(app: Any) -> Any:
        made.append(app)
        return app

    Router(
        routes=[
            Include(
                "/api",
                middleware=[counting],
                routes=[
                    Gateway(handler=leaf),
                    Include("/child", app=Application(routes=[leaf])),
                    Include("/part", routes=[Router(path="/router", routes=[leaf])]),
                ],
            )
        ]
    ).wire()
    assert 1 == len(made)


@pytest.mark.parametrize("group", [False, True])
async def test_what_an_exception_handler_raises_in_a_group_of_one_is_that_error(group):
    """A TaskGroup in an exception handler raises a group, as one in a handler does; the one error in it counts."""

    async def translate(request: Any, error: KeyError) -> None:
        raise ExceptionGroup("of one", [HTTPError(410)]) if group else HTTPError(410)

    @get("/", exception_handlers={KeyError: translate})
    async def fails() -> None:
        raise KeyError("lost")

    async with Client(Router(routes=[fails])) as client:
        assert 410 == (await client.get("/")).status_code
