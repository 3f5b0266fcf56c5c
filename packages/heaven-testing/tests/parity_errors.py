"""Scenarios of statuses, and of what becomes of errors."""

from __future__ import annotations

from typing import Any

from parity_scenarios import FROM_THE_SOCKET, as_json, as_problem, exchange, exchanges, headers_of, scenario

exchanges(
    "statuses",
    "heaven",
    [("GET", f"/status/{code}") for code in (200, 201, 204, 205, 299, 304, 418, 499, 599)],
    [
        (200, ["x-status: kept", "content-type: text/plain; charset=utf-8", "content-length: 7"], "content"),
        (201, ["x-status: kept", "content-type: text/plain; charset=utf-8", "content-length: 7"], "content"),
        (204, ["x-status: kept"], ""),
        (205, ["x-status: kept"], ""),
        (299, ["x-status: kept", "content-type: text/plain; charset=utf-8", "content-length: 7"], "content"),
        (304, ["x-status: kept"], ""),
        (418, ["x-status: kept", "content-type: text/plain; charset=utf-8", "content-length: 7"], "content"),
        (499, ["x-status: kept", "content-type: text/plain; charset=utf-8", "content-length: 7"], "content"),
        (599, ["x-status: kept", "content-type: text/plain; charset=utf-8", "content-length: 7"], "content"),
    ],
)
exchanges(
    "statuses_that_end_nothing",
    "heaven",
    [("GET", f"/status/{code}") for code in (100, 103, 199, 600)],
    [
        as_problem(500, "Internal Server Error", "", "x-status: kept"),
        as_problem(500, "Internal Server Error", "", "x-status: kept"),
        as_problem(500, "Internal Server Error", "", "x-status: kept"),
        as_problem(500, "Internal Server Error", "", "x-status: kept"),
    ],
)
exchanges(
    "statuses_with_head",
    "heaven",
    [("HEAD", f"/status/{code}") for code in (200, 204, 304, 404)],
    [
        (200, ["x-status: kept", "content-type: text/plain; charset=utf-8", "content-length: 7"], ""),
        (204, ["x-status: kept"], ""),
        (304, ["x-status: kept"], ""),
        (404, ["x-status: kept", "content-type: text/plain; charset=utf-8", "content-length: 7"], ""),
    ],
)
exchange(
    "http_error",
    "heaven",
    "GET",
    "/conflict",
    as_problem(409, "Conflict", ',"detail":"It was there already."', "retry-after: 3"),
)
exchange(
    "http_error_as_a_page",
    "heaven",
    "GET",
    "/conflict",
    (
        409,
        ["retry-after: 3", "content-type: text/html; charset=utf-8", "vary: accept", "content-length: 403"],
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">\n<title>409 Conflict</title><style>\nbody{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:12vh auto;padding:0 1.5rem;color-scheme:light dark}\nh1{font-size:1.5rem}pre{overflow:auto;font-size:.85rem}</style></head>\n<body><h1>409 Conflict</h1><p>It was there already.</p></body></html>\n',
    ),
    headers={"accept": "text/html"},
)
exchange("exception", "heaven", "GET", "/crash", as_problem(500, "Internal Server Error"))
exchange(
    "exception_before_a_stream_began",
    "heaven",
    "GET",
    "/fails-before-stream",
    as_problem(404, "Not Found", ',"detail":"no rows"'),
)
exchange("body_that_cannot_be_encoded", "heaven", "GET", "/not-json", as_problem(500, "Internal Server Error"))
exchange("status_that_cannot_be_sent", "heaven", "GET", "/bad-status", as_problem(500, "Internal Server Error"))
exchange(
    "timeout",
    "heaven",
    "GET",
    "/slow",
    as_problem(503, "Service Unavailable", ',"detail":"The server did not finish in 0.05 seconds."'),
)
exchanges(
    "errors_answered_by_the_application",
    "heaven",
    [("GET", "/rescued/divide"), ("GET", "/rescued/nothing"), ("GET", "/rescued/crash"), ("POST", "/rescued/divide")],
    [
        as_json('{"error":"integer division or modulo by zero"}', 422),
        as_json('{"nothing":"/rescued/nothing"}', 404),
        as_json('{"sorry":"RuntimeError"}', 500),
        as_problem(405, "Method Not Allowed", "", "allow: GET, HEAD, OPTIONS"),
    ],
)


@scenario("raw", (500, ["content-type: text/plain; charset=utf-8"], "Internal Server Error"))
async def exception_of_a_raw_application(agent: Any) -> Any:
    """What the application doesn't answer the server does; how it says the length of that is its own affair."""
    answer = await agent.request("GET", "/fails")
    headers = headers_of(answer.headers.multi_items(), without=FROM_THE_SOCKET | {"content-length"})
    return answer.status_code, headers, answer.text


exchange("exception_after_the_end", "raw", "GET", "/fails-at-the-end", (200, ["content-length: 8"], "complete"))
exchange("connection_closed_by_the_application", "raw", "GET", "/close", (200, ["content-length: 3"], "bye"))
