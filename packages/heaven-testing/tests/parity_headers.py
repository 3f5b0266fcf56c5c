"""Scenarios of headers, cookies, redirects and authentication."""

from __future__ import annotations

from typing import Any

import httpx

from parity_scenarios import as_json, as_problem, as_text, exchange, exchanges, headers_of, scenario

exchange(
    "headers_as_they_were_sent",
    "heaven",
    "GET",
    "/headers",
    as_json('[["x-one","1, 2"],["x-latin","café"],["x-empty",""],["x-tab","a\\tb"]]'),
    headers=[
        (b"X-One", b"1"),
        (b"x-latin", b"caf\xe9"),
        (b"x-ONE", b"2"),
        (b"x-empty", b""),
        (b"x_one", b"no"),
        (b"x-tab", b"a\tb"),
    ],
)
exchange(
    "headers_as_they_are_answered",
    "heaven",
    "GET",
    "/send-headers",
    (
        200,
        [
            "x-many: one",
            "x-many: two",
            "x-empty: ",
            "x-latin: café",
            "content-type: text/plain; charset=utf-8",
            "content-length: 4",
        ],
        "sent",
    ),
)
exchange(
    "odd_headers_of_a_raw_application",
    "raw",
    "GET",
    "/odd-headers",
    (299, ["x-latin: café", "x-empty: ", "set-cookie: a=1", "x-b: 1", "set-cookie: b=2", "content-length: 3"], "odd"),
)


@scenario("heaven", ["LocalProtocolError", "LocalProtocolError", "LocalProtocolError", "LocalProtocolError"])
async def headers_that_cannot_be_sent(agent: Any) -> Any:
    """A client refuses to send a header, or a method, that would be another request to whoever reads it."""
    refused = []
    for method, headers in (("GET", {"x": "a\r\nb: c"}), ("GET", {"x y": "a"}), ("GE T", {}), ("GET", {"x": " a"})):
        try:
            refused.append((await agent.request(method, "/", headers=headers)).status_code)
        except httpx.LocalProtocolError as error:
            refused.append(type(error).__name__)
    return refused


@scenario(
    "heaven",
    (
        [
            "set-cookie: plain=1; Path=/; HttpOnly; SameSite=Lax",
            "set-cookie: below=2; Path=/cookies/below; HttpOnly; SameSite=Lax",
            "set-cookie: wide=3; Path=/; Domain=heaven.test; HttpOnly; SameSite=Lax",
            "set-cookie: secure=4; Path=/; Secure; HttpOnly; SameSite=Lax",
            "content-type: text/plain; charset=utf-8",
            "content-length: 3",
        ],
        ["below heaven.test /cookies/below", "plain heaven.test /", "secure heaven.test /", "wide .heaven.test /"],
        {"plain": "1", "wide": "3"},
        {"below": "2", "plain": "1", "wide": "3"},
        "deleted",
        {"wide": "3"},
    ),
)
async def cookies_in_the_jar(agent: Any) -> Any:
    """Cookies are set, sent back where they belong, and deleted."""
    given = await agent.request("GET", "/cookies/set")
    jar = sorted(f"{cookie.name} {cookie.domain} {cookie.path}" for cookie in agent.cookies.jar)
    here, below = await agent.request("GET", "/cookies"), await agent.request("GET", "/cookies/below")
    deleted = await agent.request("GET", "/cookies/delete")
    left = await agent.request("GET", "/cookies")
    return headers_of(given.headers.multi_items()), jar, here.json(), below.json(), deleted.text, left.json()


exchange(
    "cookies_of_one_request",
    "heaven",
    "GET",
    "/cookies",
    as_json('{"a":"1","b":"2 3"}'),
    headers={"cookie": 'a=1; b="2 3"; a=4; c'},
)
exchanges(
    "redirects_followed",
    "heaven",
    [
        ("POST", f"/moved/{status}", {"content": b"four", "follow_redirects": True})
        for status in (301, 302, 303, 307, 308)
    ],
    [
        as_json('{"method":"GET","size":0}'),
        as_json('{"method":"GET","size":0}'),
        as_json('{"method":"GET","size":0}'),
        as_json('{"method":"POST","size":4}'),
        as_json('{"method":"POST","size":4}'),
    ],
)
exchange("redirect_to_another_host", "heaven", "GET", "/elsewhere", as_json('{"api":"api"}'), follow_redirects=True)


@scenario("heaven", ("TooManyRedirects", [(302, "http://heaven.test/moved/302")], "http://heaven.test/any?moved=1"))
async def redirects_without_an_end(agent: Any) -> Any:
    """A loop of redirects ends with an exception; what was on the way is in the history of others."""
    try:
        await agent.request("GET", "/loop", follow_redirects=True)
    except httpx.TooManyRedirects as error:
        gone = type(error).__name__
    moved = await agent.request("GET", "/moved/302", follow_redirects=True)
    return gone, [(each.status_code, str(each.url)) for each in moved.history], str(moved.url)


exchange("authentication_basic", "heaven", "GET", "/authorization", as_text("Basic YWRhOnDDpHNz"), auth=("ada", "päss"))
exchange(
    "authentication_digest",
    "heaven",
    "GET",
    "/private",
    as_text("Digest algorithm cnonce nc nonce qop realm response uri username"),
    auth=httpx.DigestAuth("ada", "pass"),
)
exchange(
    "authentication_missing",
    "heaven",
    "GET",
    "/private",
    as_problem(
        401, "Unauthorized", "", 'www-authenticate: Digest realm="parity", nonce="abc", qop="auth", algorithm=SHA-256'
    ),
)
exchange(
    "compressed_response",
    "raw",
    "GET",
    "/gzip",
    (
        200,
        ["content-encoding: gzip", "content-length: 36"],
        "pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed pressed ",
    ),
)
