"""Endpoints: hooks, handler and AFTER hooks in their order, whatever happens in between."""

from __future__ import annotations

import asyncio
import functools
import random
from typing import Any

import pytest

import driver
from heaven import App, HTTPError
from heaven.errors import RegistrationError


class Recorder:
    """Hooks and a handler that write down when they ran, and with which outcome."""

    def __init__(self, handler: Any = None, **options: Any) -> None:
        self.ran: list[str] = []
        self.app = App()
        self.app.BEFORE("/*", self.hook("before-1"))
        self.app.BEFORE("/*", self.hook("before-2"))
        self.app.AFTER("/*", self.hook("after-1"))
        self.app.AFTER("/*", self.hook("after-2"))
        self.app.POST("/", handler or self.hook("handler"), **options)

    def hook(self, name: str) -> Any:
        async def run(req: Any, res: Any, ctx: Any) -> None:
            self.ran.append(f"{name}:{res.outcome}" if name.startswith("after") else name)

        return run

    async def post(self, **request: Any) -> driver.Reply:
        return await driver.request(self.app, "POST", "/", **request)

    @property
    def after(self) -> list[str]:
        """The AFTER hooks that ran, in order."""
        return [each for each in self.ran if each.startswith("after")]


def unwound(outcome: str) -> list[str]:
    """Both AFTER hooks, as the mirror of BEFORE."""
    return [f"after-2:{outcome}", f"after-1:{outcome}"]


async def request_in_task(app: App, method: str = "GET", url: str = "/") -> tuple[asyncio.Task[Any], driver.Reply]:
    """A request that has begun, to be cancelled."""
    reply = driver.Reply()
    forever = asyncio.Event()

    async def receive() -> Any:
        await forever.wait()

    async def send(message: Any) -> None:
        reply.messages.append(message)

    task = asyncio.ensure_future(app(driver.http_scope(method, url), receive, send))
    await asyncio.sleep(0.01)
    return task, reply


# Handlers


class Shop:
    """Handlers in the shapes that a handler may have."""

    async def method(self, req: Any, res: Any, ctx: Any) -> str:
        return "fine"

    def sync_method(self, req: Any, res: Any, ctx: Any) -> str:
        return "fine"

    async def __call__(self, req: Any, res: Any, ctx: Any) -> str:
        return "fine"

    async def more(self, extra: int, req: Any, res: Any, ctx: Any) -> str:
        return "fine"


@pytest.mark.parametrize(
    "handler",
    [
        Shop().method,
        Shop().sync_method,
        Shop(),
        functools.partial(Shop().more, 1),
        lambda req, res, ctx: "fine",
        lambda req, res, ctx: Shop().method(req, res, ctx),
        lambda req, res, ctx: res.out(200, "fine") and None,
    ],
)
async def test_handlers_may_have_any_shape_that_can_be_called(handler: Any) -> None:
    """Functions, methods, objects and partials, async or not; what they return becomes the body."""
    app = App()
    app.GET("/", handler)

    assert "fine" == (await driver.request(app)).text


async def test_a_handler_that_returns_nothing_leaves_the_body_as_it_set_it() -> None:
    """None is no body, so it replaces none."""
    app = App()

    @app.GET("/")
    async def handler(req: Any, res: Any, ctx: Any) -> None:
        res.body = {"a": 1}

    assert {"a": 1} == (await driver.request(app)).json


@pytest.mark.parametrize("options", [{}, {"timeout": 5}])
async def test_a_handler_may_return_the_response_itself(options: Any) -> None:
    """`return res.redirect(...)` is how people write it; the response is no body of itself."""
    app = App()
    app.GET("/", lambda req, res, ctx: res.redirect("/x"), **options)
    app.ON(404, lambda req, res, ctx, error: res.out(404, "gone"))
    reply, missing = await driver.request(app), await driver.request(app, "GET", "/y")

    assert (302, "/x", b"") == (reply.status, reply.headers["location"], reply.body)
    assert (404, "gone") == (missing.status, missing.text)


# AFTER always unwinds


async def test_hooks_run_around_the_handler() -> None:
    """BEFORE in order, then the handler, then AFTER as the mirror."""
    recorder = Recorder()
    await recorder.post()

    assert ["before-1", "before-2", "handler", *unwound("ok")] == recorder.ran


def raise_(error: BaseException) -> Any:
    """A handler that fails."""

    def handler(req: Any, res: Any, ctx: Any) -> None:
        raise error

    return handler


@pytest.mark.parametrize(
    ("handler", "options", "outcome", "status"),
    [
        (lambda req, res, ctx: res.abort("no", 403), {}, "aborted", 403),
        (raise_(HTTPError(409)), {}, "rejected", 409),
        (raise_(ValueError()), {}, "failed", 500),
        (raise_(TimeoutError()), {"timeout": 5}, "failed", 500),
        (lambda req, res, ctx: asyncio.sleep(60), {"timeout": 0.01}, "timeout", 503),
        (lambda req, res, ctx: 1 / 0, {"expects": int}, "rejected", 415),
    ],
)
async def test_after_unwinds_whatever_the_handler_did(handler: Any, options: Any, outcome: str, status: int) -> None:
    """Every AFTER hook runs and sees the outcome; the response is then already the one for the error."""
    recorder = Recorder(handler, **options)
    reply = await recorder.post(body=b"1")

    assert (unwound(outcome), status) == (recorder.after, reply.status)


async def test_after_unwinds_when_a_before_hook_ends_the_request() -> None:
    """BEFORE began, so AFTER runs; the handler does not."""
    recorder = Recorder()
    recorder.app.BEFORE("/", lambda req, res, ctx: res.abort({"error": "login"}, 401))
    reply = await recorder.post()

    assert (["before-1", "before-2", *unwound("aborted")], 401) == (recorder.ran, reply.status)


@pytest.mark.parametrize(
    "events", [[{"type": "http.disconnect"}], [{"type": "http.request", "body": bytes(2_000_000)}]]
)
async def test_no_hook_runs_before_the_body_is_there(events: Any) -> None:
    """A body that is not complete, or too large, is nobody's request."""
    recorder = Recorder()
    await recorder.post(events=events)

    assert [] == recorder.ran


async def test_an_after_hook_that_fails_is_an_error_and_the_others_still_run(caplog: Any) -> None:
    """The response becomes the 500, and each other AFTER hook runs."""
    recorder = Recorder()
    recorder.app.AFTER("/*", raise_(ValueError("broken hook")))
    reply = await recorder.post()

    assert (unwound("failed"), 500, 1) == (recorder.after, reply.status, len(caplog.records))


async def test_an_after_hook_may_abort() -> None:
    """res.abort in AFTER settles the response, and the others still run."""
    recorder = Recorder()
    recorder.app.AFTER("/*", lambda req, res, ctx: res.abort("late", 418))
    reply = await recorder.post()

    assert (unwound("aborted"), 418, "late") == (recorder.after, reply.status, reply.text)


async def test_what_after_hooks_set_stays_on_an_error() -> None:
    """A header or cookie set by AFTER is on the error response, also when a later AFTER hook fails."""
    app = App()
    app.AFTER("/*", raise_(ValueError()))
    app.AFTER("/x", lambda req, res, ctx: res.header("x-request-id", "7").cookie("sid", "new"))
    app.GET("/x", raise_(HTTPError(404)))
    reply = await driver.request(app, "GET", "/x")

    assert (500, "7", True) == (
        reply.status,
        reply.headers["x-request-id"],
        reply.headers["set-cookie"].startswith("sid=new"),
    )


async def test_what_described_the_failed_body_is_gone_from_the_error() -> None:
    """ETag, Cache-Control, cookies and the like of a handler that failed don't describe the error; other headers stay."""
    app = App()

    @app.GET("/")
    async def handler(req: Any, res: Any, ctx: Any) -> None:
        res.cookie("sid", "half").headers = {
            "etag": '"1"',
            "cache-control": "public",
            "content-type": "image/png",
            "x-id": "7",
        }
        raise HTTPError(409)

    reply = await driver.request(app)

    assert {
        "x-id": "7",
        "content-type": "application/problem+json",
        "vary": "accept",
        "content-length": "54",
    } == reply.headers


# Cancelled


async def test_a_cancelled_request_unwinds_and_is_cancelled() -> None:
    """CancelledError is never swallowed, AFTER runs first, and nothing is sent."""
    recorder = Recorder()
    recorder.app.GET("/", lambda req, res, ctx: asyncio.sleep(60))
    task, reply = await request_in_task(recorder.app)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (unwound("cancelled"), []) == (recorder.after, reply.messages)


async def test_cancelled_inside_an_after_hook_the_others_still_run() -> None:
    """Each AFTER hook runs once, also when it is the first of them that is cancelled."""
    recorder = Recorder()
    recorder.app.AFTER("/*", lambda req, res, ctx: asyncio.sleep(60))
    recorder.app.GET("/", lambda req, res, ctx: None)
    task, reply = await request_in_task(recorder.app)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (unwound("cancelled"), []) == (recorder.after, reply.messages)


async def test_cancelled_inside_an_error_handler_after_still_unwinds() -> None:
    """An error handler that waits is part of the request."""
    recorder = Recorder()
    recorder.app.ON(ValueError, lambda req, res, ctx, error: asyncio.sleep(60))
    recorder.app.GET("/", raise_(ValueError()))
    task, reply = await request_in_task(recorder.app)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (unwound("cancelled"), []) == (recorder.after, reply.messages)


async def test_an_after_hook_that_fails_or_aborts_does_not_revive_a_cancelled_request(caplog: Any) -> None:
    """The outcome stays, and the request stays cancelled."""
    recorder = Recorder()
    recorder.app.AFTER("/*", raise_(ValueError()))
    recorder.app.AFTER("/*", lambda req, res, ctx: res.abort())
    recorder.app.GET("/", lambda req, res, ctx: asyncio.sleep(60))
    task, _ = await request_in_task(recorder.app)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (unwound("cancelled"), 1) == (recorder.after, len(caplog.records))


# Something else was cancelled, not the request


async def stray(*args: Any) -> None:
    """A handler or hook that waits for a task which it cancelled itself."""
    task = asyncio.ensure_future(asyncio.sleep(60))
    task.cancel()
    await task


async def streams_and_strays() -> Any:
    """A stream that waits for a cancelled task after its first piece."""
    yield b"one"
    await stray()


STRAY = "something that was waited for was cancelled; the request was not"


def causes(caplog: Any) -> list[str]:
    """What the log says was raised, record by record, and what it came from."""
    errors = [record.exc_info[1] for record in caplog.records]
    return [f"{error}: {type(error.__cause__).__name__}" for error in errors]


@pytest.mark.parametrize("options", [{}, {"timeout": 60}, {"cancel_on_disconnect": True}])
async def test_a_cancelled_error_that_is_not_the_requests_own_is_a_failure(options: Any, caplog: Any) -> None:
    """500, logged with what was cancelled as its cause, and AFTER sees a failure."""
    recorder = Recorder(stray, **options)
    reply = await recorder.post()

    assert (unwound("failed"), 500) == (recorder.after, reply.status)
    assert [f"{STRAY}: CancelledError"] == causes(caplog)


@pytest.mark.parametrize("event", [500, Exception])
async def test_error_handlers_answer_a_cancelled_error_that_is_not_the_requests_own(event: Any, caplog: Any) -> None:
    """ON(500) and ON(Exception) see an exception like any other."""
    recorder = Recorder()
    recorder.app.BEFORE("/*", stray)
    recorder.app.ON(event, lambda req, res, ctx, error: res.out(500, f"sorry: {error}"))
    reply = await recorder.post()

    assert (unwound("failed"), 500, f"sorry: {STRAY}") == (recorder.after, reply.status, reply.text)
    assert [f"{STRAY}: CancelledError"] == causes(caplog)


async def test_an_after_hook_that_waits_for_what_was_cancelled_fails_alone(caplog: Any) -> None:
    """The response becomes the 500, and each other AFTER hook runs."""
    recorder = Recorder()
    recorder.app.AFTER("/*", stray)
    reply = await recorder.post()

    assert (unwound("failed"), 500) == (recorder.after, reply.status)
    assert [f"{STRAY}: CancelledError"] == causes(caplog)


async def test_an_error_handler_that_waits_for_what_was_cancelled_ends_in_an_empty_500(caplog: Any) -> None:
    """It is asked once, what it set is gone, and AFTER still unwinds."""
    recorder = Recorder(lambda req, res, ctx: res.cookie("sid", "half") and 1 / 0)
    recorder.app.ON(500, stray)
    reply = await recorder.post()

    assert (unwound("failed"), 500, b"") == (recorder.after, reply.status, reply.body)
    assert "set-cookie" not in reply.headers
    assert [f"{STRAY}: CancelledError"] == causes(caplog)
    assert "the error handler failed on ZeroDivisionError" in caplog.text


async def test_a_body_that_waits_for_what_was_cancelled_fails_as_others_do(caplog: Any) -> None:
    """Before the first byte it is a 500; after it, it is logged once and raised as no cancellation."""

    class Early:
        async def deliver(self, req: Any, res: Any, send: Any) -> None:
            await stray()

    app = App()
    app.GET("/early", lambda req, res, ctx: Early())
    app.GET("/late", lambda req, res, ctx: streams_and_strays())

    assert 500 == (await driver.request(app, "GET", "/early")).status
    with pytest.raises(RuntimeError, match="the request was not"):
        await driver.request(app, "GET", "/late")
    assert [f"{STRAY}: CancelledError"] * 2 == causes(caplog)


# Two ways to the same end: written out in Endpoint.run, and Endpoint.produce below a guard


def sets_body(req: Any, res: Any, ctx: Any) -> None:
    """A handler that returns nothing."""
    res.out(201, {"set": True})


def hook_of(kind: str) -> Any:
    """A BEFORE hook that does one thing."""
    return {"abort": lambda req, res, ctx: res.abort("no", 403), "fail": raise_(ValueError()), "stray": stray}[kind]


@pytest.mark.parametrize(
    ("handler", "options", "request_", "before", "expected"),
    [
        (None, {}, {}, None, ("ok", 200)),
        (lambda req, res, ctx: "text", {}, {}, None, ("ok", 200)),
        (lambda req, res, ctx: b"", {}, {}, None, ("ok", 200)),
        (lambda req, res, ctx: res.out(202, "itself"), {}, {}, None, ("ok", 202)),
        (sets_body, {}, {}, None, ("ok", 201)),
        (lambda req, res, ctx: req.data, {"expects": int}, {"json": 7}, None, ("ok", 200)),
        (None, {"expects": int}, {"json": "x"}, None, ("rejected", 422)),
        (None, {"expects": int}, {"json": "x"}, "abort", ("aborted", 403)),
        (None, {}, {}, "abort", ("aborted", 403)),
        (None, {}, {}, "fail", ("failed", 500)),
        (None, {}, {}, "stray", ("failed", 500)),
        (lambda req, res, ctx: res.abort("no", 418), {}, {}, None, ("aborted", 418)),
        (raise_(HTTPError(409)), {}, {}, None, ("rejected", 409)),
        (raise_(ValueError()), {}, {}, None, ("failed", 500)),
        (raise_(TimeoutError()), {}, {}, None, ("failed", 500)),
        (stray, {}, {}, None, ("failed", 500)),
    ],
)
async def test_a_route_behaves_the_same_with_a_deadline_as_without(
    handler: Any, options: Any, request_: Any, before: Any, expected: Any
) -> None:
    """Hooks and handler are run in two places, for speed; what ran, the outcome and every byte are the same."""
    seen = []
    for guard in ({}, {"timeout": 60}):
        recorder = Recorder(handler, **options, **guard)
        if before is not None:
            recorder.app.BEFORE("/*", hook_of(before))
        reply = await recorder.post(**request_)
        seen.append((recorder.ran, reply.messages))
        assert (unwound(expected[0]), expected[1]) == (recorder.after, reply.status)

    assert seen[0] == seen[1]


@pytest.mark.parametrize("guard", [{}, {"timeout": 60}])
async def test_a_cancelled_request_is_cancelled_with_a_deadline_and_without(guard: Any) -> None:
    """The cancellation goes on, wherever the handler runs."""
    recorder = Recorder()
    recorder.app.GET("/", lambda req, res, ctx: asyncio.sleep(60), **guard)
    task, reply = await request_in_task(recorder.app)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (["before-1", "before-2", *unwound("cancelled")], []) == (recorder.ran, reply.messages)


# Deadlines


async def test_a_deadline_covers_the_body_as_well() -> None:
    """A body that never comes is a 503, and the handler does not run."""
    recorder = Recorder(timeout=0.01)
    reply = await recorder.post(events=[])

    assert (503, []) == (reply.status, recorder.ran)


async def test_a_deadline_says_how_long_it_was() -> None:
    """503 with a sentence that the client may read."""
    recorder = Recorder(lambda req, res, ctx: asyncio.sleep(60), timeout=0.01)

    assert "The server did not finish in 0.01 seconds." == (await recorder.post()).json["detail"]


async def test_what_is_quick_enough_meets_no_deadline() -> None:
    """Hooks, handler and typed body are the same with a timeout as without."""
    recorder = Recorder(lambda req, res, ctx: {"got": req.data}, timeout=5, expects=int)

    assert {"got": 7} == (await recorder.post(json=7)).json
    assert ["before-1", "before-2", *unwound("ok")] == recorder.ran
    quiet = Recorder(timeout=5)
    assert (b"", "handler") == ((await quiet.post()).body, quiet.ran[2])


async def test_a_timeout_of_the_handlers_own_is_a_500(caplog: Any) -> None:
    """A TimeoutError out of a database driver is no deadline of the route's."""

    async def handler(req: Any, res: Any, ctx: Any) -> None:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(60)

    for options in ({}, {"timeout": 5}, {"cancel_on_disconnect": True}):
        assert 500 == (await Recorder(handler, **options).post()).status
    assert 3 == len(caplog.records)


# A client that leaves


async def test_cancel_on_disconnect_stops_the_handler() -> None:
    """The handler is cancelled, AFTER sees why, and nothing is sent or deferred."""
    ended: list[str] = []

    async def handler(req: Any, res: Any, ctx: Any) -> None:
        res.defer(ended.append, "deferred")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    recorder = Recorder(handler, cancel_on_disconnect=True, timeout=30)
    recorder.app.AFTER("/*", raise_(ValueError("an AFTER hook that fails")))
    reply = await recorder.post(events=[{"type": "http.request"}, {"type": "http.disconnect"}])

    assert (["cancelled"], unwound("disconnected"), []) == (ended, recorder.after, reply.messages)


async def test_without_cancel_on_disconnect_the_handler_ends_its_work() -> None:
    """A client that leaves does not stop an order half-way."""
    recorder = Recorder()
    await recorder.post(events=[{"type": "http.request"}, {"type": "http.disconnect"}])

    assert "handler" in recorder.ran


def test_a_streaming_route_can_t_watch_for_the_client() -> None:
    """stream=True with cancel_on_disconnect=True is refused where it is written down: both would read the body."""
    with pytest.raises(RegistrationError, match="leave cancel_on_disconnect out"):
        App().POST("/", lambda req, res, ctx: None, stream=True, cancel_on_disconnect=True)


@pytest.mark.parametrize("fails_at", [0, 1])
async def test_sending_after_the_client_left_is_quiet(caplog: Any, fails_at: int) -> None:
    """OSError out of send is no error of ours."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        if len(sent) == fails_at:
            raise BrokenPipeError
        sent.append(message)

    app = App()
    app.GET("/", lambda req, res, ctx: "text")
    app.GET("/set", lambda req, res, ctx: {1, 2})
    for url in ("/", "/set"):
        sent.clear()
        await app(driver.http_scope("GET", url), None, send)  # type: ignore[arg-type]

    assert [] == caplog.records


# Errors once the response has begun


async def rows_then(error: Exception) -> Any:
    """A stream that fails in the middle."""
    yield b"x"
    raise error


async def test_an_error_after_the_start_is_logged_once_and_raised(caplog: Any) -> None:
    """Never a second start, never a clean end: the server has to break the connection off."""
    app = App()
    app.GET("/", lambda req, res, ctx: res.stream(rows_then(ValueError("in the middle"))))
    reply = driver.Reply()
    pending = asyncio.Event()

    async def receive() -> Any:
        await pending.wait()

    async def send(message: Any) -> None:
        reply.messages.append(message)

    with pytest.raises(ValueError, match="in the middle"):
        await app(driver.http_scope(), receive, send)

    assert ["http.response.start", "http.response.body"] == [m["type"] for m in reply.messages]
    assert [True] == [m.get("more_body") for m in reply.messages[1:]]
    assert 1 == len(caplog.records)


async def test_an_error_before_the_first_byte_becomes_a_response() -> None:
    """A stream or file that fails at once is answered like any other error."""

    async def nothing() -> Any:
        raise HTTPError(410)
        yield b""

    app = App()
    app.GET("/", lambda req, res, ctx: nothing())
    app.GET("/file", lambda req, res, ctx: res.file("/nowhere/at/all"))

    assert (410, 404) == ((await driver.request(app)).status, (await driver.request(app, "GET", "/file")).status)


async def test_an_async_iterator_is_a_stream() -> None:
    """A handler may return one as it is."""

    async def rows() -> Any:
        yield "a"
        yield b"b"

    app = App()
    app.GET("/", lambda req, res, ctx: rows())

    assert b"ab" == (await driver.request(app)).body


async def test_a_failing_page_for_404_ends_in_an_empty_500(caplog: Any) -> None:
    """What answers an error may be missing itself; there is always an end."""
    app = App()
    app.ON(404, lambda req, res, ctx, error: res.file("/nowhere/404.html"))
    app.GET("/x", raise_(HTTPError(404)))

    for url in ("/", "/x"):
        reply = await driver.request(app, "GET", url)
        assert (500, b"", "0") == (reply.status, reply.body, reply.headers["content-length"])


# Errors in sending


@pytest.mark.parametrize("body", [object(), {"a": object()}, "\ud800", {"a": "\ud800"}, {1j: 2}, lambda: None])
async def test_a_body_that_cant_be_encoded_is_a_500_that_is_logged(caplog: Any, body: Any) -> None:
    """The handler is at fault, and the log says so; the client gets a whole response."""
    app = App()
    app.GET("/", lambda req, res, ctx: res.out(201, body, {"etag": '"1"'}))
    reply = await driver.request(app)

    assert (500, "application/problem+json", 1) == (reply.status, reply.headers["content-type"], len(caplog.records))


@pytest.mark.parametrize("status", [0, 99, 101, 199, 600, "200", None, True, 404.5])
async def test_a_status_that_is_none_is_a_500(status: Any) -> None:
    """Only 200 to 599 end a request (RFC 9110 15)."""
    app = App()
    app.GET("/", lambda req, res, ctx: res.out(status, "text"))

    assert 500 == (await driver.request(app)).status


# Between requests


async def test_ten_thousand_concurrent_requests_are_never_mixed() -> None:
    """Class 32: parameters, query, body, headers, context and response belong to one request alone."""
    app = App()

    async def tag(req: Any, res: Any, ctx: Any) -> None:
        ctx.tag = req.headers["x-tag"]
        await asyncio.sleep(0)

    async def stamp(req: Any, res: Any, ctx: Any) -> None:
        await asyncio.sleep(0)
        res.headers["x-tag"] = ctx.tag

    @app.POST("/:tag")
    async def handler(req: Any, res: Any, ctx: Any) -> Any:
        before = [req.params["tag"], req.queries["tag"], req.json]
        for _ in range(random.randrange(4)):
            await asyncio.sleep(0)
        return [*before, ctx.tag, req.params["tag"], req.queries["tag"], req.json]

    app.BEFORE("/*", tag)
    app.AFTER("/*", stamp)

    async def one(number: int) -> bool:
        text = str(number)
        reply = await driver.request(app, "POST", f"/{text}?tag={text}", {"x-tag": text}, json=text, timeout=60)
        return [text] * 7 == reply.json and text == reply.headers["x-tag"]

    for start in range(0, 10_000, 2_000):
        assert all(await asyncio.gather(*map(one, range(start, start + 2_000))))


async def test_two_responses_share_nothing() -> None:
    """What middleware does to the headers of one response is not on the next."""
    app = App()
    app.GET("/", lambda req, res, ctx: "text")
    first = await driver.request(app)
    first.start["headers"].append((b"x-mine", b"1"))

    assert "x-mine" not in (await driver.request(app)).headers
