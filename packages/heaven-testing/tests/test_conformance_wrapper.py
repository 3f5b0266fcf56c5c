from __future__ import annotations

import logging

import pytest

from conformance_http_cases import END, LEFT, PART, REQUEST, START, start
from conformance_other_cases import ACCEPT, CLOSE, CONNECT, DENIABLE, DENY, HELLO, STARTED, STARTUP, WHY
from conformance_other_cases import LEFT as CLOSED
from conformance_plays import HTTP, LIFESPAN, WEBSOCKET, played, received, sent
from heaven_testing.conformance import checker_for, conforming, headers
from heaven_testing.errors import ConformanceError


async def called(app, scope=HTTP, *, messages=(), gone=False):
    """Call an application as a server does that believes everything; what it was sent comes back."""
    said, got = list(messages), []

    async def receive():
        return said.pop(0)

    async def send(message):
        if gone:
            raise ConnectionResetError("the client has left")
        got.append(message)

    await app(dict(scope), receive, send)
    return got


async def twice(scope, receive, send):
    await send(dict(START.message))
    await send(dict(START.message))
    await send(dict(END.message))


async def test_it_is_raised_in_the_call_that_broke_the_rule_and_logged_once(caplog):
    """An application that catches everything still leaves a line in the log, and one is enough."""

    async def deaf(scope, receive, send):
        for _ in range(3):
            try:
                await twice(scope, receive, send)
            except ConformanceError as error:
                caught.append(error)

    caught: list[ConformanceError] = []
    await called(conforming(deaf))
    assert ["http-start-once"] == [error.rule.id for error in caught]
    assert [("heaven.testing", logging.ERROR, str(caught[0]))] == caplog.record_tuples


async def test_what_receive_breaks_is_raised_at_receive():
    """The server's mistake shows where the application hears of it."""

    async def listener(scope, receive, send):
        with pytest.raises(ConformanceError, match="body is 'x'"):
            await receive()
        await send(dict(START.message))
        await send(dict(END.message))

    assert 2 == len(await called(conforming(listener), messages=[{"type": "http.request", "body": "x"}]))


async def test_a_callable_gets_the_error_and_the_message_goes_on(caplog):
    """With `on_violation` nothing is raised or logged, and the server has to see to it."""
    found: list[ConformanceError] = []
    got = await called(conforming(twice, on_violation=found.append))
    assert ["http-start-once"] == [error.rule.id for error in found]
    assert 3 == len(got)
    assert [] == caplog.records


@pytest.mark.parametrize(
    ("scope", "rules"),
    [({**HTTP, "method": "get"}, ["scope-method", "http-unanswered"]), (HTTP, ["http-unanswered"])],
)
async def test_a_callable_gets_what_is_wrong_before_and_after(scope, rules):
    """A scope is held against the rules, and so is an application that returns; with a callable both go on."""

    async def silent(scope, receive, send):
        calls.append(scope["type"])

    calls: list[str] = []
    found: list[ConformanceError] = []
    await called(conforming(silent, on_violation=found.append), scope)
    assert (rules, ["http"]) == ([error.rule.id for error in found], calls)
    with pytest.raises(ConformanceError, match=rules[0]):
        await called(conforming(silent), scope)


@pytest.mark.parametrize("kind", ["http", "websocket", "lifespan"])
async def test_the_messages_are_watched_though_the_scope_is_wrong(kind):
    """A server's own mistakes, known and left to it by a callable, do not hide those of the application."""

    def mostly(error):
        if not error.rule.id.startswith("scope-"):
            raise error

    async def confused(scope, receive, send):
        await send({"type": "http.response.trailers"})

    scope = {**HTTP, "type": kind, "client": ("127.0.0.1", "50000"), "method": 7, "extensions": 7, "asgi": 7}
    with pytest.raises(ConformanceError, match="message-known|http-extension"):
        await called(conforming(confused, on_violation=mostly), scope)


@pytest.mark.parametrize("scope", [{"type": "smtp"}, {"type": []}, [("type", "http")]])
async def test_what_is_no_scope_at_all_is_passed_on(scope):
    """With a callable an application of another protocol is called as it is."""

    async def other(scope, receive, send):
        await send("hello")

    found: list[ConformanceError] = []
    got: list[object] = []

    async def send(message):
        got.append(message)

    await conforming(other, on_violation=found.append)(scope, None, send)
    assert (["scope-type"], ["hello"]) == ([error.rule.id for error in found], got)


async def test_what_receive_breaks_reaches_the_callable_too():
    """Both directions are reported in the same way."""

    async def listener(scope, receive, send):
        assert {"type": "http.pong"} == await receive()

    found: list[ConformanceError] = []
    await called(conforming(listener, on_violation=found.append), messages=[{"type": "http.pong"}])
    assert ["message-known"] == [error.rule.id for error in found]


@pytest.mark.parametrize("given", ["log", None])
def test_on_violation_is_checked(given):
    """What it takes is said at once, and not at the first violation."""
    with pytest.raises(TypeError, match=f'takes "raise" or a callable, and got {given!r}'):
        conforming(twice, on_violation=given)


async def test_an_exception_of_the_application_is_passed_on():
    """What was left undone is no violation then: the server answers in its place."""

    async def broken(scope, receive, send):
        raise LookupError("no such order")

    with pytest.raises(LookupError):
        await called(conforming(broken))


@pytest.mark.parametrize("scope", [HTTP, WEBSOCKET, LIFESPAN], ids=lambda scope: scope["type"])
async def test_a_send_that_raises_oserror_ends_what_is_asked(scope):
    """A server that raises OSError has told that nobody is there: the application may stop, or try again."""
    first = {"http": START, "websocket": ACCEPT, "lifespan": STARTED}[scope["type"]]

    async def persistent(scope, receive, send):
        await receive()
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                await send(dict(first.message))

    events = {"http": REQUEST, "websocket": CONNECT, "lifespan": STARTUP}
    await called(conforming(persistent), scope, messages=[events[scope["type"]].message], gone=True)


@pytest.mark.parametrize(
    "lines",
    [
        [LEFT],
        [LEFT, START],
        [START, PART, LEFT, PART],
        [START, LEFT, START, END],
        [LEFT, PART],
        [start((b"content-length", b"1")), LEFT, PART, END, END],
    ],
)
def test_after_the_client_left_the_order_is_free(lines):
    """A response that nobody reads may stop, or go on, or be begun again by an error handler."""
    assert None is played(lines).violation


@pytest.mark.parametrize(
    ("lines", "scope"),
    [
        ([CONNECT, CLOSED, ACCEPT, HELLO], "websocket"),
        ([CONNECT, CLOSED, HELLO], "websocket"),
        ([CONNECT, ACCEPT, CLOSED, CLOSE, CLOSE], "websocket"),
        ([CONNECT, ACCEPT, CLOSED, ACCEPT], "websocket"),
        ([CONNECT, CLOSED, DENY], DENIABLE),
        ([CONNECT, DENY, CLOSED, WHY], DENIABLE),
        ([CONNECT, ACCEPT, CLOSED, DENY, WHY], DENIABLE),
        ([CONNECT, CLOSED, WHY], DENIABLE),
    ],
)
def test_after_the_client_left_a_websocket_is_free_as_well(lines, scope):
    """What an application sends to nobody is dropped by servers, or raises OSError there."""
    assert None is played(lines, scope).violation


def test_what_is_sent_to_nobody_still_has_its_shape():
    """Only order and completeness are given up; a wrong type is one for everybody else too."""
    violation = played([LEFT, sent("http.response.start", status="200")]).violation
    assert violation is not None
    assert "http-status-type" == violation.rule.id


def test_a_disconnect_after_the_end_excuses_nothing():
    """Every server says http.disconnect after the response: more content is a mistake then as before."""
    violation = played([START, END, LEFT, END]).violation
    assert violation is not None
    assert "http-after-end" == violation.rule.id


@pytest.mark.parametrize("content", [b"", b"hello", b"hello, world"])
@pytest.mark.parametrize("status", [200, 204, 304])
def test_the_response_to_head_may_have_content(content, status):
    """Servers drop it, so that applications may answer HEAD as they do GET."""
    head = {**HTTP, "method": "HEAD"}
    body = sent("http.response.body", body=content)
    assert None is played([start((b"content-length", b"5"), status=status), body], head).violation


@pytest.mark.parametrize("scope", [HTTP, WEBSOCKET, LIFESPAN], ids=lambda scope: scope["type"])
def test_a_checker_that_has_raised_is_silent(scope):
    """The first violation is the one to mend; what follows from it is not reported."""
    for first in ("sent", "received"):
        checker = checker_for(dict(scope))
        with pytest.raises(ConformanceError):
            getattr(checker, first)({"type": "x.y"})
        checker.sent({"type": "x.y"})
        checker.received({"type": "x.y"})
        checker.returned()
    checker = checker_for(dict(scope))
    checker.received({"http": REQUEST, "websocket": CONNECT, "lifespan": STARTUP}[scope["type"]].message)
    with pytest.raises(ConformanceError):
        checker.returned()
    checker.returned()


def test_headers_that_can_be_gone_through_once_reach_the_server():
    """A generator of headers is allowed, and what was checked is what the server gets."""
    message = {"type": "http.response.start", "status": 200, "headers": (iter(pair) for pair in [(b"a", b"b")])}
    checker_for(dict(HTTP)).sent(message)
    assert [(b"a", b"b")] == message["headers"]


def test_the_applications_own_list_of_headers_is_left_alone():
    """A list that is sent again and again stays what it is."""
    own = [(b"x-mine", b"1"), [b"x-list", b"2"]]
    message = {"type": "http.response.start", "status": 200, "headers": own}
    checker_for(dict(HTTP)).sent(message)
    assert own is message["headers"]


def test_what_was_seen_before_is_kept_within_bounds(monkeypatch):
    """Headers that differ in every response do not fill the memory, and are checked as well."""
    monkeypatch.setattr(headers, "_SEEN", seen := set())
    for number in range(3000):
        pair = (b"x-request-id", b"%d" % number)
        checker_for(dict(HTTP)).sent({"type": "http.response.start", "status": 200, "headers": [pair]})
        assert pair in seen
    checker_for(dict(HTTP)).sent({"type": "http.response.start", "status": 200, "headers": [(b"long", b"a" * 101)]})
    assert 3000 - 2 * 1024 == len(seen)
    with pytest.raises(ConformanceError, match="header-value"):
        checker_for(dict(HTTP)).sent({"type": "http.response.start", "status": 200, "headers": [(b"a", b"\n")]})


def test_a_request_that_is_read_in_parts_passes():
    """The ordinary conversation: a body in two parts, a response in two parts, and a disconnect."""
    lines = [received("http.request", body=b"a", more_body=True), REQUEST, START, PART, END, LEFT]
    assert None is played(lines).violation
