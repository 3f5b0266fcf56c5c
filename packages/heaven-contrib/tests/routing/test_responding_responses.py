"""Responses that a handler returns: what they say wins over the route and its levels."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

import heaven
from answering import answered
from heaven import HeaderError
from heaven_contrib.routing.responding.background import BackgroundTask, BackgroundTasks
from heaven_contrib.routing.responding.cookies import Cookie
from heaven_contrib.routing.responding.headers import ResponseHeader
from heaven_contrib.routing.responding.responder import Responder
from heaven_contrib.routing.responding.responses import (
    EventStreamResponse,
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from heaven_testing import Client


@pytest.fixture(autouse=True)
def _without_pydantic(monkeypatch):
    """What other tests imported changes nothing here."""
    monkeypatch.delitem(sys.modules, "pydantic", raising=False)


@pytest.mark.parametrize(
    ("made", "content_type", "content"),
    [
        (Response({"a": 1}), "application/json", b'{"a":1}'),
        (Response("a"), "application/json", b'"a"'),
        (Response("a", media_type="text/plain"), "text/plain; charset=utf-8", b"a"),
        (Response(b"a"), "application/octet-stream", b"a"),
        (Response(), None, b""),
        (JSONResponse("a"), "application/json", b'"a"'),
        (JSONResponse(b"[1]"), "application/json", b"[1]"),
        (JSONResponse({"a": 1}, media_type="application/vnd.shop+json"), "application/vnd.shop+json", b'{"a":1}'),
        (HTMLResponse("<p>"), "text/html; charset=utf-8", b"<p>"),
        (HTMLResponse(b"<p>"), "text/html; charset=utf-8", b"<p>"),
        (PlainTextResponse(7), "text/plain; charset=utf-8", b"7"),
    ],
    ids=lambda value: repr(value) if isinstance(value, Response) else "",
)
async def test_each_class_has_its_media_type(made, content_type, content):
    """A class says what its content is; what is made without one is written as a plain value would be."""
    response = await answered(made)

    assert (200, content_type, content) == (
        response.status_code,
        response.headers.get("content-type"),
        response.content,
    )


async def test_a_response_without_media_type_has_the_one_of_its_route():
    """What a response does not say is left to the route."""
    response = await answered(Response("<p>", headers={"x-page": "1"}), media_type="text/html", status_code=202)

    assert (202, "text/html; charset=utf-8", "1", "<p>") == (
        response.status_code,
        response.headers["content-type"],
        response.headers["x-page"],
        response.text,
    )


async def test_the_status_of_a_response_wins():
    """A status that the response says is the one, whatever the route declares."""
    response = await answered(JSONResponse({"a": 1}, 418), "POST", status_code=201)

    assert 418 == response.status_code


async def test_a_header_of_a_response_wins_over_those_of_all_levels():
    """Levels' headers are sent, unless the response has one of that name, in any case."""
    response = await answered(
        Response({}, headers={"X-Shop": "south", "content-type": "application/vnd.shop"}),
        headers={"x-shop": ResponseHeader("north"), "x-page": ResponseHeader(2), "x-none": ResponseHeader()},
    )

    assert ("south", "2", None, "application/vnd.shop") == (
        response.headers["x-shop"],
        response.headers["x-page"],
        response.headers.get("x-none"),
        response.headers["content-type"],
    )


async def test_headers_of_one_name_can_stand_several_times():
    """Pairs keep what a mapping can't hold."""
    response = await answered(Response({}, headers=[("link", "</a>"), ("link", "</b>")]))

    assert ["</a>", "</b>"] == response.headers.get_list("link")


async def test_a_cookie_of_a_response_wins_over_those_of_all_levels():
    """Of two cookies that a client can't tell apart the response's is sent; another path makes another cookie."""
    made = Response({}, cookies=[Cookie("theme", "dark")])
    made.set_cookie("seen", "1", max_age=60, httponly=False, samesite=None)
    made.delete_cookie("legacy", path="/old")
    response = await answered(
        made, cookies=(Cookie("theme", "light"), Cookie("theme", "grey", path="/admin"), Cookie("shop", "north"))
    )

    assert [
        "theme=grey; Path=/admin; HttpOnly; SameSite=Lax",
        "shop=north; Path=/; HttpOnly; SameSite=Lax",
        "theme=dark; Path=/; HttpOnly; SameSite=Lax",
        "seen=1; Max-Age=60; Path=/",
        "legacy=; Max-Age=0; Path=/old; HttpOnly; SameSite=Lax",
    ] == response.headers.get_list("set-cookie")


@pytest.mark.parametrize("value", [{"a": 1}, "a", None, b"a"], ids=["dict", "str", "none", "bytes"])
async def test_levels_headers_and_cookies_are_on_every_value(value):
    """Headers and cookies of the levels are sent with whatever a handler returns."""
    response = await answered(value, headers={"x-shop": ResponseHeader("north")}, cookies=(Cookie("shop", "north"),))

    assert ("north", {"shop": "north"}) == (response.headers["x-shop"], dict(response.cookies))


async def test_what_a_hook_of_the_core_set_gives_way_to_the_levels():
    """A hook around the route is further out than its levels; what nobody says again stays."""
    app = heaven.App()

    async def before(req, res, ctx):
        res.headers["x-shop"] = "hook"
        res.headers["x-hook"] = "1"

    async def handler(req, res, ctx):
        Response({}, headers={"x-own": "1"}).put(res)

    app.BEFORE("/", before)
    app.GET("/", handler)
    async with Client(app) as client:
        response = await client.get("/")

    assert ("hook", "1", "1") == tuple(response.headers[name] for name in ("x-shop", "x-hook", "x-own"))


async def test_the_response_itself_keeps_its_headers():
    """What the request's own response has set wins over the levels, as it does for any other."""
    res = heaven.Response(body={"a": 1}).header("x-shop", "south")
    Responder(headers={"x-shop": ResponseHeader("north"), "x-page": ResponseHeader("2")})(res, res)

    assert ({"a": 1}, [(b"x-shop", b"south"), (b"x-page", b"2")]) == (res.body, res.headers.raw)


def test_a_response_can_be_returned_again():
    """A response is a value: a constant of the module serves any number of requests."""
    gone = JSONResponse({"detail": "gone"}, 410, headers={"x-shop": "north"}, cookies=[Cookie("a", "1")])
    sent = []
    for _ in range(2):
        res = heaven.Response()
        gone.put(res)
        sent.append((res.status, res.body, list(res.headers.raw)))

    assert sent[0] == sent[1]


@pytest.mark.parametrize("name", ["x shop", "x\r\n"])
def test_a_header_that_cannot_be_sent_is_refused_where_it_is_said(name):
    """Names and values are checked when the response is made (RFC 9110 5.5)."""
    with pytest.raises(HeaderError):
        Response({}, headers={name: "1"})


def test_a_cookie_is_a_cookie():
    """Something else in its place is named."""
    with pytest.raises(TypeError, match=r"HTMLResponse got the cookie 'theme'; give a Cookie\(key, value\)"):
        HTMLResponse("", cookies={"theme": "dark"})


def test_a_response_shows_its_status():
    """A response in a log or an assertion says what it is."""
    assert ("<JSONResponse 404>", "<Response>") == (repr(JSONResponse({}, 404)), repr(Response({})))


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_says_where(status):
    """A redirect has its status, a Location that is safe to send, and no content."""
    response = await answered(RedirectResponse("/täg?a=b c", status, headers={"x-shop": "north"}), status_code=201)

    assert (status, "/t%C3%A4g?a=b%20c", "north", b"") == (
        response.status_code,
        response.headers["location"],
        response.headers["x-shop"],
        response.content,
    )


@pytest.mark.parametrize(("declared", "status"), [(200, 307), (303, 303)])
async def test_a_url_becomes_a_redirect_where_that_is_the_response_class(declared, status):
    """With RedirectResponse as response class a handler returns a URL; the route may declare which redirect it is."""
    response = await answered("/login", response_class=RedirectResponse, status_code=declared)

    assert (status, "/login") == (response.status_code, response.headers["location"])


async def test_a_redirect_with_another_status_is_a_mistake():
    """A Location with 200 would send nobody anywhere."""
    with pytest.raises(ValueError, match="redirect takes 301, 302, 303, 307 or 308, and got 200"):
        RedirectResponse("/", 200).put(heaven.Response())


# Streams


async def test_an_async_iterator_streams():
    """Pieces go out as they come, under the type that the response says."""

    async def rows():
        yield "id\r\n"
        yield b"7\r\n"

    response = await answered(StreamingResponse(rows(), media_type="text/csv"), media_type="text/plain")

    assert ("text/csv; charset=utf-8", "id\r\n7\r\n") == (response.headers["content-type"], response.text)


async def test_a_sync_iterator_streams_from_a_thread():
    """A sync generator is read, and closed, beside the event loop."""
    threads = set()

    def rows():
        try:
            for number in range(3):
                threads.add(threading.current_thread())
                yield str(number)
        finally:
            threads.add(threading.current_thread())

    response = await answered(StreamingResponse(rows()), response_class=JSONResponse)

    assert ("application/octet-stream", "012", False) == (
        response.headers["content-type"],
        response.text,
        threading.current_thread() in threads,
    )


async def test_an_iterator_is_enough_where_streams_are_the_response_class():
    """With StreamingResponse as response class a handler returns the iterator."""
    response = await answered(["a", "b"], response_class=StreamingResponse, media_type="text/plain")

    assert ("text/plain; charset=utf-8", "ab") == (response.headers["content-type"], response.text)


@pytest.mark.parametrize("content", ["text", b"bytes", {"a": 1}, 7, None], ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("kind", [StreamingResponse, EventStreamResponse])
def test_what_is_whole_is_no_stream(kind, content):
    """A str has characters to iterate over, and is no stream of them."""
    with pytest.raises(TypeError, match=f"{kind.__name__} got {type(content).__name__}; give an iterator"):
        kind(content).put(heaven.Response())


async def async_events():
    yield "hello"
    yield {"event": "tick", "data": {"n": 1}}


def sync_events():
    yield "hello"
    yield {"event": "tick", "data": {"n": 1}}


@pytest.mark.parametrize("events", [async_events, sync_events])
@pytest.mark.parametrize("bare", [True, False], ids=["bare", "response"])
async def test_events_are_sent(events, bare):
    """Events come from an async or a sync iterator, returned in a response or made into one."""
    made = events() if bare else EventStreamResponse(events(), headers={"x-shop": "north"})
    response = await answered(made, response_class=EventStreamResponse, media_type="text/plain")

    assert ("text/event-stream; charset=utf-8", 'data: hello\n\nevent: tick\ndata: {"n":1}\n\n') == (
        response.headers["content-type"],
        response.text,
    )


async def test_events_say_when_to_come_back():
    """`retry` is what the client is told first."""
    response = await answered(EventStreamResponse(sync_events(), retry=3000, ping=1.0))

    assert response.text.startswith("retry: 3000\n\n")


# Files


async def test_a_file_is_sent_with_all_that_files_have(tmp_path):
    """A file has its type, its name and validators, and can be asked for in part."""
    (tmp_path / "report.csv").write_bytes(b"id\n7\n")
    made = FileResponse("report.csv", within=tmp_path, filename="7.csv", headers={"cache-control": "no-store"})
    response = await answered(made, asking={"range": "bytes=3-"})

    assert (206, "text/csv", 'attachment; filename="7.csv"', "no-store", b"7\n") == (
        response.status_code,
        response.headers["content-type"].partition(";")[0],
        response.headers["content-disposition"],
        response.headers["cache-control"],
        response.content,
    )


@pytest.mark.parametrize("path", ["../secret", "missing"])
async def test_a_file_outside_of_its_folder_is_not_there(tmp_path, path):
    """What is not below the folder is a 404, whether it exists or not."""
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "public").mkdir()
    response = await answered(FileResponse(path, within=tmp_path / "public"))

    assert 404 == response.status_code


async def test_a_path_is_enough_where_files_are_the_response_class(tmp_path):
    """With FileResponse as response class a handler returns the path; the route's media type is the file's."""
    (tmp_path / "page").write_text("<p>")
    response = await answered(tmp_path / "page", response_class=FileResponse, media_type="text/html")

    assert ("text/html", "<p>") == (response.headers["content-type"], response.text)


# Background


async def test_tasks_run_once_the_response_was_sent():
    """What the route declares is called first, then what the response brings."""
    ran = []

    async def note(name, *, late=False):
        ran.append((name, late))

    brought = BackgroundTasks([BackgroundTask(note, "second")])
    brought.add_task(note, "third", late=True)
    await answered(JSONResponse({}, background=brought), background=BackgroundTask(note, "first"))

    assert [("first", False), ("second", False), ("third", True)] == ran


async def test_a_sync_task_runs_in_a_thread():
    """A sync task waits for nothing that others have to wait for."""
    ran = []
    await answered({}, background=BackgroundTask(lambda: ran.append(threading.current_thread())))

    assert (1, False) == (len(ran), threading.current_thread() in ran)


async def test_a_task_that_fails_is_told_and_the_next_one_runs():
    """Each task is on its own account."""
    failures, ran = [], []
    app = heaven.App()

    def fail():
        raise ValueError("no")

    async def handler(req, res, ctx):
        BackgroundTasks([BackgroundTask(fail), BackgroundTask(ran.append, 1)]).put(res)

    async def told(req, res, ctx, error):
        failures.append(str(error))

    app.GET("/", handler)
    app.ON(heaven.BackgroundError, told)
    async with Client(app) as client:
        await client.get("/")
        await client.settled()

    assert ([1], 1, True) == (ran, len(failures), "fail failed in the background" in failures[0])


async def test_what_the_request_did_not_come_to_is_not_done():
    """No task runs for a response that could not be written."""
    ran = []
    response = await answered(object(), background=BackgroundTask(ran.append, 1), fails=True)

    assert (500, []) == (response.status_code, ran)


def test_a_call_in_place_of_a_function_is_refused():
    """The result of a call can't be called later."""
    with pytest.raises(TypeError, match="BackgroundTask takes a function and its arguments, and got None"):
        BackgroundTask([].clear())


def test_a_task_says_what_it_calls():
    """Tasks in a log or an assertion are named by their functions."""
    task = BackgroundTask(asyncio.sleep, 0)

    assert ("<BackgroundTask asyncio.tasks.sleep>", "<BackgroundTasks asyncio.tasks.sleep, asyncio.tasks.sleep>") == (
        repr(task),
        repr(BackgroundTasks([task, task])),
    )
