"""Batteries in an application whose start fails before it is their turn."""

from __future__ import annotations

import logging

import pytest

from heaven import STARTUP, App
from heaven_contrib.outbox import Outbox
from heaven_contrib.redis import Broadcast, Cache, Redis
from heaven_contrib.sql import Database
from heaven_testing import Client, StartupFailed


async def steps_that_failed(caplog: pytest.LogCaptureFixture, *batteries: object) -> list[str]:
    """What the log tells of a start that fails in the step after a first one that succeeds."""

    def fail(app: App) -> None:
        raise OSError("no disk")

    app = App()
    app.ON(STARTUP, lambda app: None)
    app.ON(STARTUP, fail)
    for battery in batteries:
        app.plugin(battery)  # type: ignore[arg-type]
    with caplog.at_level(logging.ERROR, "heaven.lifespan"), pytest.raises(StartupFailed):
        async with Client(app):
            pass
    return [record.getMessage() for record in caplog.records]


async def test_what_never_started_stops_without_a_word(caplog):
    """The one reason is what the log tells: no traceback of a battery that had nothing to stop stands beside it."""
    redis, db = Redis("memory://"), Database("sqlite://:memory:")
    batteries = (redis, Broadcast(redis), Cache(redis, "shop"), db, Outbox(db, redis))
    assert ["startup failed"] == await steps_that_failed(caplog, *batteries)


async def test_a_battery_that_stops_what_it_never_started_is_found(caplog):
    """The control."""

    class Careless:
        def install(self, app: App) -> None:
            app.ON("shutdown", lambda app: app.unkeep("never kept"))

    told = await steps_that_failed(caplog, Careless())
    assert ["SHUTDOWN" in each for each in told] == [True, False]
