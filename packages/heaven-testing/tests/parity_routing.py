"""Scenarios of paths, hosts and methods, of hooks, and of requests beside each other."""

from __future__ import annotations

import asyncio
from typing import Any

from parity_notes import noted, notes, open_gate
from parity_scenarios import as_json, as_problem, as_text, exchange, exchanges, scenario

# Routing

exchange("root", "heaven", "GET", "/", as_text("hello"))
exchange("root_without_a_path", "heaven", "GET", "", as_text("hello"))
exchange("path_parameter", "heaven", "GET", "/orders/7", as_json('{"id":7,"route":"/orders/:id:int"}'))
exchange("path_parameter_that_does_not_convert", "heaven", "GET", "/orders/seven", as_problem(404, "Not Found"))
exchange(
    "missing_path_as_json",
    "heaven",
    "GET",
    "/nothing",
    as_problem(404, "Not Found"),
    headers={"accept": "application/json"},
)
exchange(
    "missing_path_with_head",
    "heaven",
    "HEAD",
    "/nothing",
    (404, ["content-type: application/problem+json", "vary: accept", "content-length: 55"], ""),
)
exchange(
    "method_not_allowed",
    "heaven",
    "DELETE",
    "/orders/7",
    as_problem(405, "Method Not Allowed", "", "allow: GET, HEAD, OPTIONS, PUT"),
)
exchange(
    "method_without_a_route",
    "heaven",
    "PURGE",
    "/orders/7",
    as_problem(405, "Method Not Allowed", "", "allow: GET, HEAD, OPTIONS, PUT"),
)
exchange(
    "head_of_get", "heaven", "HEAD", "/orders/7", (200, ["content-type: application/json", "content-length: 34"], "")
)
exchange("options", "heaven", "OPTIONS", "/orders/7", (204, ["allow: GET, HEAD, OPTIONS, PUT"], ""))
exchange("encoded_slash_stays_inside", "heaven", "GET", "/names/a%2Fb", as_json('{"name":"a/b"}'))
exchange("encoded_text", "heaven", "GET", "/names/gr%C3%BC%C3%9Fe%20%25", as_json('{"name":"grüße %"}'))
exchange("unencoded_text", "heaven", "GET", "/names/grüße und mehr", as_json('{"name":"grüße und mehr"}'))
exchange("bytes_that_are_no_text", "heaven", "GET", "/names/a%FFb", as_json('{"name":"a�b"}'))
exchange("rest_of_a_path", "heaven", "GET", "/files/a/b%2Fc/./d//e", as_json('{"rest":"a/b/c/d//e"}'))
exchanges(
    "double_slashes",
    "heaven",
    [("GET", "/orders//7"), ("GET", "http://heaven.test//orders/7")],
    [as_problem(404, "Not Found"), as_problem(404, "Not Found")],
)
exchange("slash_at_the_end_is_ignored", "heaven", "GET", "/orders/7/", as_json('{"id":7,"route":"/orders/:id:int"}'))
exchange(
    "query_that_converts",
    "heaven",
    "GET",
    "/search?page=3&exact=true&other=%20x+y",
    as_json('{"page":3,"exact":true,"other":" x y"}'),
)
exchange(
    "query_that_does_not_convert",
    "heaven",
    "GET",
    "/search?page=x&exact=maybe",
    as_problem(
        422,
        "Unprocessable Content",
        ',"detail":"2 values can\'t be accepted.","errors":[{"loc":["query","page"],"msg":"Expected `int`"},{"loc":["query","exact"],"msg":"Expected `bool`"}]',
    ),
)
exchange(
    "query_from_params",
    "heaven",
    "GET",
    "/all",
    as_json('{"a":["1","2"],"b":["ä &="],"c":[""]}'),
    params=[("a", "1"), ("b", "ä &="), ("a", "2"), ("c", "")],
)
exchange("fragment_stays_with_the_client", "heaven", "GET", "/all?a=1#b", as_json('{"a":["1"]}'))
exchange(
    "url_as_the_client_sees_it",
    "heaven",
    "GET",
    "/url?x=%2F",
    as_json('{"url":"http://heaven.test/url?x=%2F","order":"/orders/7","path":"/url"}'),
)
exchanges(
    "hosts_and_subdomains",
    "heaven",
    [
        ("GET", "/where"),
        ("GET", "http://api.heaven.test/where"),
        ("GET", "http://API.Heaven.test:8080/where"),
        ("GET", "/where", {"headers": {"host": "api.heaven.test"}}),
        ("GET", "http://api.heaven.test/orders/7"),
        ("GET", "http://other.heaven.test/where"),
    ],
    [
        as_json('{"host":"heaven.test","subdomain":null,"ip":"127.0.0.1"}'),
        as_json('{"api":"api"}'),
        as_json('{"api":"api"}'),
        as_json('{"api":"api"}'),
        as_problem(404, "Not Found"),
        as_json('{"host":"other.heaven.test","subdomain":"other","ip":"127.0.0.1"}'),
    ],
)
exchanges(
    "hosts_that_are_served",
    "strict",
    [
        ("GET", "/where"),
        ("GET", "http://any.strict.test/where"),
        ("GET", "/where", {"headers": {"host": "evil.strict.test.strict.test."}}),
        ("GET", "/where", {"headers": {"host": "x.strict.test@evil"}}),
        ("GET", "http://127.0.0.1.strict.test/where"),
    ],
    [
        as_json('{"default":null}'),
        as_json('{"every":"any"}'),
        as_json('{"every":"evil"}'),
        as_problem(400, "Bad Request", ',"detail":"This host is not served here."'),
        as_json('{"every":"127"}'),
    ],
)
exchanges(
    "slashes_redirected",
    "redirecting",
    [
        ("GET", "/door/?a=%2F&b"),
        ("GET", "/house"),
        ("POST", "/house", {"content": b"x"}),
        ("GET", "/house", {"follow_redirects": True}),
        ("GET", "/names/a%2F"),
        ("HEAD", "/house"),
    ],
    [
        (307, ["location: /door?a=%2F&b", "content-length: 0"], ""),
        (307, ["location: /house/", "content-length: 0"], ""),
        (307, ["location: /house/", "content-length: 0"], ""),
        as_text("house"),
        as_json('{"name":"a/"}'),
        (307, ["location: /house/", "content-length: 0"], ""),
    ],
)
exchanges(
    "slashes_strict", "strict", [("GET", "/door"), ("GET", "/door/")], [as_text("door"), as_problem(404, "Not Found")]
)
exchanges(
    "any_method",
    "heaven",
    [
        (method, "/any", {"content": b"body"})
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "QUERY", "OPTIONS")
    ],
    [
        as_json('{"method":"GET","size":4}'),
        as_json('{"method":"POST","size":4}'),
        as_json('{"method":"PUT","size":4}'),
        as_json('{"method":"PATCH","size":4}'),
        as_json('{"method":"DELETE","size":4}'),
        as_json('{"method":"QUERY","size":4}'),
        as_json('{"method":"OPTIONS","size":4}'),
    ],
)


# Hooks, deferred work, lifespan, concurrency

exchanges(
    "hooks",
    "heaven",
    [("GET", "/hooked/here"), ("GET", "/hooked/here?abort"), ("GET", "/hooked/here?fail"), ("GET", "/hooked/nowhere")],
    [
        (
            200,
            ["x-order: first second after ok", "content-type: application/json", "content-length: 18"],
            '["first","second"]',
        ),
        (
            418,
            ["x-order: first second after aborted", "content-type: application/json", "content-length: 30"],
            '{"aborted":["first","second"]}',
        ),
        (
            500,
            [
                "content-type: application/problem+json",
                "vary: accept",
                "x-order: first second after failed",
                "content-length: 67",
            ],
            '{"type":"about:blank","title":"Internal Server Error","status":500}',
        ),
        as_problem(404, "Not Found"),
    ],
)
exchange("state_of_the_startup", "heaven", "GET", "/greeting", as_text("hello from startup"))


@scenario("heaven", ("answered", [], ["deferred ran"]))
async def deferred_work(agent: Any) -> Any:
    """The response is there before what was deferred has run; it runs all the same."""
    answer = await agent.request("GET", f"/deferred?key={agent.key}")
    before = notes(agent.key)
    open_gate(agent.key)
    return answer.text, before, await noted(agent.key, 1)


@scenario("heaven", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
async def twenty_requests_at_once(agent: Any) -> Any:
    """Requests run beside each other, and each gets its own answer."""
    urls = [f"/barrier?key={agent.key}&count=20&number={number}" for number in range(20)]
    answers = await asyncio.gather(*[agent.request("GET", url) for url in urls])
    return [int(answer.text) for answer in answers]
