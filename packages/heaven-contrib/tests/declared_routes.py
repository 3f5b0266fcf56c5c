"""Modules with lists of routes, for tests that include them by name."""

from __future__ import annotations

from heaven import App
from heaven_contrib.routing import Gateway, get


@get("/{key:int}")
async def read_user(key: int): ...


route_patterns = [Gateway("/users", handler=read_user)]
others = (read_user,)
empty: list[Gateway] = []
wrong = [read_user, "users"]
app = App()
number = 7


class Holder:
    """Has an application as an attribute."""

    app = app
