"""Declares and wires 1,000 routes once: `python -m benchmarks.declarative_wiring` prints the seconds as JSON.

50 Includes with 20 Gateways each; every handler has a path parameter, query parameters and a dependency that needs
another, and a quarter of them takes a body.
"""

from __future__ import annotations

import asyncio
import json
import sys
from time import process_time
from typing import Any

import heaven.serving.compiling  # noqa: F401 - what is imported late is imported before the clock runs
from benchmarks.declarative_scenarios import OURS
from benchmarks.driver import burst, compare
from benchmarks.scenarios import Scenario
from benchmarks.workload import Order
from heaven import Request
from heaven_contrib.routing import Gateway, Include, Inject, Router, get, post

INCLUDES, GATEWAYS = 50, 20


def session(request: Request) -> str:
    """The first dependency."""
    return request.headers.get("x-session", "none")


async def account(session: str) -> dict[str, str]:
    """The second, which needs the first."""
    return {"session": session}


def reader(number: int) -> Any:
    """A handler of its own."""

    @get("/{item:int}", name=f"read{number}")
    async def read(item: int, account: dict[str, str], limit: int = 10, search: str | None = None) -> dict[str, Any]:
        return {"number": number, "item": item, "limit": limit, "search": search, "account": account}

    return read


def writer(number: int) -> Any:
    """A handler of its own that takes a body."""

    @post("/{item:int}", name=f"write{number}")
    async def write(item: int, data: Order, account: dict[str, str], dry: bool = False) -> Order:
        return data

    return write


def declare() -> Any:
    """The application."""
    includes = []
    for area in range(INCLUDES):
        gateways = [
            Gateway(f"/resource{number}", handler=reader(number) if number % 4 else writer(number))
            for number in range(GATEWAYS)
        ]
        dependencies = {"session": Inject(session, sync_to_thread=False), "account": Inject(account)}
        includes.append(Include(f"/area{area}", name=f"area{area}", dependencies=dependencies, routes=gateways))
    return Router(routes=includes)


def main() -> None:
    """Time both steps and the first answer, and see that the last route answers."""
    begin = process_time()
    app = declare()
    declared = process_time()
    app.wire()
    wired = process_time()
    right = {"number": 19, "item": 7, "limit": 5, "search": None, "account": {"session": "none"}}
    scenario = Scenario("wired", OURS, "/area49/resource19/7", query=b"limit=5", answer=right)
    _, sent = asyncio.run(burst(app, scenario, {}, 1))
    answered = process_time()
    compare(scenario, sent)
    print(
        json.dumps(
            {"declare": declared - begin, "wire": wired - declared, "answer": answered - wired, "all": wired - begin}
        )
    )


if __name__ == "__main__":
    sys.exit(main())
