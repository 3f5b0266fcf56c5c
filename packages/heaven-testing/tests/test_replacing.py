"""Replacements: what a test may put in the place of an application's own, and that all of it is put back exactly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from heaven import SHUTDOWN, STARTUP, App, Key, RegistrationError
from heaven_testing.replacing import Replacements

LOG: list[str] = []


@pytest.fixture(autouse=True)
def log() -> list[str]:
    """What ran."""
    LOG.clear()
    return LOG


@asynccontextmanager
async def running(app: App, replacements: Replacements) -> AsyncIterator[None]:
    """The life of an application, as a client leads it."""
    inbox: asyncio.Queue[Any] = asyncio.Queue()
    outbox: asyncio.Queue[Any] = asyncio.Queue()
    task = asyncio.create_task(app({"type": "lifespan", "asgi": {"version": "3.0"}}, inbox.get, outbox.put))
    await inbox.put({"type": "lifespan.startup"})
    assert {"type": "lifespan.startup.complete"} == await asyncio.wait_for(outbox.get(), 10)
    replacements.started()
    try:
        yield
    finally:
        replacements.stopping()
        await inbox.put({"type": "lifespan.shutdown"})
        assert {"type": "lifespan.shutdown.complete"} == await asyncio.wait_for(outbox.get(), 10)
        await task
        replacements.undo()


async def get(app: App, path: str = "/") -> bytes:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "http", "method": "GET", "path": path, "headers": []}, receive, send)
    return b"".join(message.get("body", b"") for message in sent)


def written(app: App) -> list[list[int]]:
    """All that can be replaced, by identity."""
    told = app.written
    return [[id(each) for each in items] for items in (told.startup, told.shutdown, told.daemons, told.hooks)]


def connect(app):
    LOG.append("connect")
    app.keep("db", "real")


async def disconnect(app):
    LOG.append(f"disconnect {app.unkeep('db')}")


async def sweep(app):
    LOG.append("sweep")


def fake(app):
    LOG.append("fake")


async def fake_async(app):
    LOG.append("fake async")


@asynccontextmanager
async def life(app):
    LOG.append("enter life")
    yield
    LOG.append("leave life")


@asynccontextmanager
async def fake_life(app):
    LOG.append("enter fake life")
    yield


class Battery:
    def install(self, app: App) -> None:
        app.ONCE(self.open)

    def open(self, app: App) -> None:
        LOG.append("open")


def guard(req, res, ctx):
    res.abort("guarded", 403)


def stamp(req, res, ctx):
    res.headers["x-stamp"] = "yes"


def shop() -> App:
    app = App(lifespan=life)
    app.ON(STARTUP, connect)
    app.ON(SHUTDOWN, disconnect)
    app.DAEMON(sweep, every=3600)
    app.BEFORE("/*", guard)
    app.GET("/", lambda req, res, ctx: f"db is {req.app.peek('db')}")
    return app


# swap


@pytest.mark.parametrize(
    ("function", "replacement", "expected"),
    [
        (connect, fake_async, ["enter life", "fake async", "sweep", "disconnect None", "leave life"]),
        (f"{__name__}.connect", f"{__name__}.fake", ["enter life", "fake", "sweep", "disconnect None", "leave life"]),
        (disconnect, fake, ["enter life", "connect", "sweep", "fake", "leave life"]),
        (sweep, fake_async, ["enter life", "connect", "fake async", "disconnect real", "leave life"]),
        (life, fake_life, ["enter fake life", "connect", "sweep", "disconnect real"]),
    ],
)
async def test_a_function_is_swapped_for_one_test(function, replacement, expected) -> None:
    """Startup, shutdown, daemon and lifespan, sync and async; the next start has the application's own again."""

    async def tolerant(app):
        LOG.append(f"disconnect {app.unkeep('db', None)}")

    app = shop()
    if function in (connect, f"{__name__}.connect"):
        app.written.shutdown.clear()
        app.ON(SHUTDOWN, tolerant)
    before, options = written(app), app.settled
    replacements = Replacements(app)
    replacements.swap(function, replacement)
    async with running(app, replacements):
        await asyncio.sleep(0)
    assert expected == LOG
    assert (before, options) == (written(app), app.settled)
    LOG.clear()
    async with running(app, replacements):
        await asyncio.sleep(0)
    assert ["enter life", "connect", "sweep", "disconnect real", "leave life"] == LOG


async def test_bound_methods_and_mounted_applications_are_found() -> None:
    """A bound method is another object each time it is looked up; a child's functions are swapped through its parent."""
    battery, root, child = Battery(), App(), App()
    child.plugin(battery)
    root.mount(child, "/child")
    root.mount(_foreign, "/foreign")
    replacements = Replacements(root)
    replacements.swap(battery.open, fake)
    async with running(root, replacements):
        pass
    assert ["fake"] == LOG
    assert battery.open == child.written.startup[0].function


async def _foreign(scope: Any, receive: Any, send: Any) -> None:
    raise NotImplementedError


async def test_every_registration_of_a_function_is_swapped() -> None:
    """Also where it is a step and a daemon, on several applications."""
    root, child = App(), App()
    for app in (root, child):
        app.ON(STARTUP, sweep)
        app.ON(SHUTDOWN, sweep)
    root.DAEMON(sweep, every=3600)
    root.mount(child, "/child")
    replacements = Replacements(root)
    replacements.swap(sweep, fake)
    async with running(root, replacements):
        while LOG.count("fake") < 3:
            await asyncio.sleep(0)
    assert ["fake"] * 5 == LOG


@pytest.mark.parametrize("named", [False, True])
async def test_of_two_swaps_the_last_counts(named) -> None:
    """A test swaps what its fixture swapped already, by the application's function or by the fixture's."""
    app = shop()
    before, options = written(app), app.settled
    replacements = Replacements(app)
    replacements.swap(connect, fake)
    replacements.swap(life, _never)
    replacements.swap(_never if named else life, fake_life)
    replacements.swap(fake if named else connect, _keeping)
    replacements.swap(connect, _keeping)
    replacements.swap(life, fake_life)
    async with running(app, replacements):
        assert ["enter fake life", "keeping"] == LOG[:2]
    assert (before, options) == (written(app), app.settled)


def _never(app):
    raise NotImplementedError


def _keeping(app):
    LOG.append("keeping")
    app.keep("db", "kept")


async def test_what_the_test_registered_stays() -> None:
    """Undoing restores the application's own and nothing else."""
    app = shop()
    replacements = Replacements(app)
    replacements.swap(connect, fake)
    app.ONCE(sweep)
    app.BEFORE("/late", guard)
    replacements.bypass(guard)
    app.AFTER("/*", stamp)
    replacements.undo()
    assert [connect, sweep] == [event.function for event in app.written.startup]
    assert [(guard, None), (guard, None), (stamp, None)] == [
        (each.function, each.methods) for each in app.written.hooks
    ]


def test_swapping_after_the_start_is_too_late() -> None:
    """It would do nothing; the message says what would."""
    replacements = Replacements(shop())
    replacements.started()
    with pytest.raises(RuntimeError, match=r"swap at .*test_replacing\.py:\d+: the application has started already"):
        replacements.swap(connect, fake)


@pytest.mark.parametrize(
    ("function", "replacement", "message"),
    [
        (connect, lambda: None, r"swap at .*test_replacing\.py:\d+ got .*<lambda>\(\); it is called with \(app\)"),
        (sweep, lambda: None, r"swap at .* got .*<lambda>\(\); it is called with \(app\)"),
        (connect, 7, "swap at .* got 7, which can't be called"),
        (life, "asyncio.nothing", "swap at .* got 'asyncio.nothing', and it can't be imported"),
    ],
)
def test_a_replacement_has_the_shape_of_what_it_replaces(function, replacement, message) -> None:
    """Held to what registering it would be held to, where the test says it."""
    replacements = Replacements(shop())
    with pytest.raises(RegistrationError, match=message):
        replacements.swap(function, replacement)


def test_a_lifespan_that_is_not_decorated_is_none() -> None:
    """As App(lifespan=...) says it."""

    async def generator(app):
        yield

    with pytest.raises(RegistrationError, match=r"swap at .* got lifespan=.*; give a function that takes the app, dec"):
        Replacements(shop()).swap(life, generator)


def test_an_unknown_function_is_told_with_what_comes_near() -> None:
    """Near misses by name; one of the same name that is another function is told as such."""

    def conect(app): ...

    conect.__qualname__ = "conect"
    with pytest.raises(
        LookupError, match=rf"swap at .*: nothing runs at startup, .* did you mean '{__name__}.connect'"
    ):
        Replacements(shop()).swap(conect, fake)
    with pytest.raises(LookupError, match="known: nothing"):
        Replacements(App()).swap(connect, fake)
    conect.__qualname__ = "connect"
    with pytest.raises(LookupError, match="the one that is registered is another of that name; give that one itself"):
        Replacements(shop()).swap(conect, fake)


# bypass


async def test_a_hook_is_bypassed_for_one_test() -> None:
    """Before the start or while it runs; afterwards the application compiles to what it was."""
    app = shop()
    before, wiring = written(app), str(app.wiring)
    assert b"guarded" == await get(app)
    replacements = Replacements(app)
    replacements.bypass(f"{__name__}.guard")
    assert b"db is None" == await get(app)
    replacements.undo()
    assert (b"guarded", before, wiring) == (await get(app), written(app), str(app.wiring))
    async with running(app, replacements):
        replacements.bypass(guard)
        assert b"db is real" == await get(app)
    assert (b"guarded", before) == (await get(app), written(app))


async def test_none_of_its_registrations_runs() -> None:
    """On no level and for no pattern; others of the same patterns do."""
    root, child = App(), shop()
    child.BEFORE("/", guard)
    root.BEFORE("/*", guard)
    root.AFTER("/*", stamp)
    root.mount(child, "/shop")
    replacements = Replacements(root)
    replacements.bypass(guard)
    assert b"db is None" == await get(root, "/shop")
    assert [("AFTER", stamp)] == [(hook.when, hook.function) for hook in root.wiring.entries[0].after]
    assert () == root.wiring.entries[0].before


def test_an_unknown_hook_is_told_with_what_comes_near() -> None:
    """As for swap."""

    def gard(req, res, ctx): ...

    gard.__qualname__ = "gard"
    with pytest.raises(LookupError, match=rf"bypass at .*: nothing is a hook as .*; did you mean '{__name__}.guard'"):
        Replacements(shop()).bypass(gard)


# override


async def test_a_value_is_overridden_from_startup_to_shutdown() -> None:
    """What startup kept is what shutdown closes."""
    app = shop()
    replacements = Replacements(app)
    replacements.bypass(guard)
    replacements.override("db", "fake")
    async with running(app, replacements):
        assert b"db is fake" == await get(app)
    assert "disconnect real" in LOG
    assert [] == list(app.store)
    async with running(app, replacements):
        assert "real" == app.peek("db")


async def test_a_value_is_overridden_while_it_runs() -> None:
    """At once, as often as one likes, under names that nothing was kept under, and with typed keys."""
    app, flag = shop(), Key[bool]("flag")
    replacements = Replacements(app)
    async with running(app, replacements):
        replacements.override("db", "fake")
        replacements.override(Key[str]("db"), "another")
        replacements.override(flag, True)
        assert ("another", True) == (app.peek("db"), app.peek(flag))
    assert "disconnect real" in LOG
    assert [] == list(app.store)


async def test_without_startup_a_value_can_stand_alone() -> None:
    """What connects is swapped for nothing, and what it would have kept is overridden."""
    app = App()
    app.ONCE(connect)
    replacements = Replacements(app)
    replacements.swap(connect, fake)
    replacements.override("db", "fake")
    async with running(app, replacements):
        assert "fake" == app.peek("db")
    assert ([], ["fake"]) == (list(app.store), LOG)


@pytest.mark.parametrize("again", [False, True])
async def test_what_the_application_keeps_itself_meanwhile_stays(again) -> None:
    """It reconnects, so that is what has to be closed."""
    app = shop()
    replacements = Replacements(app)
    async with running(app, replacements):
        replacements.override("db", "fake")
        app.keep("db", "reconnected")
        if again:
            replacements.override("db", "fake again")
    assert "disconnect reconnected" in LOG


async def test_what_the_application_unkeeps_itself_meanwhile_stays_away() -> None:
    """It has closed it, so there is nothing to put back."""
    app = App()
    app.ONCE(connect)
    replacements = Replacements(app)
    async with running(app, replacements):
        replacements.override("db", "fake")
        app.unkeep("db")
    assert [] == list(app.store)


async def test_the_store_of_a_mounted_application_is_named() -> None:
    """An isolated child has its own; one that shares its parent's store has the parent's overrides."""
    root, own, shared = App(), App(), App()
    root.mount(own, "/own")
    root.mount(shared, "/shared", isolated=False)
    replacements = Replacements(root)
    replacements.override("db", "child's", app=own)
    replacements.override("db", "fake")
    replacements.override("db", "shared's", app=shared)
    async with running(root, replacements):
        assert ("shared's", "child's", "shared's") == (root.peek("db"), own.peek("db"), shared.peek("db"))
    assert [[], []] == [list(app.store) for app in (root, own)]
    with pytest.raises(LookupError, match=r"override at .* got an app= that is not mounted on the client's"):
        replacements.override("db", 1, app=App())


async def test_what_is_not_applied_is_forgotten() -> None:
    """A start that failed leaves nothing for the next."""
    app = shop()
    replacements = Replacements(app)
    replacements.override("db", "fake")
    replacements.undo()
    async with running(app, replacements):
        assert "real" == app.peek("db")


@pytest.mark.parametrize(
    "call",
    [
        lambda replacements: replacements.swap(connect, fake),
        lambda replacements: replacements.bypass(guard),
        lambda replacements: replacements.override("db", 1),
    ],
)
def test_an_application_of_another_framework_is_refused(call: Callable[[Replacements], None]) -> None:
    """By each of the words, which name it; starting and stopping are nothing to it."""
    replacements = Replacements(_foreign)
    with pytest.raises(
        TypeError,
        match=r"^(swap|bypass|override) at .*:\d+ needs a heaven.App, and the client serves <function _foreign",
    ):
        call(replacements)
    replacements.started()
    replacements.stopping()
    replacements.undo()
