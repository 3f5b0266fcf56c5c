"""The life of an application: startup in order, undone in reverse when it fails; every shutdown step runs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from driver import Lifespan, request
from heaven import SHUTDOWN, STARTUP, App
from heaven.serving import foreign

FAILED = "lifespan.startup.failed"
STARTED = {"type": "lifespan.startup.complete"}
STOPPED = {"type": "lifespan.shutdown.complete"}


def step(log, name, error=None):
    """A startup or shutdown step that writes down its name, and raises."""

    async def run(app):
        log.append(name)
        if error is not None:
            raise error

    return run


def context(log, name):
    @asynccontextmanager
    async def life(app):
        log.append(f"enter {name}")
        try:
            yield
        finally:
            log.append(f"leave {name}")

    return life


async def test_startup_runs_in_order_and_shutdown_in_reverse() -> None:
    """The lifespan function is outermost, then startup steps as registered; shutdown steps end what began last first."""
    log = []
    app = App(lifespan=context(log, "life"))
    app.ON(SHUTDOWN, step(log, "close db"))
    app.ON(STARTUP, step(log, "open db"))
    app.ONCE(lambda app: log.append("open cache"))
    app.ON(SHUTDOWN, step(log, "close cache"))
    async with (life := Lifespan(app)):
        assert ["enter life", "open db", "open cache"] == log
        log.clear()
    assert ["close cache", "close db", "leave life"] == log
    assert [STARTED, STOPPED] == life.messages


async def test_steps_get_the_application_they_were_registered_on() -> None:
    """A child's steps get the child, sync or async."""
    parent, child, seen = App(), App(), []
    for app in (parent, child):
        app.ON(STARTUP, seen.append)
        app.ON(SHUTDOWN, step([], "x"))
        app.ON(SHUTDOWN, seen.append)
    parent.mount(child, "/a")
    async with Lifespan(parent):
        assert [parent, child] == seen
    assert [parent, child, child, parent] == seen


async def test_the_classic_way_to_start_works() -> None:
    """An async startup keeps a client, a sync one another, handlers peek at them, and a shutdown closes both."""
    app, closed = App({"host": "localhost"}), []

    async def connect(app):
        await asyncio.sleep(0)
        app.keep("db", app.CONFIG("host"))

    def up_redis(app):
        app.keep("redis", "redis")

    async def disconnect(app):
        closed.extend([app.unkeep("db"), app.unkeep("redis")])

    app.ON(STARTUP, connect)
    app.ONCE(up_redis)
    app.ON(SHUTDOWN, disconnect)
    app.GET("/", lambda req, res, ctx: req.app.peek("db") + req.app.peek("redis"))
    async with Lifespan(app):
        assert "localhostredis" == (await request(app)).text
    assert ["localhost", "redis"] == closed


async def test_a_failing_start_undoes_what_had_started_in_reverse() -> None:
    """The server gets `startup.failed` with the reason, no exception escapes, and it must not serve."""
    log = []
    parent, child, late = (
        App(lifespan=context(log, "parent")),
        App(lifespan=context(log, "child")),
        App(lifespan=context(log, "late")),
    )
    parent.ON(STARTUP, step(log, "open db"))
    parent.ON(SHUTDOWN, step(log, "close db"))
    child.ON(STARTUP, step(log, "open cache", ConnectionError("refused")))
    child.ON(STARTUP, step(log, "never"))
    child.ON(SHUTDOWN, step(log, "never"))
    parent.mount(child, "/a")
    parent.mount(late, "/b")
    async with (life := Lifespan(parent)):
        pass
    assert [{"type": FAILED, "message": "ConnectionError: refused"}] == life.messages
    assert ["enter parent", "open db", "enter child", "open cache", "leave child", "close db", "leave parent"] == log


async def test_a_failing_start_tells_its_notes_as_well() -> None:
    """What a library has added to the error, such as the address, stands in the one line that the server prints."""
    app, error = App(), ConnectionError("refused")
    error.add_note("while connecting to redis://cache.test:6379/0")
    app.ON(STARTUP, step([], "open", error))
    async with (life := Lifespan(app)):
        pass
    told = "ConnectionError: refused - while connecting to redis://cache.test:6379/0"
    assert [{"type": FAILED, "message": told}] == life.messages


async def test_the_application_tells_what_its_last_start_failed_with() -> None:
    """The exception itself, also one of a child; None before the first start and after one that went well."""
    parent, child, error = App(), App(), ConnectionError("refused")
    outcomes = [error, None]
    child.ONCE(lambda app: step([], "open", outcomes.pop(0))(app))
    parent.mount(child, "/a")
    assert None is parent.startup_error
    async with Lifespan(parent):
        assert error is parent.startup_error
    async with Lifespan(parent):
        assert None is parent.startup_error


async def test_a_start_that_fails_in_the_middle_runs_the_shutdown_steps() -> None:
    """Once one step of an application succeeded there is something to close."""
    log, app = [], App()
    app.ON(STARTUP, step(log, "one"))
    app.ON(STARTUP, step(log, "two", ValueError("no")))
    app.ON(SHUTDOWN, step(log, "close", RuntimeError("nothing to close")))
    async with (life := Lifespan(app)):
        pass
    assert (["one", "two", "close"], "ValueError: no") == (log, life.messages[0]["message"])


async def test_a_wiring_that_contradicts_itself_fails_the_start() -> None:
    """Before a single step ran, with the message that a person can mend it by."""
    log, parent, child = [], App(), App()
    parent.ON(STARTUP, step(log, "never"))
    for app, url in ((parent, "/a/x"), (child, "/x")):
        app.GET(url, print)
    parent.mount(child, "/a")
    async with (life := Lifespan(parent)):
        pass
    assert FAILED == life.messages[0]["type"]
    assert "RegistrationError: GET /a/x at " in life.messages[0]["message"]
    assert [] == log


async def test_every_shutdown_step_runs_even_if_some_fail(caplog) -> None:
    """`shutdown.failed` names all failures; one that waits for a task it cancelled is a failure too."""

    async def wait_for_cancelled(app):
        task = asyncio.ensure_future(asyncio.sleep(10))
        task.cancel()
        await task

    log, app = [], App(lifespan=context([], "x"))
    app.ON(SHUTDOWN, step(log, "last"))
    app.ON(SHUTDOWN, wait_for_cancelled)
    app.ON(SHUTDOWN, step(log, "middle", ValueError("one")))
    app.ON(SHUTDOWN, step(log, "first", OSError("two")))
    async with (life := Lifespan(app)):
        pass
    assert ["first", "middle", "last"] == log
    assert {
        "type": "lifespan.shutdown.failed",
        "message": "OSError: two; ValueError: one; CancelledError: ",
    } == life.messages[1]
    assert f"shutdown: SHUTDOWN at {__file__}:" in caplog.text


async def test_a_startup_step_that_ends_in_a_cancelled_error_fails_the_start() -> None:
    """Nobody cancelled the lifespan, so no exception escapes (a server may then serve anyway)."""
    app = App()
    app.ON(STARTUP, step([], "x", asyncio.CancelledError("task")))
    async with (life := Lifespan(app)):
        pass
    assert [{"type": FAILED, "message": "CancelledError: task"}] == life.messages


async def begin(app):
    """Start an application in a task of its own; give the task and what it sent."""
    inbox: asyncio.Queue = asyncio.Queue()
    sent = []

    async def send(message):
        sent.append(message)

    task = asyncio.create_task(app({"type": "lifespan"}, inbox.get, send))
    await inbox.put({"type": "lifespan.startup"})
    await asyncio.sleep(0.01)
    return task, sent


async def test_a_server_that_cancels_the_lifespan_still_gets_every_step() -> None:
    """The cancellation goes on once everything was undone."""
    log, app = [], App()
    app.ON(SHUTDOWN, step(log, "last"))
    app.ON(SHUTDOWN, step(log, "first", ValueError()))
    task, sent = await begin(app)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (["first", "last"], [STARTED]) == (log, sent)


async def test_a_start_that_is_cancelled_is_undone_and_goes_on_being_cancelled() -> None:
    """CancelledError is not swallowed; a shutdown step that is cancelled does not keep the others from running."""
    log, app = [], App()
    app.ON(STARTUP, step(log, "open"))

    async def hang(app):
        await asyncio.sleep(10)

    app.ON(STARTUP, hang)
    app.ON(SHUTDOWN, step(log, "close"))
    app.ON(SHUTDOWN, step(log, "failing", asyncio.CancelledError()))
    task, sent = await begin(app)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (["open", "failing", "close"], []) == (log, sent)


async def test_children_start_after_their_parent_and_stop_before_it() -> None:
    """Depth first, in order of mounting, each once, however often it is mounted."""
    log = []
    parent, child, grandchild, sibling = (
        App(lifespan=context(log, name)) for name in ("parent", "child", "grandchild", "sibling")
    )
    parent.mount(child, "/a")
    parent.mount(child, "/again")
    child.mount(grandchild, "/b")
    parent.mount(sibling, "/c")
    async with Lifespan(parent):
        assert [f"enter {name}" for name in ("parent", "child", "grandchild", "sibling")] == log
        log.clear()
    assert [f"leave {name}" for name in ("sibling", "grandchild", "child", "parent")] == log


async def test_the_same_application_starts_again() -> None:
    """Nothing of its first life is left in the second."""
    log = []
    app = App(lifespan=context(log, "x"))
    app.GET("/", lambda req, res, ctx: str(req.app.stopping.is_set))
    for _ in range(2):
        async with (life := Lifespan(app)):
            assert "False" == (await request(app)).text
        assert [STARTED, STOPPED] == life.messages
        assert app.stopping.is_set
    assert ["enter x", "leave x"] * 2 == log


async def test_daemons_run_from_start_to_stop_and_the_monitor_watches() -> None:
    """A child's daemon is called with the child; at shutdown it is cancelled and awaited."""
    parent, child, log = App(monitor=5), App(), []

    async def work(app):
        log.append(app)
        try:
            await asyncio.sleep(10)
        finally:
            log.append("cancelled")

    child.DAEMON(work, every=1)
    child.ON(SHUTDOWN, lambda app: log.append("shutdown"))
    parent.mount(child, "/a")
    async with (life := Lifespan(parent)):
        await asyncio.sleep(0.01)
        assert [child] == log
    assert [child, "cancelled", "shutdown"] == log
    assert STOPPED == life.messages[1]


# Foreign applications


def foreign_app(log, startup="complete", shutdown="complete", **messages):
    """An ASGI application with a lifespan that says what it is told to say."""

    async def app(scope, receive, send):
        if scope["type"] != "lifespan":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": repr(sorted(scope["state"].items())).encode()})
            return
        log.append((await receive())["type"])
        scope["state"]["starts"] = scope["state"].get("starts", 0) + 1
        await send({"type": f"lifespan.startup.{startup}", **messages})
        if startup == "failed":
            return
        log.append((await receive())["type"])
        await send({"type": f"lifespan.shutdown.{shutdown}", **messages})
        await asyncio.sleep(0)
        log.append("returned")

    return app


async def test_a_foreign_application_s_lifespan_runs_and_its_state_reaches_its_requests() -> None:
    """As a server would do it, with a state of its own for each start, and its task awaited."""
    log, parent = [], App()
    parent.mount(foreign_app(log), "/a")
    for _ in range(2):
        async with (life := Lifespan(parent)):
            assert "[('mine', 1), ('starts', 1)]" == (await request(parent, "GET", "/a", state={"mine": 1})).text
        assert [STARTED, STOPPED] == life.messages
    assert ["lifespan.startup", "lifespan.shutdown", "returned"] * 2 == log


@pytest.mark.parametrize(
    ("messages", "text"), [({"message": "no db"}, "RuntimeError: no db"), ({}, "RuntimeError: the mounted <function ")]
)
async def test_a_foreign_application_that_fails_to_start_fails_the_start(messages, text) -> None:
    """With its own message, and what had started is undone."""
    log = []
    parent = App(lifespan=context(log, "parent"))
    parent.mount(foreign_app([], "failed", **messages), "/a")
    async with (life := Lifespan(parent)):
        pass
    assert FAILED == life.messages[0]["type"]
    assert life.messages[0]["message"].startswith(text)
    assert ["enter parent", "leave parent"] == log


@pytest.mark.parametrize(
    ("messages", "text"), [({"message": "stuck"}, "RuntimeError: stuck"), ({}, "RuntimeError: the mounted <function ")]
)
async def test_a_foreign_application_that_fails_to_stop_fails_the_shutdown(messages, text) -> None:
    """With its own message, and the others are stopped."""
    log = []
    parent = App(lifespan=context(log, "parent"))
    parent.mount(foreign_app([], shutdown="failed", **messages), "/a")
    async with (life := Lifespan(parent)):
        pass
    assert "lifespan.shutdown.failed" == life.messages[1]["type"]
    assert life.messages[1]["message"].startswith(text)
    assert ["enter parent", "leave parent"] == log


async def no_lifespan(scope, receive, send):
    raise ValueError(f"no {scope['type']}")


async def silent(scope, receive, send):
    """Returns from the lifespan without a word."""


async def leaving(scope, receive, send):
    """Ends right after its start."""
    await receive()
    await send({"type": "lifespan.startup.complete"})


async def crashing(scope, receive, send):
    """Raises when it should stop."""
    await leaving(scope, receive, send)
    await receive()
    raise ValueError("crash")


@pytest.mark.parametrize("app", [no_lifespan, silent, leaving, crashing])
async def test_a_foreign_application_without_a_lifespan_is_left_alone(app) -> None:
    """One that raises for the scope, or ends early, keeps nobody from starting or stopping."""
    parent = App()
    parent.mount(app, "/a")
    async with (life := Lifespan(parent)):
        await asyncio.sleep(0)
    assert [STARTED, STOPPED] == life.messages


async def test_a_foreign_application_that_does_not_return_is_cancelled(monkeypatch) -> None:
    """It gets a moment after its last word, and no task of its is left."""
    monkeypatch.setattr(foreign, "GRACE", 0.01)

    async def lingering(scope, receive, send):
        await leaving(scope, receive, send)
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        await asyncio.sleep(10)

    parent = App()
    parent.mount(lingering, "/a")
    async with (life := Lifespan(parent)):
        pass
    await asyncio.sleep(0)
    assert [STARTED, STOPPED] == life.messages
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_stopping_what_never_started_does_nothing() -> None:
    """A lifespan that was not begun has nothing to say."""
    await foreign.ForeignLifespan(foreign.Foreign(silent)).stop()
