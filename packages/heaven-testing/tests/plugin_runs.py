"""Runs of pytest inside a test: what a user of the plugin would see."""

from __future__ import annotations

import pkgutil
import textwrap
from importlib import import_module

import heaven
import heaven_testing

# pytester takes out what a run inside has loaded: all is loaded before the first, lest there be a class twice. What the
# HTTP client library loads with its first connection is among it.
for name in ("anyio._backends._asyncio", "h11", "httpcore", "httpcore._backends.auto", "httpx"):
    import_module(name)
for package in (heaven, heaven_testing):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        import_module(module.name)

SHOP = """
import asyncio
from heaven import SHUTDOWN, STARTUP, App

loops = []

async def note(app):
    loops.append(asyncio.get_running_loop())

async def read(req, res, ctx):
    return {"id": req.params["id"], "same loop": asyncio.get_running_loop() is loops[-1]}

def make():
    app = App()
    app.ON(STARTUP, note)
    app.ON(SHUTDOWN, note)
    app.GET("/orders/:id:int", read)
    return app

app = make()
"""
"""An application that notes the loops on which it starts and stops."""

QUIET = ("-p", "no:randomly", "-p", "no:cacheprovider")


def configured(pytester, **ini):
    """Write the configuration of a run; None leaves a setting out. Every warning is an error, as in the run around it."""
    settings = {"asyncio_default_fixture_loop_scope": "function", **ini}
    lines = [f"{name} = {value}" for name, value in settings.items() if value is not None]
    ignored = "ignore:assertions not in test modules or plugins will be ignored:pytest.PytestConfigWarning"
    source = "\n".join(["[pytest]", *lines, "filterwarnings =", "    error", f"    {ignored}"])
    pytester.path.joinpath("pytest.ini").write_text(source)


def run(pytester, *arguments):
    """Run pytest in this process, in the order of the files."""
    return pytester.runpytest_inprocess(*QUIET, *arguments)


def modules(pytester, **sources):
    """Write modules, `shop` among them unless it is given."""
    for name, source in {"shop": SHOP, **sources}.items():
        pytester.path.joinpath(f"{name}.py").write_text(textwrap.dedent(source))
