"""What an application leaves behind fails the test: each kind with a message, a switch, and a control that is tidy."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heaven import SHUTDOWN, STARTUP, App
from heaven_testing import Client, LeakError, SyncClient
from heaven_testing.inprocess import leaks
from heaven_testing.inprocess.leaks import ALL_LEAKS


@pytest.fixture(autouse=True)
def little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of leaks wait for nothing."""
    monkeypatch.setattr(leaks, "GRACE", 0.05)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A server that takes every connection, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as opened:
        yield opened


@dataclass
class Place:
    """Where applications leave things, for as long as a test lives."""

    folder: Path
    listener: socket.socket


@dataclass
class Fault:
    """What startup leaves, what tidies it up, and how it is told of."""

    kind: Any
    leave: Callable[[App, Place], Awaitable[Any]]
    tidy: Callable[[App, Any], Any]
    told: str


FAULTS: dict[str, Fault] = {}


def fault(kind: str, told: str, tidy: Callable[[App, Any], Any]) -> Callable[[Any], Any]:
    def enter(leave: Any) -> Any:
        FAULTS[leave.__name__] = Fault(kind, leave, tidy, told)
        return leave

    return enter


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise LookupError("no such room")


@fault(
    "tasks",
    r"the task 'lost', which waits in forever at .*test_leaks.py:\d+ \(await asyncio.Event\(\).wait\(\)\): "
    "cancel it at shutdown, and await it",
    lambda app, task: task.cancel(),
)
async def task(app: App, place: Place) -> Any:
    return asyncio.create_task(forever(), name="lost")


@fault("resources", "the file .*/left.txt is open: close it at shutdown", lambda app, file: file.close())
async def file(app: App, place: Place) -> Any:
    return (place.folder / "left.txt").open("w")


@fault("resources", "the file .*/left.txt is open: close it at shutdown", lambda app, file: file.close())
async def file_opened_in_a_thread(app: App, place: Place) -> Any:
    return await asyncio.to_thread((place.folder / "left.txt").open, "w")


@fault("resources", "the file .*/left.txt is open: close it at shutdown", lambda app, file: file.close())
async def file_opened_in_a_pool(app: App, place: Place) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, (place.folder / "left.txt").open, "w")


@fault("resources", "the file .*/left.db is open: close it at shutdown", lambda app, connection: connection.close())
async def database(app: App, place: Place) -> Any:
    connection = sqlite3.connect(place.folder / "left.db", check_same_thread=False)
    connection.execute("create table orders (id integer)")
    return connection


@fault(
    "resources",
    r"the socket 127.0.0.1:\d+ to 127.0.0.1:\d+ is open: close it at shutdown",
    lambda app, opened: opened.close(),
)
async def connection(app: App, place: Place) -> Any:
    return socket.create_connection(place.listener.getsockname())


@fault(
    "resources",
    r"the socket 127.0.0.1:\d+ to 127.0.0.1:\d+ is open: close it at shutdown",
    lambda app, writer: writer.close(),
)
async def stream(app: App, place: Place) -> Any:
    return (await asyncio.open_connection(*place.listener.getsockname()))[1]


@fault("resources", r"the socket 127.0.0.1:\d+ is open: close it at shutdown", lambda app, opened: opened.close())
async def listening(app: App, place: Place) -> Any:
    return socket.create_server(("127.0.0.1", 0))


@fault(
    "resources",
    r"the datagram socket 0.0.0.0:0 is open: close it at shutdown",
    lambda app, opened: opened.close(),
)
async def datagrams(app: App, place: Place) -> Any:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


@fault("resources", "the socket at left.sock is open: close it at shutdown", lambda app, opened: opened.close())
async def local_socket(app: App, place: Place) -> Any:
    opened = socket.socket(socket.AF_UNIX)
    opened.bind("left.sock")  # in the current folder: a path has room for 107 bytes only
    return opened


@fault("resources", "the socket without a name is open: close it at shutdown", lambda app, opened: opened.close())
async def unbound_socket(app: App, place: Place) -> Any:
    return socket.socket(socket.AF_UNIX)


@fault("resources", r"pipe:\[\d+\] is open: close it at shutdown", lambda app, opened: os.close(opened))
async def pipe(app: App, place: Place) -> Any:
    reading, writing = os.pipe()
    os.close(reading)  # as one that leads to a child process; with both ends here it leads nowhere, and does not count
    return writing


@fault("resources", "the handle of a process is open: close it at shutdown", lambda app, number: os.close(number))
async def process(app: App, place: Place) -> Any:
    return os.pidfd_open(os.getpid())


@fault("store", r"'pool' in the store: have ON\(SHUTDOWN, ...\) unkeep", lambda app, left: app.unkeep("pool"))
async def key(app: App, place: Place) -> Any:
    app.keep("pool", object())


@fault(
    "exceptions",
    r"an exception that nobody saw: Task exception was never retrieved \(LookupError: no such room\)",
    lambda app, left: None,
)
async def exception(app: App, place: Place) -> Any:
    asyncio.create_task(fail())
    await asyncio.sleep(0.001)


@fault(
    "exceptions",
    r"an exception that nobody saw: Exception in callback .*fail_at_once.* \(LookupError: no such room\)",
    lambda app, left: None,
)
async def exception_in_a_callback(app: App, place: Place) -> Any:
    asyncio.get_running_loop().call_soon(fail_at_once)
    await asyncio.sleep(0.001)


@fault(
    "exceptions",
    r"an exception that nobody saw: Task exception was never retrieved \(LookupError: no such room\)",
    lambda app, left: None,
)
async def exception_of_a_task_that_knows_itself(app: App, place: Place) -> Any:
    knot: list[Any] = [asyncio.create_task(fail())]
    knot.append(knot)
    await asyncio.sleep(0.001)


def fail_at_once() -> None:
    raise LookupError("no such room")


class Case:
    """An application that leaves something, and what it left."""

    def __init__(self, fault: Fault, place: Place, *, tidies: bool) -> None:
        self.fault, self.app, self.left = fault, App(), None

        async def start(app: App) -> None:
            self.left = await fault.leave(app, place)

        async def stop(app: App) -> None:
            fault.tidy(app, self.left)

        self.app.ON(STARTUP, start)
        if tidies:
            self.app.ON(SHUTDOWN, stop)

    def tidy(self) -> None:
        self.fault.tidy(self.app, self.left)


@pytest.fixture
def place(tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path, listener)


SEEN = ["all of them", "nothing but this"]


@pytest.mark.parametrize("looked_for", SEEN)
@pytest.mark.parametrize("name", FAULTS)
async def test_what_is_left_behind_fails_the_test(name: str, looked_for: str, place: Place) -> None:
    """Leaving the client fails with what was left, where it comes from, and what is to be done."""
    case = Case(FAULTS[name], place, tidies=False)
    kinds = ALL_LEAKS if looked_for == SEEN[0] else {case.fault.kind}
    with pytest.raises(LeakError) as caught:
        async with Client(case.app, leaks=kinds):
            pass
    case.tidy()
    for leak in caught.value.leaks:
        assert re.match(case.fault.told, leak)
    assert 1 == len(caught.value.leaks)
    message = str(caught.value)
    assert f"the application left something behind:\n  - {caught.value.leaks[0]}" in message
    assert "If it is meant to, leave it out of `leaks=`." in message


@pytest.mark.parametrize(
    "looked_for", [ALL_LEAKS, *({kind} for kind in sorted(ALL_LEAKS))], ids=lambda kinds: ",".join(sorted(kinds))
)
@pytest.mark.parametrize("name", [name for name in FAULTS if FAULTS[name].kind != "exceptions"])
async def test_who_tidies_up_left_nothing(name: str, looked_for: Any, place: Place) -> None:
    """Control: the same application with a shutdown is fine, also where what it ended takes a moment to end."""
    case = Case(FAULTS[name], place, tidies=True)
    async with Client(case.app, leaks=looked_for):
        pass


@pytest.mark.parametrize("name", FAULTS)
async def test_what_is_not_looked_for_may_stay(name: str, place: Place) -> None:
    """Control: `leaks=` says what is looked for; without its kind nothing is found."""
    case = Case(FAULTS[name], place, tidies=False)
    async with Client(case.app, leaks=ALL_LEAKS - {case.fault.kind}):
        pass
    case.tidy()


@pytest.mark.parametrize("name", sorted(FAULTS.keys() - {"stream"}))  # nobody can close it once its loop is closed
def test_a_sync_client_looks_as_well(name: str, place: Place) -> None:
    """What was left behind on the loop of a sync client is found before that ends."""
    case = Case(FAULTS[name], place, tidies=False)
    with pytest.raises(LeakError) as caught:
        with SyncClient(case.app, leaks={case.fault.kind}):
            pass
    assert re.match(case.fault.told, caught.value.leaks[0])
    if name != "task":  # it ended with its loop
        case.tidy()


@pytest.mark.parametrize("looked_for", ["tasks", "resources"])
async def test_what_is_about_to_end_has_a_moment(looked_for: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a shutdown ended without waiting for it may end a little later."""
    monkeypatch.setattr(leaks, "GRACE", 5.0)
    opened: list[socket.socket] = []
    tasks: list[asyncio.Task[None]] = []

    async def clean_up() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.01)

    async def start(app: App) -> None:
        opened.append(socket.socket())
        tasks.append(asyncio.create_task(clean_up()))
        await asyncio.sleep(0)

    async def stop(app: App) -> None:
        tasks[0].cancel()
        asyncio.get_running_loop().call_later(0.01, opened[0].close)

    app = App()
    app.ON(STARTUP, start)
    app.ON(SHUTDOWN, stop)
    async with Client(app, leaks={looked_for}):
        pass
    await asyncio.wait(tasks)
    opened[0].close()


async def test_the_moment_is_one_of_the_event_loop() -> None:
    """While the machine stands still nothing can end, so that does not count."""
    tasks: list[asyncio.Task[None]] = []

    async def clean_up() -> None:
        try:
            await forever()
        finally:
            time.sleep(2 * leaks.GRACE)
            for _ in range(leaks.TURNS // 2):
                await asyncio.sleep(leaks.GRACE / leaks.TURNS)

    async def start(app: App) -> None:
        tasks.append(asyncio.create_task(clean_up()))
        await asyncio.sleep(0)

    app = App()
    app.ON(STARTUP, start)
    app.ON(SHUTDOWN, lambda app: tasks[0].cancel() and None)
    async with Client(app):
        pass
    assert tasks[0].cancelled()


async def test_exceptions_that_were_seen_are_nobodys_loss() -> None:
    """Control: a task whose exception the application looks at left nothing."""
    app = App()

    async def start(app: App) -> None:
        await asyncio.wait([failing := asyncio.create_task(fail())])
        failing.exception()

    app.ON(STARTUP, start)
    async with Client(app):
        pass


async def test_a_kind_that_is_none_is_refused() -> None:
    """A misspelled kind does not switch everything off."""
    with pytest.raises(ValueError, match=r"leaks=\['task'\] is nothing to look for; there are exceptions, resources, "):
        Client(App(), leaks={"task", "store"})  # type: ignore[arg-type]


async def test_keys_of_mounted_applications_count() -> None:
    """The stores of the whole family are looked into."""
    app, inner = App(), App()
    inner.ON(STARTUP, lambda app: app.keep("inner", 1))
    app.ON(STARTUP, lambda app: app.keep("outer", 1))
    app.keep("before", 1)
    app.mount(inner, "/inner")
    with pytest.raises(LeakError) as caught:
        async with Client(app):
            pass
    assert ["'outer'", "'inner'"] == [leak.partition(" ")[0] for leak in caught.value.leaks]
    app.unkeep("outer")
    inner.unkeep("inner")


async def test_what_requests_leave_counts(tmp_path: Path) -> None:
    """Not only what startup leaves is found."""
    left = []

    async def log(req: Any, res: Any, ctx: Any) -> str:
        left.append((tmp_path / "log.txt").open("a"))
        left.append(asyncio.create_task(forever(), name="of a request"))
        return "logged"

    app = App()
    app.GET("/", log)
    with pytest.raises(LeakError, match=r"(?s)the task 'of a request'.*log.txt is open"):
        async with Client(app) as client:
            await client.get("/")
    left[0].close()


async def test_leaked_tasks_are_cancelled() -> None:
    """They are not to run into the next test: they are cancelled, and have a moment for their cleanup."""
    ends = []

    async def linger() -> None:
        try:
            await forever()
        finally:
            await asyncio.sleep(0.001)
            ends.append("cleaned up")

    async def stubborn() -> None:
        while len(ends) < 2:
            try:
                await forever()
            except asyncio.CancelledError:
                ends.append("not impressed")

    app = App()
    app.ON(STARTUP, lambda app: left.extend([asyncio.create_task(linger()), asyncio.create_task(stubborn())]))
    left: list[Any] = []
    with pytest.raises(LeakError) as caught:
        async with Client(app):
            await asyncio.sleep(0)
    assert (2, ["not impressed", "cleaned up"]) == (len(caught.value.leaks), ends)
    left[1].cancel()
    await asyncio.wait(left)


async def test_a_failing_test_is_not_masked() -> None:
    """What the test itself fails with is what it fails with; leaked tasks are cancelled all the same."""
    app, left = App(), []
    app.ON(STARTUP, lambda app: left.append(asyncio.create_task(forever())))
    with pytest.raises(ZeroDivisionError):
        async with Client(app):
            raise ZeroDivisionError
    assert left[0].cancelled()


async def test_a_failed_start_is_not_masked() -> None:
    """An application that leaves something and does not start is one that does not start."""
    app, left = App(), []

    async def start(app: App) -> None:
        left.append(asyncio.create_task(forever()))
        await asyncio.sleep(0)
        raise LookupError("no database")

    app.ON(STARTUP, start)
    with pytest.raises(Exception, match="did not start: LookupError: no database"):
        async with Client(app):
            pass
    assert left[0].cancelled()
    assert asyncio.get_running_loop().get_exception_handler() is None
