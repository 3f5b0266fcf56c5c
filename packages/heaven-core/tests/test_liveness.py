"""The client may have left, and the server may be stopping: who learns of it, and when."""

from __future__ import annotations

import asyncio
import contextvars
import doctest
import multiprocessing
import signal
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

import heaven.liveness
from heaven.errors import ClientDisconnected
from heaven.liveness import SignalTap, Stopping, WhileConnected, is_cancelled

EVER = 3600


class Client:
    """A client that leaves when it is told to; `receive` is what the server would offer."""

    def __init__(self, *events: dict[str, Any]) -> None:
        self.events = list(events)
        self.gone = asyncio.Event()
        self.waiting = asyncio.Event()
        self.cancelled = False
        self.failure: BaseException | None = None

    async def receive(self) -> dict[str, Any]:
        if self.events:
            return self.events.pop(0)
        self.waiting.set()
        try:
            await self.gone.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.failure is not None:
            raise self.failure
        return {"type": "http.disconnect"}


@pytest.fixture
def handlers() -> Iterator[list[int]]:
    """Handlers for SIGTERM and SIGINT as a server installs them; the list is what they heard."""
    heard: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    for number in before:
        signal.signal(number, lambda number, frame: heard.append(number))
    yield heard
    for number, handler in before.items():
        signal.signal(number, handler)


def test_examples() -> None:
    """The examples in the docstrings run."""
    assert doctest.testmod(heaven.liveness).failed == 0


# Cancelled


async def test_a_task_knows_its_own_cancellation() -> None:
    """Also once it caught it; an error of another kind is none."""
    seen: list[bool] = []

    async def work() -> None:
        seen.append(is_cancelled())
        try:
            await asyncio.sleep(EVER)
        except asyncio.CancelledError as error:
            seen.extend((is_cancelled(error), is_cancelled(ValueError()), is_cancelled()))

    task = asyncio.ensure_future(work())
    await asyncio.sleep(0)
    task.cancel()
    await task
    assert seen == [False, True, False, True]


async def test_the_cancellation_of_another_task_is_not_its_own() -> None:
    """What waits for a task that it cancelled goes on, and so does it after a deadline that it set itself."""
    other = asyncio.ensure_future(asyncio.sleep(EVER))
    other.cancel()
    with pytest.raises(asyncio.CancelledError) as caught:
        await other
    assert is_cancelled(caught.value) is False
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.sleep(EVER)
    assert is_cancelled() is False


def test_outside_of_a_task_there_is_no_cancellation() -> None:
    """Only a running task can be cancelled."""
    answers: list[bool] = []
    loop = asyncio.new_event_loop()
    loop.call_soon(lambda: answers.extend((is_cancelled(), is_cancelled(asyncio.CancelledError()))))
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    assert answers == [False, False]


# Stopping


async def test_callbacks_are_called_once_when_it_is_set() -> None:
    """Every callback is called once, however often `set` is."""
    stopping = Stopping()
    called: list[str] = []
    stopping.add(lambda: called.append("a"))
    stopping.add(lambda: called.append("b"))
    assert stopping.is_set is False
    stopping.set()
    stopping.set()
    assert stopping.is_set is True
    assert called == []
    await asyncio.sleep(0)
    assert called == ["a", "b"]


async def test_a_late_callback_is_called_soon() -> None:
    """What is added after the server began to stop is told soon, and not within `add`."""
    stopping = Stopping()
    stopping.set()
    called: list[str] = []
    stopping.add(lambda: called.append("late"))
    assert called == []
    await asyncio.sleep(0)
    assert called == ["late"]


async def test_a_discarded_callback_is_not_called() -> None:
    """`discard` holds before `set`, after it, and for what was never added."""
    stopping = Stopping()
    called: list[str] = []

    def early() -> None:
        called.append("early")

    def late() -> None:
        called.append("late")

    stopping.add(early)
    stopping.add(late)
    stopping.discard(early)
    stopping.set()
    stopping.discard(late)
    stopping.discard(lambda: None)
    await asyncio.sleep(0)
    assert called == []


async def test_one_failing_callback_stops_no_other() -> None:
    """A callback that raises is reported by the loop; the others are called."""
    stopping = Stopping()
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context["exception"]))
    called: list[str] = []
    error = RuntimeError("no")

    def fail() -> None:
        raise error

    stopping.add(fail)
    stopping.add(lambda: called.append("b"))
    stopping.set()
    await asyncio.sleep(0)
    assert called == ["b"]
    assert reported == [error]


async def test_wait_ends_when_it_is_set() -> None:
    """`wait` ends for everyone who waits, and at once for who comes later."""
    stopping = Stopping()
    waiting = [asyncio.create_task(stopping.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [False, False, False]
    stopping.set()
    await asyncio.gather(*waiting)
    await stopping.wait()


async def test_a_cancelled_wait_leaves_nothing_behind() -> None:
    """A waiter that was cancelled is forgotten, so that setting it later reports nothing."""
    stopping = Stopping()
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    task = asyncio.create_task(stopping.wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    stopping.set()
    await asyncio.sleep(0)
    assert reported == []


async def test_reset_begins_a_new_life() -> None:
    """After `reset` it is not set, and who asked before is forgotten."""
    stopping = Stopping()
    called: list[str] = []
    stopping.add(lambda: called.append("old"))
    stopping.reset()
    assert stopping.is_set is False
    stopping.set()
    await asyncio.sleep(0)
    assert called == []
    stopping.reset()
    stopping.add(lambda: called.append("new"))
    stopping.set()
    await asyncio.sleep(0)
    assert called == ["new"]


# SignalTap


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_is_heard_and_passed_on(handlers: list[int], number: signal.Signals) -> None:
    """A signal sets `stopping` and reaches the server's own handler unchanged."""
    tap = SignalTap(stopping := Stopping())
    tap.install()
    signal.raise_signal(number)
    await stopping.wait()
    assert handlers == [number]
    tap.undo()


async def test_undo_puts_the_handlers_back(handlers: list[int]) -> None:
    """After `undo` the handlers are those of before."""
    before = signal.getsignal(signal.SIGTERM)
    tap = SignalTap(Stopping())
    tap.install()
    assert signal.getsignal(signal.SIGTERM) != before
    tap.undo()
    assert signal.getsignal(signal.SIGTERM) is before


async def test_undo_leaves_what_others_installed(handlers: list[int]) -> None:
    """A handler that came after ours stays; ours, in its chain, then only passes the signal on."""
    stopping = Stopping()
    tap = SignalTap(stopping)
    tap.install()
    ours = signal.getsignal(signal.SIGTERM)

    def theirs(number: int, frame: Any) -> None:
        assert callable(ours)
        ours(number, frame)

    signal.signal(signal.SIGTERM, theirs)
    tap.undo()
    assert signal.getsignal(signal.SIGTERM) is theirs
    signal.raise_signal(signal.SIGTERM)
    await asyncio.sleep(0)
    assert handlers == [signal.SIGTERM]
    assert stopping.is_set is False


def test_a_signal_after_the_loop_was_closed_is_passed_on(handlers: list[int]) -> None:
    """A tap that was never undone does no harm once its loop is closed."""
    tap = SignalTap(Stopping())

    async def install() -> None:
        tap.install()

    asyncio.run(install())
    signal.raise_signal(signal.SIGTERM)
    assert handlers == [signal.SIGTERM]


@pytest.mark.parametrize("handler", [signal.SIG_DFL, signal.SIG_IGN])
async def test_a_signal_without_a_handler_is_left_alone(handlers: list[int], handler: signal.Handlers) -> None:
    """Where no server waits for a signal, its default stays in force."""
    signal.signal(signal.SIGTERM, handler)
    tap = SignalTap(Stopping())
    tap.install()
    assert signal.getsignal(signal.SIGTERM) is handler
    tap.undo()
    assert signal.getsignal(signal.SIGTERM) is handler


async def test_handlers_of_the_event_loop_still_run(handlers: list[int]) -> None:
    """A handler set with `loop.add_signal_handler` (hypercorn, granian) is called as well."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    tap = SignalTap(stopping := Stopping())
    tap.install()
    signal.raise_signal(signal.SIGTERM)
    await asyncio.gather(told.wait(), stopping.wait())
    tap.undo()
    loop.remove_signal_handler(signal.SIGTERM)


async def test_other_threads_are_left_out(handlers: list[int]) -> None:
    """Signals belong to the main thread: a loop in another one installs nothing and fails nothing."""
    before = signal.getsignal(signal.SIGTERM)

    async def install() -> None:
        tap = SignalTap(Stopping())
        tap.install()
        tap.undo()

    thread = threading.Thread(target=asyncio.run, args=(install(),))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is before


async def test_the_event_of_hypercorns_master_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker process of hypercorn gets no signal: the event that its master sets is asked for."""
    event = threading.Event()
    monkeypatch.setattr(multiprocessing.current_process(), "_kwargs", {"shutdown_event": event}, raising=False)
    monkeypatch.setattr(heaven.liveness, "ASK_EVERY", 0.001)
    tap = SignalTap(stopping := Stopping())
    tap.install()
    await asyncio.sleep(0.01)
    assert stopping.is_set is False
    event.set()
    await stopping.wait()
    tap.undo()


async def test_undo_stops_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    """After `undo` the event is not asked for any more."""
    event = threading.Event()
    monkeypatch.setattr(multiprocessing.current_process(), "_kwargs", {"shutdown_event": event}, raising=False)
    monkeypatch.setattr(heaven.liveness, "ASK_EVERY", 0.001)
    tap = SignalTap(stopping := Stopping())
    tap.install()
    tap.undo()
    event.set()
    await asyncio.sleep(0.01)
    assert stopping.is_set is False


@pytest.mark.parametrize("arguments", [{}, {"shutdown_event": "no event"}])
async def test_other_processes_have_no_event(monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]) -> None:
    """A process that is no worker of hypercorn is left alone."""
    monkeypatch.setattr(multiprocessing.current_process(), "_kwargs", arguments, raising=False)
    assert heaven.liveness._shutdown_event() is None


async def test_multiprocessing_is_not_imported_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where multiprocessing is not loaded there is no worker, and nobody pays for its import."""
    monkeypatch.delitem(sys.modules, "multiprocessing.process")
    assert heaven.liveness._shutdown_event() is None
    assert "multiprocessing.process" not in sys.modules


# WhileConnected


async def test_a_body_that_ends_is_left_alone() -> None:
    """A body that ends before the delay starts no watcher, and one that ends later leaves none behind."""
    client = Client()
    async with WhileConnected(client.receive, delay=EVER) as watched:
        await asyncio.sleep(0)
    assert client.waiting.is_set() is False
    async with WhileConnected(client.receive, delay=0) as watched:
        await client.waiting.wait()
    assert client.cancelled is True
    assert watched.stopped is False
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("delay", [0, 0.001])
async def test_the_body_ends_when_the_client_leaves(delay: float) -> None:
    """A client that leaves interrupts the body, whose `finally` runs, and becomes ClientDisconnected."""
    client = Client({"type": "http.request", "body": b"", "more_body": False})
    client.gone.set()
    steps: list[str] = []
    with pytest.raises(ClientDisconnected, match="the client left before the response was complete"):
        async with WhileConnected(client.receive, delay=delay):
            try:
                await asyncio.sleep(EVER)
            finally:
                steps.append("finally")
    assert steps == ["finally"]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)


async def test_the_body_ends_quietly_when_the_server_stops() -> None:
    """With `stopping` the body is interrupted at the stop, and the block ends without an exception."""
    client, stopping = Client(), Stopping()
    asyncio.get_running_loop().call_soon(stopping.set)
    async with WhileConnected(client.receive, delay=0, stopping=stopping) as watched:
        await asyncio.sleep(EVER)
    assert watched.stopped is True
    assert client.cancelled is True
    await asyncio.sleep(0)


async def test_the_first_reason_to_end_counts() -> None:
    """A client that leaves while the body is ending because of the stop changes nothing."""
    client, stopping = Client(), Stopping()
    asyncio.get_running_loop().call_soon(stopping.set)
    async with WhileConnected(client.receive, delay=0, stopping=stopping) as watched:
        try:
            await asyncio.sleep(EVER)
        finally:
            client.gone.set()
            for _ in range(5):
                await asyncio.sleep(0)
    assert watched.stopped is True


async def test_a_foreign_cancellation_is_never_swallowed() -> None:
    """A task that is cancelled from elsewhere ends as cancelled, and the watcher with it."""
    client = Client()

    async def work() -> None:
        async with WhileConnected(client.receive, delay=0):
            await asyncio.sleep(EVER)

    task = asyncio.create_task(work())
    await client.waiting.wait()
    task.cancel("foreign")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.cancelled is True


@pytest.mark.parametrize("foreign_first", [True, False])
async def test_a_foreign_cancellation_beside_ours_wins(foreign_first: bool) -> None:
    """When the client leaves and the task is cancelled in the same moment, the cancellation is kept."""
    client = Client()

    async def work() -> None:
        async with WhileConnected(client.receive, delay=0) as watched:
            try:
                await asyncio.sleep(EVER)
            finally:
                if foreign_first:
                    client.gone.set()
                    while watched._end is None:
                        await asyncio.sleep(0)

    task = asyncio.create_task(work())
    await client.waiting.wait()
    if foreign_first:
        task.cancel()
    else:
        client.gone.set()
        while not task.cancelling():
            await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled() is True


async def test_a_foreign_cancellation_while_the_watcher_ends_is_kept() -> None:
    """A cancellation that comes during the end of the block is not mistaken for ours."""
    release = asyncio.Event()
    ending = asyncio.Event()

    async def slow_to_end() -> dict[str, Any]:
        try:
            await asyncio.sleep(EVER)
        finally:
            ending.set()
            await release.wait()
        raise AssertionError

    async def work() -> None:
        async with WhileConnected(slow_to_end, delay=0):
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    task = asyncio.create_task(work())
    await ending.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    await asyncio.sleep(0)


async def test_it_nests_with_timeouts_and_itself() -> None:
    """Inside and outside of `asyncio.timeout`, each turns only its own cancellation into its exception."""
    client = Client()
    with pytest.raises(TimeoutError):
        async with WhileConnected(client.receive, delay=0), asyncio.timeout(0):
            await asyncio.sleep(EVER)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0), WhileConnected(client.receive, delay=0):
            await asyncio.sleep(EVER)
    left = Client()
    left.gone.set()
    with pytest.raises(ClientDisconnected):
        async with (
            asyncio.timeout(EVER),
            WhileConnected(client.receive, delay=0),
            WhileConnected(left.receive, delay=0),
        ):
            await asyncio.sleep(EVER)
    with pytest.raises(ClientDisconnected):
        async with WhileConnected(left.receive, delay=0), asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(EVER))
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_the_bodys_own_error_is_kept() -> None:
    """A body that fails, of itself or while it is being interrupted, keeps its error."""
    client = Client()
    with pytest.raises(ZeroDivisionError):
        async with WhileConnected(client.receive, delay=0):
            await client.waiting.wait()
            raise ZeroDivisionError
    client.gone.set()
    with pytest.raises(ZeroDivisionError):
        async with WhileConnected(client.receive, delay=0):
            try:
                await asyncio.sleep(EVER)
            finally:
                raise ZeroDivisionError


async def test_a_body_that_ends_of_itself_when_interrupted_is_left_as_it_ended() -> None:
    """Catching the interruption and ending is the body's right, as with `asyncio.timeout`."""
    client = Client()
    client.gone.set()
    caught = False
    async with WhileConnected(client.receive, delay=0):
        try:
            await asyncio.sleep(EVER)
        except asyncio.CancelledError:
            caught = True
    assert caught is True
    await asyncio.sleep(0)


async def test_without_receive_only_the_stop_counts() -> None:
    """With None in place of `receive` nothing watches the client."""
    stopping = Stopping()
    asyncio.get_running_loop().call_soon(stopping.set)
    async with WhileConnected(None, stopping=stopping) as watched:
        await asyncio.sleep(EVER)
    assert watched.stopped is True


async def test_work_beside_the_body_is_ended_with_it() -> None:
    """What runs beside the body ends with its block, and leaves nothing behind."""
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(EVER)
        finally:
            ended.append("work")

    async with WhileConnected(None) as connected:
        async with connected.beside(work()):
            await asyncio.sleep(0)
        assert ended == ["work"]
        await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError("gone"), ClientDisconnected),
        (ClientDisconnected("gone"), ClientDisconnected),
        (KeyError("bug"), KeyError),
    ],
)
async def test_work_beside_the_body_that_fails_ends_it(error: Exception, expected: type[Exception]) -> None:
    """What runs beside the body and can't go on ends it, as a failing `receive` does."""

    async def work() -> None:
        raise error

    with pytest.raises(expected):
        async with WhileConnected(None) as connected, connected.beside(work()):
            await asyncio.sleep(EVER)


async def test_an_oserror_of_receive_is_a_client_that_left() -> None:
    """A server that raises OSError where it should say http.disconnect is understood."""
    client = Client()
    client.failure = ConnectionResetError("reset")
    client.gone.set()
    with pytest.raises(ClientDisconnected) as caught:
        async with WhileConnected(client.receive, delay=0):
            await asyncio.sleep(EVER)
    assert caught.value.__cause__ is client.failure


async def test_an_error_of_receive_is_not_hidden() -> None:
    """Any other error of `receive`, a bug in a middleware say, is raised."""
    client = Client()
    client.failure = KeyError("bug")
    client.gone.set()
    with pytest.raises(KeyError, match="bug"):
        async with WhileConnected(client.receive, delay=0):
            await asyncio.sleep(EVER)


async def test_nothing_goes_unretrieved() -> None:
    """An error of `receive` that nobody waits for any more is not reported as unretrieved."""
    reported: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))

    async def fail_when_cancelled() -> dict[str, Any]:
        try:
            await asyncio.sleep(EVER)
        finally:
            raise RuntimeError

    async with WhileConnected(fail_when_cancelled, delay=0):
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert reported == []


async def test_it_needs_a_task() -> None:
    """Outside of a task there is nothing to interrupt, and it says so."""
    told: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    def outside() -> None:
        try:
            WhileConnected(Client().receive).__aenter__().send(None)
        except RuntimeError as error:
            told.set_result(error)

    asyncio.get_running_loop().call_soon(outside, context=contextvars.Context())
    error = await told
    assert isinstance(error, RuntimeError)
    assert str(error) == "WhileConnected cancels the task that runs it, and there is none here"


async def test_eager_tasks_interrupt_nobody_at_once() -> None:
    """With eager tasks the watcher ends within `__aenter__`; the body still begins, and is then interrupted."""
    factory = getattr(asyncio, "eager_task_factory", None)
    if factory is None:
        pytest.skip("eager tasks came with Python 3.12")
    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    client = Client()
    client.gone.set()
    steps: list[str] = []
    with pytest.raises(ClientDisconnected):
        async with WhileConnected(client.receive, delay=0):
            steps.append("began")
            await asyncio.sleep(EVER)
    loop.set_task_factory(None)
    assert steps == ["began"]
