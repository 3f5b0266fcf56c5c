"""Whose a leak is: what the test, another application or the process itself keeps is not laid at the application's door."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sqlite3
import sys
import threading
from collections.abc import Callable
from logging.handlers import MemoryHandler
from multiprocessing import resource_tracker
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import pytest

from heaven import SHUTDOWN, STARTUP, App
from heaven_testing import Client, LeakError, SyncClient
from heaven_testing.inprocess import descriptors, leaks
from heaven_testing.inprocess.ownership import belongs

STAYS = "stays"


@pytest.fixture(autouse=True)
def little_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of leaks wait for nothing."""
    monkeypatch.setattr(leaks, "GRACE", 0.05)


async def forever() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise LookupError("no such room")


def serving(*handlers: Any, startup: Any = None) -> App:
    """An application with a route for each handler, called after it."""
    app = App()
    for handler in handlers:
        app.GET(f"/{handler.__name__}", handler)
    if startup is not None:
        app.ON(STARTUP, startup)
    return app


def connected() -> socket.socket:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return socket.create_connection(listener.getsockname())


# The test's own


async def test_a_task_of_the_test_is_its_own() -> None:
    """What the test started may go on when the client is left, whether it ends, fails or is forgotten."""
    async with Client(App()):
        waiting = asyncio.create_task(forever())
        failing = asyncio.create_task(fail())
        await asyncio.wait([failing])
        del failing
        asyncio.get_running_loop().call_soon(int, "x")
        await asyncio.sleep(0)
    assert not waiting.done()
    waiting.cancel()


OPENS: dict[str, Callable[[Path], Any]] = {
    "file": lambda folder: (folder / "of the test").open("w"),
    "file by number": lambda folder: os.fdopen(os.open(folder / "of the test", os.O_CREAT | os.O_WRONLY), "w"),
    "database": lambda folder: sqlite3.connect(folder / "of the test"),
    "socket": lambda folder: socket.socket(),
    "connection": lambda folder: connected(),
    "event loop": lambda folder: asyncio.SelectorEventLoop(),
    "duplicate": lambda folder: os.fdopen(os.dup(1), "w"),
}


@pytest.mark.parametrize("kind", OPENS)
async def test_what_the_test_opens_is_its_own(kind: str, tmp_path: Path) -> None:
    """A test may open what it likes while the client lives, and keep it for longer."""
    async with Client(App()):
        opened = OPENS[kind](tmp_path)
    opened.close()


@pytest.mark.parametrize("kind", OPENS)
def test_what_a_sync_test_opens_is_its_own(kind: str, tmp_path: Path) -> None:
    """The same holds beside a sync client, whose application runs in another thread."""
    with SyncClient(App()):
        opened = OPENS[kind](tmp_path)
    opened.close()


async def test_a_client_may_live_for_many_tests(tmp_path: Path) -> None:
    """A client of a module outlives what fixtures start meanwhile, and finds what the application left all the same."""
    opened = []

    async def log(req: Any, res: Any, ctx: Any) -> None:
        opened.append((tmp_path / "log").open("w"))

    client = Client(serving(log))
    await client.__aenter__()
    for number in range(3):
        opened.append((tmp_path / f"fixture {number}").open("w"))
        opened.append(connected())
        await client.get("/log")
    with pytest.raises(LeakError) as caught:
        await client.__aexit__()
    assert [f"the file {tmp_path}/log is open: close it at shutdown"] * 3 == list(caught.value.leaks)
    for each in opened:
        each.close()


async def test_what_both_open_is_the_applications(tmp_path: Path) -> None:
    """Control: a test that looks into a file which the application keeps open does not make it its own."""
    opened = []

    async def log(req: Any, res: Any, ctx: Any) -> None:
        opened.append((tmp_path / "log").open("w"))

    with pytest.raises(LeakError, match="/log is open"):
        async with Client(serving(log)) as client:
            await client.get("/log")
            assert "" == (tmp_path / "log").read_text()
    opened[0].close()


async def test_threads_that_were_there_are_the_tests(tmp_path: Path) -> None:
    """A server that a fixture runs in a thread may go on opening connections; a thread of the application's may not."""
    opened: list[Any] = []
    asked = threading.Semaphore(0)

    def work(count: int) -> None:
        for _ in range(count):
            asked.acquire()
            opened.append((tmp_path / threading.current_thread().name).open("w"))

    async def start(req: Any, res: Any, ctx: Any) -> None:
        ours = threading.Thread(target=work, args=(1,), name="ours")
        ours.start()
        asked.release()
        ours.join()

    theirs = threading.Thread(target=work, args=(1,), name="theirs")
    theirs.start()
    with pytest.raises(LeakError) as caught:
        async with Client(serving(start)) as client:
            asked.release()
            theirs.join()
            await client.get("/start")
    assert [f"the file {tmp_path}/ours is open: close it at shutdown"] == list(caught.value.leaks)
    for each in opened:
        each.close()


async def test_threads_of_a_pool_work_for_whoever_asks(tmp_path: Path) -> None:
    """What the application opens in a pool is its own, though the test had the pool work before."""
    opened = []
    await asyncio.to_thread(int)

    async def log(req: Any, res: Any, ctx: Any) -> None:
        opened.append(await asyncio.get_running_loop().run_in_executor(None, (tmp_path / "log").open, "w"))

    with pytest.raises(LeakError, match="/log is open"):
        async with Client(serving(log)) as client:
            await client.get("/log")
    opened[0].close()


# The process's own


async def test_a_number_may_come_to_mean_something_else(tmp_path: Path) -> None:
    """What the application opens under the number of what was closed meanwhile is found."""
    opened = [(tmp_path / "before").open("w")]
    number = opened[0].fileno()

    async def log(req: Any, res: Any, ctx: Any) -> None:
        opened[0].close()
        opened[0] = (tmp_path / "log").open("w")

    with pytest.raises(LeakError, match="/log is open"):
        async with Client(serving(log)) as client:
            await client.get("/log")
    assert number == opened[0].fileno()
    opened[0].close()


async def test_what_was_open_before_may_change_its_name(tmp_path: Path) -> None:
    """A file that is renamed or deleted while it is open is the same file."""
    with (tmp_path / "renamed").open("w"), (tmp_path / "deleted").open("w"):
        async with Client(App()):
            (tmp_path / "renamed").rename(tmp_path / "elsewhere")
            (tmp_path / "deleted").unlink()


async def test_the_standard_streams_may_be_replaced(tmp_path: Path) -> None:
    """Whoever captures output exchanges what is open as 0, 1 and 2."""
    saved = os.dup(2)
    with (tmp_path / "captured").open("w") as captured:
        async with Client(App()):
            os.dup2(captured.fileno(), 2)
    os.dup2(saved, 2)
    os.close(saved)


async def test_a_log_file_is_nobodys_leak(tmp_path: Path) -> None:
    """A handler that opens its file with the first record keeps it open until the process ends."""
    handlers = [logging.FileHandler(tmp_path / name, delay=True) for name in ("written", "unused", "closed")]
    logger = logging.getLogger("heaven_testing.tests.leaks.of_others")

    async def log(req: Any, res: Any, ctx: Any) -> None:
        handlers[0].handle(logging.makeLogRecord({"msg": "hello"}))

    with (tmp_path / "closed").open("w") as handlers[2].stream:
        pass
    for each in handlers:
        logger.addHandler(each)
    async with Client(serving(log)) as client:
        await client.get("/log")
    handlers[2].stream = None  # type: ignore[assignment]
    for each in handlers:
        logger.removeHandler(each)
        each.close()


async def test_a_log_file_behind_another_handler_is_nobodys_leak(tmp_path: Path) -> None:
    """A handler that no logger knows, because it stands behind a queue or a buffer, keeps its file as well."""
    kept: list[Any] = []

    async def log(req: Any, res: Any, ctx: Any) -> None:
        kept.append(MemoryHandler(1, target=logging.FileHandler(tmp_path / "log")))

    async with Client(serving(log)) as client:
        await client.get("/log")
    kept[0].target.close()
    kept[0].close()


async def test_what_cleans_up_after_processes_is_nobodys_leak() -> None:
    """Shared memory that is given back has started a process of Python's own, which stays."""
    tracker = resource_tracker._resource_tracker  # type: ignore[attr-defined]
    was_running = tracker._fd is not None

    async def share(req: Any, res: Any, ctx: Any) -> None:
        memory = SharedMemory(create=True, size=1)
        memory.close()
        memory.unlink()

    async with Client(serving(share)) as client:
        await client.get("/share")
        assert tracker._fd is not None
    if not was_running:
        tracker._stop()


async def test_names_and_pools_are_nobodys_leak() -> None:
    """Looking up a name and working in a thread leave threads behind, and nothing that is open."""

    async def work(req: Any, res: Any, ctx: Any) -> None:
        await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        await asyncio.to_thread(os.listdir)

    async with Client(serving(work)) as client:
        await client.get("/work")


async def test_devices_are_nobodys_leak() -> None:
    """A source of random numbers that is kept open is not worth a word; shared memory is."""
    opened: list[int] = []

    async def work(req: Any, res: Any, ctx: Any) -> None:
        opened.append(os.open("/dev/urandom", os.O_RDONLY))

    async def share(req: Any, res: Any, ctx: Any) -> None:
        opened.append(os.open(f"/dev/shm/heaven-{os.getpid()}", os.O_CREAT | os.O_RDWR))
        Path(f"/dev/shm/heaven-{os.getpid()}").unlink()

    app = serving(work, share)
    async with Client(app) as client:
        await client.get("/work")
    if Path("/dev/shm").is_dir():
        with pytest.raises(LeakError, match="the file /dev/shm/heaven-"):
            async with Client(app) as client:
                await client.get("/share")
    for each in opened:
        os.close(each)


async def test_systems_that_do_not_list_what_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system can't be asked nothing is found, and nothing fails."""
    monkeypatch.setattr(descriptors, "FOLDER", "/nowhere")
    opened: list[Any] = []
    async with Client(serving(startup=lambda app: opened.append(connected()))):
        pass
    opened[0].close()


# Other applications


def keeping(name: str, folder: Path, left: list[Any]) -> App:
    """An application that leaves one thing of each kind."""

    async def start(app: App) -> None:
        left.append(asyncio.create_task(forever(), name=name))
        left.append((folder / name).open("w"))
        asyncio.create_task(fail_as(name))
        await asyncio.sleep(0.001)
        app.keep(name, 1)

    return serving(startup=start)


async def fail_as(name: str) -> None:
    raise LookupError(name)


@pytest.mark.parametrize("order", ["abBA", "abAB"], ids=["nested", "overlapping"])
async def test_two_applications_at_once_are_told_apart(order: str, tmp_path: Path) -> None:
    """Of two clients on one loop each finds what its own application left, in whatever order they come and go."""
    left: list[Any] = []
    clients = {name: Client(keeping(name, tmp_path, left)) for name in "ab"}
    found = {}
    for step in order:
        if step in clients:
            await clients[step].__aenter__()
            continue
        with pytest.raises(LeakError) as caught:
            await clients[step.lower()].__aexit__()
        found[step.lower()] = caught.value.leaks
    for name in "ab":
        task, error, key, file = found[name]
        assert task.startswith(f"the task {name!r}")
        assert error.endswith(f"(LookupError: {name})")
        assert key.startswith(f"{name!r} in the store")
        assert file.startswith(f"the file {tmp_path / name} ")
    assert asyncio.get_running_loop().get_exception_handler() is None
    for each in left[1::2]:
        each.close()


def test_two_sync_clients_at_once_are_told_apart(tmp_path: Path) -> None:
    """Each has a loop of its own, which is nobody's leak while it lives."""
    outer, inner = SyncClient(App()), SyncClient(App())
    outer.__enter__()
    inner.__enter__()
    outer.__exit__()
    inner.__exit__()


async def test_two_clients_of_one_application(tmp_path: Path) -> None:
    """One application may be served twice; what the first still needs is no leak of the second."""
    app = App()
    app.ON(STARTUP, lambda app: app.peek("pool") or app.keep("pool", (tmp_path / "pool").open("w")))

    async def stop(app: App) -> None:
        if app.peek("pool") is not None:
            app.unkeep("pool").close()

    app.ON(SHUTDOWN, stop)
    async with Client(app), Client(app):
        pass


async def test_the_handler_of_the_loop_still_hears_everything() -> None:
    """Whoever listened to the loop before goes on to, and is alone again afterwards."""
    heard = []

    def listen(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        heard.append(context["message"])

    async def start(app: App) -> None:
        asyncio.create_task(fail())
        await asyncio.sleep(0.001)
        asyncio.get_running_loop().call_exception_handler({"message": "something of nobody's"})

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(listen)
    with pytest.raises(LeakError) as caught:
        async with Client(serving(startup=start)):
            pass
    assert ["Task exception was never retrieved", "something of nobody's"] == heard
    assert "an exception that nobody saw: something of nobody's" == caught.value.leaks[1]
    assert listen is loop.get_exception_handler()


async def test_a_handler_that_the_application_sets_stays() -> None:
    """An application may listen to the loop itself; its handler is not taken away."""

    def listen(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        pass

    async with Client(serving(startup=lambda app: asyncio.get_running_loop().set_exception_handler(listen))):
        pass
    assert listen is asyncio.get_running_loop().get_exception_handler()


def test_of_other_things_nothing_is_known() -> None:
    """What is neither a task nor a callback belongs to everybody."""
    assert belongs(None, object())
    assert belongs(object(), object())


# Other loops


def run_on_uvloop(work: Any) -> Any:
    uvloop = pytest.importorskip("uvloop")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


def test_uvloop_is_nobodys_leak() -> None:
    """What another event loop opens for itself is not counted; what is connected there and closed is closed in time."""

    async def work(req: Any, res: Any, ctx: Any) -> str:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        await asyncio.to_thread(os.listdir)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
        await process.wait()
        writer.close()
        server.close()
        return "done"

    async def ask() -> None:
        async with Client(serving(work)) as client:
            assert "done" == (await client.get("/work")).text

    run_on_uvloop(ask())


def test_leaks_on_uvloop_are_found(tmp_path: Path) -> None:
    """Control: tasks, exceptions, connections and files are found there as well."""
    left: list[Any] = []
    app = keeping("left", tmp_path, left)

    async def connect(app: App) -> None:
        left.append((await asyncio.open_connection(*listener.getsockname()))[1])

    app.ON(STARTUP, connect)

    async def ask() -> tuple[str, ...]:
        with pytest.raises(LeakError) as caught:
            async with Client(app):
                pass
        left[2].close()
        await asyncio.sleep(0)
        return caught.value.leaks

    with socket.create_server(("127.0.0.1", 0)) as listener:
        task, error, key, file, connection = run_on_uvloop(ask())
    assert (True, True) == (file.startswith("the file "), connection.startswith("the socket 127.0.0.1:"))
    left[1].close()


async def test_a_pipe_with_both_ends_here_counts_for_nobody() -> None:
    """That is how loops and threads wake each other, and no sign of who opened it."""
    ends: list[int] = []
    app = App()
    app.ON(STARTUP, lambda app: ends.extend(os.pipe()))
    async with Client(app):
        assert 2 == len(ends)
    for end in ends:
        os.close(end)
