"""An application that fails to stop, or that hangs where it starts or stops, fails the test and is named."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import client_apps
from client_apps import broken, forever, living
from heaven import SHUTDOWN, STARTUP, App
from heaven_testing import ApplicationTimeout, Client, LeakError, ShutdownFailed, StartupFailed

# Failing to stop


async def test_a_failed_shutdown_fails_the_test() -> None:
    """What a step of Heaven's shutdown raised is told, and so is what a raw application raises or says."""
    app = App()
    app.ON(SHUTDOWN, lambda app: 1 / 0)
    with pytest.raises(ShutdownFailed, match="did not shut down in order: ZeroDivisionError: division by zero"):
        async with Client(app):
            pass
    with pytest.raises(ShutdownFailed, match="LookupError: no database") as caught:
        async with Client(living(shutdown=broken)):
            pass
    assert isinstance(caught.value.__cause__, LookupError)


async def test_an_application_that_dies_while_it_serves_fails_the_test() -> None:
    """The lifespan ended with an error between startup and shutdown."""
    dying = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await dying.wait()
        raise LookupError("lost the database")

    with pytest.raises(ShutdownFailed, match="LookupError: lost the database"):
        async with Client(app):
            dying.set()


async def test_a_failure_of_the_test_is_not_hidden_by_the_end() -> None:
    """A test that failed fails with its own error, whatever goes wrong after it."""
    app = App()
    app.ON(STARTUP, lambda app: app.keep("left", True))
    app.ON(SHUTDOWN, lambda app: 1 / 0)
    with pytest.raises(AssertionError, match="of the test"):
        async with Client(app):
            raise AssertionError("of the test")
    with pytest.raises(ShutdownFailed):
        async with Client(app):
            pass


async def test_everything_is_looked_at_though_a_step_fails() -> None:
    """The first failure is raised; what follows is done all the same, `shutdown()` before the exit too."""
    app = App()
    app.ON(STARTUP, lambda app: app.keep("left", True))
    app.ON(SHUTDOWN, lambda app: 1 / 0)
    client = Client(app)
    with pytest.raises(LeakError, match="'left'"):
        async with client:
            with pytest.raises(ShutdownFailed):
                await client.shutdown()
    assert client.is_closed


# Hanging


async def test_a_startup_that_hangs_is_named() -> None:
    """Function, file and line where startup waits; nothing of it runs on."""
    app = App()

    @app.ONCE
    async def connect(app: App) -> None:
        await asyncio.Event().wait()

    for hanging, name, file in ((app, "connect", __file__), (living(startup=forever), "forever", client_apps.__file__)):
        before = asyncio.all_tasks()
        with pytest.raises(
            ApplicationTimeout,
            match=rf"startup did not finish in 0.05 s: the application waits in {name} at {file}",
        ):
            async with Client(hanging, timeout=0.05):
                pytest.fail("it was entered")
        assert before == asyncio.all_tasks()


async def test_a_startup_that_said_it_failed_need_not_return() -> None:
    """One that stays after its answer is not waited for longer than for anything else."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})
        await forever(send)

    with pytest.raises(StartupFailed, match="no database"):
        async with Client(app, timeout=0.05):
            pytest.fail("it was entered")


async def test_a_shutdown_that_hangs_is_named() -> None:
    """Function, file and line where shutdown waits; nothing of it runs on."""
    app = App()

    async def disconnect(app: App) -> None:
        await asyncio.Event().wait()

    app.ON(SHUTDOWN, disconnect)
    for hanging, name, file in (
        (app, "disconnect", __file__),
        (living(shutdown=forever), "forever", client_apps.__file__),
    ):
        before = asyncio.all_tasks()
        with pytest.raises(
            ApplicationTimeout,
            match=rf"shutdown did not finish in 0.05 s: the application waits in {name} at {file}",
        ):
            async with Client(hanging, timeout=0.05):
                pass
        assert before == asyncio.all_tasks()


async def test_an_application_that_stays_after_its_shutdown_is_named() -> None:
    """It has answered, and does not return."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await living()(scope, receive, send)
        await forever(send)

    with pytest.raises(ApplicationTimeout, match=r"did not return in 0.05 s after its shutdown: waits in forever at"):
        async with Client(app, timeout=0.05):
            pass


async def test_what_failed_besides_is_noted() -> None:
    """Of two failures at the exit the first is raised, with the other one as its note."""
    app = App()
    app.ON(STARTUP, lambda app: app.keep("left", True))
    app.ON(SHUTDOWN, lambda app: 1 / 0)
    with pytest.raises(ShutdownFailed) as caught:
        async with Client(app):
            pass
    (note,) = caught.value.__notes__
    assert note.startswith(
        "And when the client was left: LeakError: the application left something behind:\n  - 'left'"
    )
