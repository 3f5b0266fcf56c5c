"""The life of a Router: on_startup, on_shutdown, lifespan and on_event, of itself and of what it includes."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from heaven import SHUTDOWN, STARTUP, App
from heaven_contrib.routing import Application, Host, ImproperlyConfigured, Include, Inject, Router, get
from heaven_testing import Client, StartupFailed


class Life:
    """Notes what happens, and to which application."""

    def __init__(self):
        self.events = []

    def note(self, event):
        def noted(app):
            self.events.append((event, app))

        return noted

    def lifespan(self, name):
        @asynccontextmanager
        async def lived(app):
            self.events.append((f"{name} begins", app))
            yield
            self.events.append((f"{name} ends", app))

        return lived

    @property
    def names(self):
        return [event for event, _ in self.events]


async def run(app):
    async with Client(app):
        pass


async def test_functions_of_startup_run_in_order_with_the_application():
    """`on_startup` functions are called with the real application, one after the other."""
    life = Life()
    router = Router(on_startup=[life.note("first"), life.note("second")])
    await run(router)
    assert [("first", router), ("second", router)] == life.events


async def test_functions_of_shutdown_run_with_the_application():
    """`on_shutdown` functions are called when it stops: like everything that is undone, the last one first."""
    life = Life()
    router = Router(on_startup=[life.note("up")], on_shutdown=[life.note("first"), life.note("second")])
    await run(router)
    assert {("up", router), ("first", router), ("second", router)} == set(life.events)
    assert "up" == life.names[0]


async def test_functions_may_do_without_the_application():
    """Bound methods and functions without arguments, sync and async, work as they are: `[database.connect]`."""
    seen = []

    class Database:
        async def connect(self):
            seen.append("connected")

        def disconnect(self):
            seen.append("disconnected")

    database = Database()
    await run(Router(on_startup=[database.connect, lambda: seen.append("up")], on_shutdown=[database.disconnect]))
    assert ["connected", "up", "disconnected"] == seen


async def test_what_startup_keeps_is_there_for_handlers():
    """The application that startup functions get is the one whose store requests see."""

    def keep(app):
        app.keep("greeting", "hello")

    @get("/")
    async def read(state) -> str:
        return state.greeting

    router = Router(routes=[read], on_startup=[keep], on_shutdown=[lambda app: app.unkeep("greeting")])
    async with Client(router) as client:
        assert "hello" == (await client.get("/")).json()


@pytest.mark.parametrize("name", ["on_startup", "on_shutdown"])
@pytest.mark.parametrize("wrong", [[7], print, "module:connect", ["module:connect"]], ids=repr)
def test_what_is_no_function_is_refused(name, wrong):
    """The message names the parameter and the place."""
    with pytest.raises(ImproperlyConfigured, match=name) as refusal:
        Router(**{name: wrong})
    assert "test_router_lifespan.py:" in str(refusal.value)


async def test_a_start_that_fails_is_undone():
    """What had started is stopped in reverse, what had not is not."""
    life = Life()

    def fail(app):
        raise RuntimeError("no disk")

    inner = Router("/inner", on_startup=[life.note("inner up"), fail], on_shutdown=[life.note("inner down")])
    last = Router("/last", on_startup=[life.note("last up")], on_shutdown=[life.note("last down")])
    app = Router(routes=[Include(app=inner), last], on_startup=[life.note("up")], on_shutdown=[life.note("down")])
    with pytest.raises(StartupFailed, match="no disk"):
        await run(app)
    assert ["up", "inner up", "inner down", "down"] == life.names


@pytest.mark.parametrize("mounted", ["router", "child", "host"])
async def test_lifespans_are_left_when_a_later_start_fails(mounted):
    """Those that were entered are left, the last one first; the one that failed is not."""
    life = Life()

    @asynccontextmanager
    async def failing(app):
        life.note("failing begins")(app)
        raise RuntimeError("no disk")
        yield

    inner = {
        "router": lambda: Router("/inner", lifespan=failing),
        "child": lambda: Include("/inner", app=Application(lifespan=failing)),
        "host": lambda: Host("api.example.com", app=Application(lifespan=failing)),
    }[mounted]()
    first = Router("/first", lifespan=life.lifespan("first"))
    with pytest.raises(StartupFailed, match="no disk"):
        await run(Application(routes=[first, inner], lifespan=life.lifespan("outer")))
    assert ["outer begins", "first begins", "failing begins", "first ends", "outer ends"] == life.names


async def test_a_shutdown_that_fails_does_not_keep_others_from_running():
    """Every function of shutdown runs, whatever those before it raised."""
    life = Life()

    def fail(app):
        raise RuntimeError("gone already")

    app = Router(on_shutdown=[life.note("one"), fail, life.note("two")])
    with pytest.raises(Exception, match="gone already"):
        await run(app)
    assert {"one", "two"} == set(life.names)


async def test_the_lifespan_gets_the_application():
    """`lifespan` is called with the real application, and lasts as long as that."""
    life = Life()
    router = Router(lifespan=life.lifespan("router"))
    async with Client(router):
        assert [("router begins", router)] == life.events
    assert [("router begins", router), ("router ends", router)] == life.events


@pytest.mark.parametrize("more", [{"on_startup": [print]}, {"on_shutdown": [print]}], ids=["on_startup", "on_shutdown"])
def test_a_lifespan_excludes_functions_of_startup_and_shutdown(more):
    """Both are refused, with the place."""
    with pytest.raises(ImproperlyConfigured, match="on_startup or on_shutdown") as refusal:
        Router(lifespan=Life().lifespan("router"), **more)
    assert "test_router_lifespan.py:" in str(refusal.value)


async def test_empty_lists_beside_a_lifespan_say_nothing():
    """`on_startup=[]` is nothing that could be excluded."""
    life = Life()
    await run(Router(lifespan=life.lifespan("router"), on_startup=[], on_shutdown=[]))
    assert ["router begins", "router ends"] == life.names


def included(router):
    return Router(routes=[Include("/in", app=router)])


def nested(router):
    return Router(routes=[Include("/in", routes=[Include("/deeper", routes=[router])])])


def added(router):
    outer = Router()
    outer.add_router(router)
    return outer


def child(router):
    outer = Application()
    outer.add_child("/child", router)
    return outer


def with_app(router):
    return Router("/outer", app=router)


def host(router):
    return Router(routes=[Host("api.example.com", app=router)])


def host_of_routes(router):
    return Router(routes=[Host("api.example.com", routes=[router])])


def core(router):
    app = App()
    app.mount(router, "/v2")
    return app


MOUNTED = [included, nested, added, child, with_app, host, host_of_routes, core]


@pytest.mark.parametrize("mount", MOUNTED, ids=[each.__name__ for each in MOUNTED])
@pytest.mark.parametrize("kind", [Router, Application], ids=["Router", "Application"])
async def test_included_applications_start_and_stop_with_the_root(mount, kind):
    """The lifespan of what is mounted runs on the root's, and gets the application that is mounted."""
    life = Life()
    inner = kind("/inner", lifespan=life.lifespan("inner"))
    await run(mount(inner))
    assert [("inner begins", inner), ("inner ends", inner)] == life.events


@pytest.mark.parametrize("mount", MOUNTED, ids=[each.__name__ for each in MOUNTED])
async def test_included_functions_of_startup_run_once(mount):
    """A Router's on_startup and on_shutdown run wherever it is mounted."""
    life = Life()
    await run(mount(Router("/inner", on_startup=[life.note("up")], on_shutdown=[life.note("down")])))
    assert ["up", "down"] == life.names


async def test_a_router_that_is_mounted_twice_starts_once():
    """One application has one life, however many places it is served at."""
    life = Life()
    inner = Router(on_startup=[life.note("up")], on_shutdown=[life.note("down")], routes=[get("/x")(read_nothing)])
    await run(Router(routes=[Include("/one", app=inner), Include("/two", app=inner)]))
    assert ["up", "down"] == life.names


async def read_nothing() -> None: ...


async def test_parents_start_first_and_stop_last():
    """What is mounted can rely on what it is mounted on."""
    life = Life()
    inner = Router("/inner", lifespan=life.lifespan("inner"))
    await run(Router(routes=[inner], lifespan=life.lifespan("outer")))
    assert ["outer begins", "inner begins", "inner ends", "outer ends"] == life.names


async def test_on_event_declares_functions_of_startup_and_shutdown():
    """`@router.on_event` gives the function back as it was, with or without the application as its argument."""
    life = Life()
    router = Router(on_startup=[life.note("given")])

    @router.on_event("startup")
    async def up(app):
        life.note("up")(app)

    @router.on_event("shutdown")
    def down():
        life.note("down")(None)

    assert ("up", "down") == (up.__name__, down.__name__)
    await run(router)
    assert [("given", router), ("up", router), ("down", None)] == life.events


@pytest.mark.parametrize("event", ["start", 7, None])
def test_on_event_knows_two_events(event):
    """Another one is refused with the two that there are."""
    with pytest.raises(ImproperlyConfigured, match="'startup' or 'shutdown'"):
        Router().on_event(event)


async def test_a_router_can_start_again():
    """What one life leaves does not change the next; cached dependencies are made anew."""
    made = []

    def count() -> int:
        made.append(1)
        return len(made)

    @get("/")
    async def read(number: int) -> int:
        return number

    life = Life()
    router = Router(
        routes=[read],
        dependencies={"number": Inject(count, use_cache=True)},
        on_startup=[life.note("up")],
        on_shutdown=[life.note("down")],
    )
    for expected in (1, 2):
        async with Client(router) as client:
            assert [expected, expected] == [(await client.get("/")).json() for _ in range(2)]
    assert ["up", "down"] * 2 == life.names


async def test_events_of_the_core_work_on_a_router():
    """`router.ON(STARTUP, ...)` is the same as on any App."""
    life = Life()
    router = Router(on_startup=[life.note("given")])
    router.ON(STARTUP, life.note("up"))
    router.ON(SHUTDOWN, life.note("down"))
    await run(router)
    assert ["given", "up", "down"] == life.names


async def test_a_foreign_application_starts_with_the_root():
    """An included ASGI application that has a lifespan is told of it."""
    seen = []

    async def foreign(scope, receive, send):
        while True:
            message = await receive()
            seen.append(message["type"])
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return

    await run(Router(routes=[Include("/foreign", app=foreign)]))
    assert ["lifespan.startup", "lifespan.shutdown"] == seen
