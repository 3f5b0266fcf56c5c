"""Which endpoint serves a request: methods, slashes, hosts, subdomains and root paths."""

from __future__ import annotations

import pytest

from driver import http_scope, request
from heaven import App
from heaven.callables import place_of


def where(req, res, ctx):
    """Say which route it was."""
    return {"route": req.route, "params": req.params, "path": req.path}


def guard(req, res, ctx): ...


def stamp(req, res, ctx): ...


def app_of(*urls, **options) -> App:
    app = App(**options)
    for url in urls:
        app.GET(url, where)
    return app


# Methods


async def test_405_has_the_complete_allow() -> None:
    """Allow names every method of every route that matches, HEAD with GET, and OPTIONS; unknown methods are no exception."""
    app = app_of("/x/:id")
    app.POST("/x/me", where)
    app.DELETE("/x/:id:int", where)
    app.WS("/x/:id", where)
    for method in ("PUT", "PURGE", "get", "WEBSOCKET", "__class__", "*"):
        reply = await request(app, method, "/x/me")
        assert (405, "GET, HEAD, OPTIONS, POST") == (reply.status, reply.headers["allow"])
    assert "DELETE, GET, HEAD, OPTIONS" == (await request(app, "POST", "/x/7")).headers["allow"]


async def test_options_is_answered_unless_a_route_does() -> None:
    """204 with Allow; a route for OPTIONS goes first; OPTIONS * has the methods of all paths."""
    app = app_of("/x")
    app.OPTIONS("/own", lambda req, res, ctx: "own")
    app.WS("/ws", where)
    app.HTTP("/any", where)
    reply = await request(app, "OPTIONS", "/x")
    assert (204, "GET, HEAD, OPTIONS", b"") == (reply.status, reply.headers["allow"], reply.body)
    assert "own" == (await request(app, "OPTIONS", "/own")).text
    every = (await request(app, "OPTIONS", "*")).headers["allow"]
    assert "CONNECT, DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT, QUERY, TRACE" == every
    assert 404 == (await request(app, "GET", "*")).status
    assert 404 == (await request(app, "OPTIONS", "/nope")).status


async def test_head_is_answered_by_get_without_its_content() -> None:
    """The same headers, Content-Length among them, and no body; for a 404 as well."""
    app = app_of("/x")
    get, head = await request(app, "GET", "/x"), await request(app, "HEAD", "/x")
    assert (get.headers, b"") == (head.headers, head.body)
    get, head = await request(app, "GET", "/nope"), await request(app, "HEAD", "/nope")
    assert (404, get.headers, b"") == (head.status, head.headers, head.body)


async def test_a_method_override_header_is_ignored() -> None:
    """The method is the request's own (CVE-2026-48817)."""
    assert 200 == (await request(app_of("/x"), "GET", "/x", {"x-http-method-override": "DELETE"})).status


async def test_a_request_never_reaches_a_websocket_route() -> None:
    """A client may send the method WEBSOCKET; it is a method like any other that no route has."""
    app = App()
    app.WS("/ws", where)
    assert [404, 404] == [(await request(app, method, "/ws")).status for method in ("WEBSOCKET", "GET")]


@pytest.mark.parametrize("name", [b"accept", b"Accept", b"ACCEPT"])
async def test_a_browser_gets_a_page_for_404(name) -> None:
    """Header names may come in capitals; without a wish for HTML it is JSON, the same each time."""
    app = App()
    reply = await request(app, headers=[(b"x-a", b"b"), (name, b"text/html")])
    assert (404, "text/html; charset=utf-8") == (reply.status, reply.headers["content-type"])
    replies = [await request(app, headers=[(b"accept", b"*/*")]) for _ in range(2)]
    replies[0].start["headers"].append((b"x-changed", b"by middleware"))
    assert ["application/problem+json"] * 2 == [reply.headers["content-type"] for reply in replies]
    assert "x-changed" not in replies[1].headers


# Slashes


@pytest.mark.parametrize(
    ("slashes", "url", "expected"),
    [
        ("ignore", "/x", 200), ("ignore", "/x/", 200), ("ignore", "/y", 200), ("ignore", "/y/", 200), ("ignore", "/x//", 404),
        ("redirect", "/x", 200), ("redirect", "/x/", "/x"), ("redirect", "/y", "/y/"), ("redirect", "/y/", 200),
        ("redirect", "/x//", 404), ("redirect", "/p/1/", "/p/1"), ("redirect", "/p/%C3%A9/?a=b&c", "/p/%C3%A9?a=b&c"),
        ("redirect", "/nope", 404), ("redirect", "/nope/", 404), ("redirect", "/p/a%2Fb/", 404), ("redirect", "/", 404),
        ("redirect", "/p/x%0d%0ay/", "/p/x%0D%0Ay"), ("redirect", "/ws/", 404),
        ("strict", "/x", 200), ("strict", "/x/", 404), ("strict", "/y", 404), ("strict", "/y/", 200),
    ],
)  # fmt: skip
async def test_slashes_at_the_end(slashes, url, expected) -> None:
    """They are ignored, put right by a redirect that keeps the query, or make another path."""
    app = app_of("/x", "/y/", "/p/:name", slashes=slashes)
    app.WS("/ws", where)
    reply = await request(app, "GET", url)
    assert expected == (reply.headers["location"] if reply.status == 307 else reply.status)


@pytest.mark.parametrize(
    "url", ["//evil.test/", "//evil.test", "/\\evil.test/", "/%5Cevil.test/", "/%2Fevil.test/", "///evil.test/"]
)
async def test_a_slash_redirect_never_leaves_the_site(url) -> None:
    """Location never begins with what a browser reads as another host (CVE-2021-21330, 2023-28370)."""
    app = app_of("/*", "/:a/:b", "/:a", slashes="redirect")
    for each in (app, app_of("/:a", slashes="redirect"), app_of("/:a/", slashes="redirect")):
        location = (await request(each, "GET", url)).headers.get("location", "/")
        assert location.startswith("/")
        assert location[1:2] not in ("/", "\\")


async def test_a_slash_redirect_keeps_the_root_path() -> None:
    """The client asked below the root path, so it is led there."""
    app = app_of("/x", slashes="redirect")
    assert "/api/x" == (await request(app, "GET", "/api/x/", root_path="/api")).headers["location"]


async def test_a_method_that_is_missing_goes_before_a_redirect() -> None:
    """POST to /x, which GET has, is a 405; to /x/ it is led to /x with its method kept (307)."""
    app = app_of("/x", slashes="redirect")
    assert 405 == (await request(app, "POST", "/x")).status
    assert 307 == (await request(app, "POST", "/x/")).status


# Root path and raw path


@pytest.mark.parametrize(
    ("root", "url", "expected"),
    [
        ("/api", "/api/x", "/x"), ("/api/", "/api/x", "/x"), ("/api", "/apix", None), ("/api", "/x", "/x"), ("/api", "/api", "/"),
        ("/api", "/api/", "/"), ("/a/b", "/a/b/x", "/x"), ("", "/x", "/x"), (None, "/x", "/x"), ("/a b", "/a%20b/x", "/x"),
    ],
)  # fmt: skip
async def test_the_root_path_is_taken_off_at_a_segment_boundary(root, url, expected) -> None:
    """`path` includes `root_path`, and /api is no prefix of /apix."""
    reply = await request(app_of("/x", "/"), "GET", url, root_path=root)
    assert expected == (reply.json["route"] if reply.status == 200 else None)


@pytest.mark.parametrize(
    ("root", "url", "raw", "expected"),
    [
        ("", "/p/a%2Fb", ..., "a/b"),
        ("/api", "/api/p/a%2Fb", ..., "a/b"),
        ("/a/b", "/a/b/p/a%2fb", ..., "a/b"),
        ("/api", "/p/a%2Fb", ..., "a/b"),
        ("/api", "/api/p/a", None, "a"),
        ("", "/p/a", None, "a"),
        ("", "/p/a%2Fb", None, None),
        ("/api", "/api/p/new", b"/api/p/a%2Fold", "new"),
        ("/api", "/api", b"/api", None),
    ],
)  # fmt: skip
async def test_an_encoded_slash_stays_inside_its_parameter(root, url, raw, expected) -> None:
    """Where the server gives `raw_path`; one that does not fit `path` is stale and does not count."""
    extra = {} if raw is ... else {"raw_path": raw}
    reply = await request(app_of("/p/:name"), "GET", url, root_path=root, **extra)
    assert expected == (reply.json["params"]["name"] if reply.status == 200 else None)


async def test_a_minimal_scope_is_served() -> None:
    """raw_path, client, server, root_path and state may be absent, as may `body` and `more_body`."""
    optional = dict.fromkeys(("raw_path", "client", "server", "root_path", "state"))
    app = app_of("/x")
    app.POST("/x", lambda req, res, ctx: "posted")
    assert 200 == (await request(app, "GET", "/x", host=None, **optional)).status
    assert "posted" == (await request(app, "POST", "/x", events=[{"type": "http.request"}], **optional)).text
    assert 404 == (await request(app, "GET", "/y", unknown_key=1, **optional)).status


# Hosts and subdomains


def subdomains(**options) -> App:
    app = App(**options)
    for subdomain in (None, "api", "eu.api", "*"):
        app.GET("/", lambda req, res, ctx, subdomain=subdomain: f"{subdomain} {req.subdomain}", subdomain=subdomain)
    app.GET("/bare", where)
    return app


@pytest.mark.parametrize(
    ("domain", "host", "expected"),
    [
        (None, "api.shop.test", "api api"), (None, "API.shop.test:80", "api api"), (None, "www.shop.test", "* www"),
        (None, "shop.test", "None None"), (None, "127.0.0.1", "None None"), (None, "[::1]:80", "None None"),
        (None, "", "None None"), (None, "a b", "None None"), (None, None, "None None"), (None, "eu.api.shop.test", "* eu"),
        ("shop.co.uk", "eu.api.shop.co.uk", "eu.api eu.api"), ("Shop.co.uk", "api.shop.co.uk", "api api"),
        ("shop.co.uk", "shop.co.uk", "None None"), ("shop.co.uk", "api.evil.test", "None None"),
        ("shop.co.uk", "api.evilshop.co.uk", "None None"),
    ],
)  # fmt: skip
async def test_a_subdomain_has_routes_of_its_own(domain, host, expected) -> None:
    """Its own table where routes name it, else that of "*", else the default; IP addresses have none."""
    assert expected == (await request(subdomains(domain=domain), host=host)).text


async def test_a_known_subdomain_does_not_fall_to_the_default() -> None:
    """What is not in its table is a 404 there; without "*" unknown ones get the default routes."""
    assert 404 == (await request(subdomains(), "GET", "/bare", host="api.shop.test")).status
    app = app_of("/bare")
    app.GET("/", where, subdomain="api")
    assert 200 == (await request(app, "GET", "/bare", host="www.shop.test")).status


async def test_a_trusted_proxy_names_the_host() -> None:
    """The routes follow X-Forwarded-Host as `req.subdomain` does, where the proxy is trusted and nowhere else."""
    headers = {"host": "internal", "x-forwarded-host": "api.shop.test"}
    assert "api api" == (await request(subdomains(trusted_proxies=["127.0.0.1"]), headers=headers)).text
    assert "None None" == (await request(subdomains(trusted_proxies=["10.0.0.1"]), headers=headers)).text
    assert "None None" == (await request(subdomains(), headers=headers)).text
    assert "api api" == (await request(subdomains(trusted_proxies=["unix"]), headers=headers, client=None)).text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("shop.test", 200),
        ("SHOP.test:8000", 200),
        ("eu.shop.test", 200),
        ("evilshop.test", 400),
        ("", 400),
        (None, 400),
        ("a/b", 400),
    ],
)
async def test_hosts_that_are_not_served_are_refused(host, status) -> None:
    """`App(hosts=[...])` compares label by label; a missing or malformed Host is refused as well."""
    reply = await request(app_of("/x", hosts=["shop.test", "*.shop.test"]), "GET", "/x", host=host)
    assert status == reply.status
    if status == 400:
        assert "This host is not served here." == reply.json["detail"]


async def test_a_second_host_is_refused() -> None:
    """Two readers may understand it differently (CVE-2024-1135), in whatever case it comes."""
    headers = [(b"Host", b"shop.test"), (b"host", b"evil.test")]
    for app in (app_of("/x", hosts=["*"]), app_of("/x")):
        reply = await request(app, "GET", "/x", headers)
        assert (400, "The request has more than one Host.") == (reply.status, reply.json["detail"])


# Reading it


def test_the_wiring_can_be_printed_and_read() -> None:
    """Every route on a line with its method, subdomain and place; below it its hooks by name and place, and its limits."""
    app = App(max_body_size=None, timeout=1)
    app.BEFORE("/x/*", guard)
    app.AFTER("/x/:id", stamp)
    app.GET("/x/:id", where, max_body_size=10, timeout=2.5)
    app.POST("/plain", where, timeout=None)
    app.POST("/timed", where)
    app.WS("/ws", where, subdomain="api")
    said = [route.place for route in app.written.routes]
    below = [
        f"    BEFORE  {__name__}.guard  (/x/*)  {place_of(guard)}",
        f"    AFTER   {__name__}.stamp  (/x/:id)  {place_of(stamp)}",
        "    limits  max_body_size 10, timeout 2.5",
    ]
    expected = [
        f"POST      /plain  {said[1]}",
        f"POST      /timed  {said[2]}",
        "    limits  timeout 1",
        f"WEBSOCKET api./ws  {said[3]}",
        f"GET       /x/:id  {said[0]}",
        *below,
        f"HEAD      /x/:id  {said[0]}",
        *below,
    ]
    assert expected == str(app.wiring).splitlines()
    assert f"{__file__}:{guard.__code__.co_firstlineno}" == place_of(guard)


async def test_the_scope_stays_as_the_server_made_it() -> None:
    """Heaven reads the scope and changes nothing in it."""
    scope = http_scope("GET", "/x", root_path="/api")
    before = dict(scope)

    async def receive():
        return {"type": "http.request"}

    async def send(message):
        pass

    await app_of("/x")(scope, receive, send)
    assert before == scope


@pytest.mark.parametrize(
    ("method", "url", "headers", "status"),
    [
        ("POST", "/x", {}, 405),
        ("POST", "/absent", {}, 404),
        ("POST", "/absent", {"accept": "text/html"}, 404),
        ("POST", "/x/", {}, 405),
    ],
)
async def test_nobody_waits_for_a_body_that_no_route_wants(method, url, headers, status) -> None:
    """A body that is large, or never comes, changes nothing about the answer where no route matched."""
    app = App(max_body_size=10)
    app.GET("/x", lambda req, res, ctx: None)
    headers = {**headers, "content-length": "5000000"}

    assert status == (await request(app, method, url, headers, events=[])).status
