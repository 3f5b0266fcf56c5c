"""Problems: what an error looks like to programs and to people."""

from __future__ import annotations

import doctest
import json
from typing import Any

import pytest

import driver
from heaven import App, HTTPError, ValidationError
from heaven.messages import problems
from heaven.messages.problems import render, render_traceback, wants_html


def test_the_examples_run() -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(problems).failed


@pytest.mark.parametrize(
    ("accept", "html"),
    [
        (None, False),
        ("", False),
        ("*/*", False),
        ("text/*", False),
        ("application/json", False),
        ("text/html", True),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/json, text/html;q=0.9", False),
        ("text/html;q=0.9, application/json;q=0.5", True),
        ("text/html;q=0", False),
        ("text/html, application/problem+json", False),
    ],
)
def test_a_page_is_for_clients_that_like_pages_better(accept: str | None, html: bool) -> None:
    """JSON unless the Accept header prefers HTML; a browser's does."""
    assert html == wants_html(accept)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (HTTPError(404), {"type": "about:blank", "title": "Not Found", "status": 404}),
        (HTTPError(413, "x"), {"type": "about:blank", "title": "Content Too Large", "status": 413, "detail": "x"}),
        (HTTPError(499), {"type": "about:blank", "title": "Error", "status": 499}),
        (
            ValidationError([{"loc": ["a"], "msg": "m"}]),
            {
                "type": "about:blank",
                "title": "Unprocessable Content",
                "status": 422,
                "detail": "1 value can't be accepted.",
                "errors": [{"loc": ["a"], "msg": "m"}],
            },
        ),
        (
            HTTPError(400, errors=[{"msg": "m"}]),
            {"type": "about:blank", "title": "Bad Request", "status": 400, "errors": [{"msg": "m"}]},
        ),
    ],
)
def test_a_problem_is_a_document_of_rfc_9457(error: HTTPError, expected: Any) -> None:
    """Type, title and status always; detail and errors where there are any."""
    body, media_type = render(error, None)

    assert (expected, b"application/problem+json") == (json.loads(body), media_type)


@pytest.mark.parametrize(
    ("error", "inside"),
    [
        (HTTPError(404), "<h1>404 Not Found</h1></body>"),
        (HTTPError(400, "<b>&"), "<p>&lt;b&gt;&amp;</p>"),
        (
            ValidationError([{"loc": ["<a>", 0], "msg": "<m>"}, {}]),
            "<li><code>&lt;a&gt;.0</code> &lt;m&gt;<li><code></code> </ul>",
        ),
    ],
)
def test_a_page_escapes_what_it_shows(error: HTTPError, inside: str) -> None:
    """Class 21: whatever stands in an error is text."""
    body, media_type = render(error, "text/html")

    assert (True, b"text/html; charset=utf-8") == (inside in body.decode(), media_type)


def test_a_traceback_is_a_document_or_a_page() -> None:
    """For debug=True alone: every line, and the last one as the summary."""
    error = ValueError("<x>\nsecond")
    body, media_type = render_traceback(error, None)
    document = json.loads(body)

    assert (b"application/problem+json", 500) == (media_type, document["status"])
    assert ("ValueError: <x>\nsecond", ["ValueError: <x>", "second"]) == (document["detail"], document["traceback"])
    assert "ValueError: &lt;x&gt;" in render_traceback(error, "text/html")[0].decode()


@pytest.mark.parametrize(
    ("method", "url", "headers", "status"),
    [
        ("GET", "/missing", {}, 404),
        ("DELETE", "/", {}, 405),
        ("POST", "/", {"content-length": "9999999"}, 413),
        ("POST", "/", {"content-type": "text/plain"}, 415),
        ("POST", "/", {"content-type": "application/json"}, 400),
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_every_error_of_the_framework_is_a_problem(
    method: str, url: str, headers: Any, status: int, accept: str
) -> None:
    """400, 404, 405, 413 and 415 look alike, as document and as page, and each can be replaced."""
    app = App()
    app.POST("/", lambda req, res, ctx: req.json)
    reply = await driver.request(app, method, url, {**headers, "accept": accept}, b"{")
    kind = "text/html; charset=utf-8" if accept == "text/html" else "application/problem+json"
    assert (status, kind) == (reply.status, reply.headers["content-type"])
    assert str(len(reply.body)) == reply.headers["content-length"]

    app.ON(status, lambda req, res, ctx, error: "mine")
    assert (status, "mine") == ((await driver.request(app, method, url, headers, b"{")).status, "mine")
