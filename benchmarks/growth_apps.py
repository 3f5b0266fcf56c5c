"""Heaven's applications of growing size: routes, hooks that cover nothing, mounts."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from benchmarks.scenarios import Scenario

ROUTES = (10, 100, 1000, 10_000)
HOOKS = (0, 10, 100)
MOUNTS = (0, 5, 20)

SCENARIOS = {
    "growth-static": Scenario("growth-static", "a static route", "/", answer={}),
    "growth-params": Scenario("growth-params", "a route with two parameters", "/target/1/of/2", answer={}),
}


async def handler(req: Any, res: Any, ctx: Any) -> Any:
    """What every route answers."""
    return {}


def make_hook() -> Any:
    """A hook of its own that must never run."""

    async def hook(req: Any, res: Any, ctx: Any) -> None:
        raise RuntimeError("a hook ran that covers nothing")

    return hook


def heaven() -> Any:
    """A Heaven application with the two routes that are asked for."""
    app = importlib.import_module("heaven").App()
    app.GET("/", handler)
    app.GET("/target/:a:int/of/:b:int", handler)
    return app


def build_routes(count: int) -> Any:
    """An application of so many routes, a third of them static, a third under a parameter, a third at the root."""
    app = heaven()
    for number in range(count - 2):
        shapes = (f"/static{number}", f"/dynamic{number}/:a:int/of/:b:int", f"/tree/:a/branch{number}/:b")
        app.GET(shapes[number % 3], handler)
    return app


def build_hooks(count: int) -> Any:
    """An application with so many hooks on a route that is not asked for."""
    app = heaven()
    app.GET("/elsewhere", handler)
    for number in range(count):
        (app.AFTER if number % 2 else app.BEFORE)("/elsewhere/*", make_hook())
    return app


def build_mounts(count: int) -> Any:
    """An application with so many children that are not asked for."""
    app = heaven()
    for number in range(count):
        app.mount(heaven(), prefix=f"/child{number}")
    return app


def _factory(build: Callable[[int], Any], count: int) -> Callable[[], Any]:
    return lambda: build(count)


SERIES: dict[str, tuple[str, Callable[[int], Any], tuple[int, ...], float]] = {
    "routes": ("routes", build_routes, ROUTES, 1.1),
    "hooks": ("hooks that cover nothing", build_hooks, HOOKS, 1.02),
    "mounts": ("mounts", build_mounts, MOUNTS, 1.05),
}
"""Name -> title, builder, sizes, and the most that the largest may cost beside the smallest."""

DISTRIBUTIONS = ("heaven-core", "msgspec")
for _name, _series in SERIES.items():
    for _size in _series[2]:
        globals()[f"{_name}_{_size}"] = _factory(_series[1], _size)
