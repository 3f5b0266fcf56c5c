"""Applications under patterns of hosts: whom a request meets, parameters, precedence, and what can't stand there."""

from __future__ import annotations

import re

import pytest

from driver import request
from heaven import App, NoSuchURL, RegistrationError
from sockets import refused_with, talk


def said(text):
    """A handler that answers with a text, the route and the parameters."""
    return lambda req, res, ctx: {"said": text, "route": req.route, "params": req.params}


def passing(app):
    """Middleware that does nothing, and makes an island of a child."""

    async def middleware(scope, receive, send):
        await app(scope, receive, send)

    return middleware


@pytest.fixture(params=["child", "island"])
def wraps(request):
    """Whether the child has middleware of its own, and so a wiring of its own: it must make no other difference."""

    def wrap(app):
        if request.param == "island":
            app.WRAP(passing)
        return app

    return wrap


@pytest.fixture
def api(wraps):
    """An application with the three kinds of routes and a 404 of its own."""
    api = wraps(App())
    api.GET("/", said("home"))
    api.GET("/orders/:id:int", said("order"), name="order")
    api.GET("/files/*", said("files"))
    api.ON(404, lambda req, res, ctx: "the api's 404")
    return api


@pytest.fixture
def app(api):
    """A site with an application for each tenant beside it."""
    app = App()
    app.GET("/", said("site"))
    app.GET("/about", said("about"))
    app.mount(api, host="api.{tenant}.shop.test", name="api")
    return app


async def meet(app, host, url="/", method="GET", **options):
    reply = await request(app, method, url, headers={"host": host}, **options)
    return reply.json["said"] if reply.status == 200 else reply.status


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/", {"said": "home", "route": "/", "params": {"tenant": "acme"}}),
        ("/orders/7", {"said": "order", "route": "/orders/:id:int", "params": {"id": 7, "tenant": "acme"}}),
        ("/files/a/b", {"said": "files", "route": "/files/*", "params": {"*": "a/b", "tenant": "acme"}}),
        ("/files/a%2Fb", {"said": "files", "route": "/files/*", "params": {"*": "a/b", "tenant": "acme"}}),
    ],
)
async def test_its_parameters_join_those_of_the_path(app, url, expected) -> None:
    """Static routes and others have them alike; the host is read in lower case and without its port."""
    reply = await request(app, "GET", url, headers={"host": "API.Acme.shop.test:8443"})

    assert expected == reply.json


async def test_requests_share_no_parameters(app) -> None:
    """What one host said is gone with its request."""
    hosts = ["api.a.shop.test", "api.b.shop.test", "shop.test"]

    replies = [await request(app, "GET", "/", headers={"host": host}) for host in hosts]

    assert [{"tenant": "a"}, {"tenant": "b"}, {}] == [reply.json["params"] for reply in replies]


@pytest.mark.parametrize(
    ("host", "url", "expected"),
    [
        ("api.acme.shop.test", "/about", 404),
        ("shop.test", "/about", "about"),
        ("shop.test", "/orders/7", 404),
        ("eu.api.acme.shop.test", "/", "site"),
        ("api.shop.test", "/", "site"),
        ("api.acme.shop.test.evil.test", "/", "site"),
        ("10.0.0.1", "/", "site"),
        ("[::1]:8000", "/", "site"),
        ("api.acme.shop.test/evil", "/", "site"),
        ("", "/", "site"),
        ("api.\xfc.shop.test", "/", "site"),
        pytest.param("a." * 300, "/", "site", id="too long"),
        pytest.param("api.xn--bcher-kva.shop.test", "/", "home", id="punycode"),
    ],
)
async def test_a_host_is_served_by_its_mount_alone(app, host, url, expected) -> None:
    """A host that matches meets these routes and no others; all others meet the rest, as without any host."""
    assert expected == await meet(app, host, url)


async def test_its_404_and_405_are_the_child_s(app, wraps) -> None:
    """Whatever the child has no route for, it answers itself."""
    there = {"host": "api.acme.shop.test"}

    assert "the api's 404" == (await request(app, "GET", "/about", headers=there)).text
    assert "GET, HEAD, OPTIONS" == (await request(app, "POST", "/orders/7", headers=there)).headers["allow"]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("api.shop.test", "api.shop.test"),
        ("eu.shop.test", "{a}.shop.test"),
        ("api.test.test", "api.{b}.test"),
        ("eu.de.test", "{a}.{b}.test"),
        ("eu.shop.de", "site"),
    ],
)
async def test_the_more_specific_host_goes_first(host, expected, turned) -> None:
    """A label goes before a parameter, from the right to the left, whatever the order of registration."""
    app = App()
    app.GET("/", said("site"))
    hosts = ["{a}.{b}.test", "api.{b}.test", "{a}.shop.test", "api.shop.test"]
    for each in reversed(hosts) if turned else hosts:
        child = App()
        child.GET("/", said(each))
        app.mount(child, host=each)

    assert expected == await meet(app, host)


async def test_a_host_goes_before_a_subdomain() -> None:
    """Routes of a subdomain are met on the hosts that no pattern matches."""
    app, child = App(), App()
    app.GET("/", said("subdomain"), subdomain="api")
    child.GET("/", said("host"))
    app.mount(child, host="api.shop.test")

    assert ["host", "subdomain"] == [await meet(app, host) for host in ("api.shop.test", "api.other.test")]


async def test_two_mounts_share_a_host(wraps) -> None:
    """Each has its prefix; what is outside of both is the 404 of the application around them."""
    app, shop, blog = App(), wraps(App()), wraps(App())
    shop.GET("/x", said("shop"))
    blog.GET("/x", said("blog"))
    app.GET("/x", said("site"))
    app.mount(shop, "/shop/:city", host="{tenant}.test")
    app.mount(blog, "/blog", host="{tenant}.test")

    assert ["shop", "blog", 404] == [await meet(app, "a.test", url) for url in ("/shop/rome/x", "/blog/x", "/x")]


async def test_what_is_mounted_below_is_under_the_host(wraps) -> None:
    """Grandchildren as well, with their prefix."""
    app, child, grandchild = App(), App(), wraps(App())
    grandchild.GET("/x", said("deep"))
    child.mount(grandchild, "/deep")
    app.mount(child, "/child", host="{tenant}.test")

    reply = await request(app, "GET", "/child/deep/x", headers={"host": "a.test"})

    assert {"said": "deep", "route": "/child/deep/x", "params": {"tenant": "a"}} == reply.json
    assert 404 == await meet(app, "a.b.test", "/child/deep/x")


async def test_a_host_below_a_prefix(wraps) -> None:
    """The prefix of the mount around it stays in front, and an island hands it on."""
    app, child, grandchild = App(), wraps(App()), App()
    grandchild.GET("/x", said("host"))
    child.GET("/x", said("child"))
    child.mount(grandchild, host="{tenant}.test")
    app.mount(child, "/child")

    hosts = ["a.test", "other"]

    assert ["host", "child"] == [await meet(app, host, "/child/x") for host in hosts]


async def test_foreign_applications_and_websockets_are_found_there() -> None:
    """Of other ASGI applications as of Apps; the scope is the same as without a host."""

    async def foreign(scope, receive, send):
        if scope["type"] == "websocket":
            await send({"type": "websocket.accept"})
            return
        body = f"{scope['root_path']} {scope['path']}".encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def greet(req, ws, ctx):
        await ws.accept()
        await ws.send_text(str(req.params))

    app, child = App(), App()
    child.WS("/greet", greet)
    app.mount(foreign, "/legacy", host="{tenant}.test")
    app.mount(child, host="{tenant}.test")

    assert "/legacy /legacy/x" == (await request(app, "GET", "/legacy/x", headers={"host": "a.test"})).text
    assert "websocket.accept" == (await talk(app, "/legacy/x", headers={"host": "a.test"}))[0]["type"]
    assert "{'tenant': 'a'}" == (await talk(app, "/greet", headers={"host": "a.test"}))[1]["text"]
    assert [403, 403] == [
        refused_with(await talk(app, url, headers={"host": host}))
        for url, host in (("/greet", "other.host.test"), ("/none", "a.test"))
    ]


async def test_a_trusted_proxy_says_the_host(api) -> None:
    """As for subdomains: X-Forwarded-Host counts from proxies that are trusted, and from nobody else."""
    headers = {"host": "inner", "x-forwarded-host": "api.acme.shop.test", "x-forwarded-for": "1.2.3.4"}
    statuses = []
    for trusted in (["127.0.0.1"], []):
        app = App(trusted_proxies=trusted)
        app.mount(api, host="api.{tenant}.shop.test")
        statuses.append((await request(app, "GET", "/", headers=headers)).status)

    assert [200, 404] == statuses


async def test_allowed_hosts_are_asked_first(api) -> None:
    """What `hosts=` refuses is a 400, whatever is mounted there."""
    app = App(hosts=["*.shop.test"])
    app.mount(api, host="api.{tenant}.{any}.test")

    assert ["home", 400] == [await meet(app, host) for host in ("api.acme.shop.test", "api.acme.evil.test")]


async def test_hooks_of_the_application_around_it_run() -> None:
    """Those of all routes always; those of a subdomain for the requests that are on it."""
    log = []
    app, child = App(), App()
    app.BEFORE("/*", lambda req, res, ctx: log.append("every"))
    app.BEFORE("/*", lambda req, res, ctx: log.append("api"), subdomain="api")
    child.BEFORE("/*", lambda req, res, ctx: log.append("child"))
    child.GET("/", said("x"))
    app.mount(child, host="{kind}.{tenant}.test")

    for host in ("api.a.test", "www.a.test"):
        await meet(app, host)

    assert ["every", "api", "child", "every", "child"] == log


async def test_a_redirect_keeps_host_and_query() -> None:
    """It leads to a path, so the client stays where it is."""
    app, child = App(slashes="redirect"), App(slashes="redirect")
    child.GET("/x", said("x"))
    app.mount(child, host="{tenant}.test")

    reply = await request(app, "GET", "/x/?y=1", headers={"host": "a.test"})

    assert (307, "/x?y=1") == (reply.status, reply.headers["location"])


def test_url_for_gives_the_path_alone(app, api) -> None:
    """Hosts have no part in it: their parameters are as unknown as any."""
    assert "/orders/7" == app.url_for("api:order", id=7) == api.url_for("order", id=7)
    with pytest.raises(NoSuchURL, match="takes 'id', and not 'tenant'"):
        app.url_for("api:order", id=7, tenant="acme")


def test_explain_names_the_host(app) -> None:
    """With the parameters in it; of other hosts it says what it always said."""
    found = app.explain("GET", "https://api.acme.shop.test/orders/7")
    missed = app.explain("GET", "https://api.acme.shop.test/about")
    elsewhere = app.explain("GET", "https://shop.test/")

    assert ("api.{tenant}.shop.test", {"id": 7, "tenant": "acme"}) == (found.host, found.params)
    assert "  host       api.{tenant}.shop.test: the routes of this host (api.acme.shop.test), and no others" in str(
        found
    )
    assert ("api.{tenant}.shop.test", None, 404) == (missed.host, missed.route, missed.status)
    assert (None, "the routes without a subdomain") == (elsewhere.host, elsewhere.table)


def test_the_wiring_names_the_host(app) -> None:
    """Its routes are listed with it in front of the path."""
    assert "GET       api.{tenant}.shop.test/orders/:id:int" in str(app.wiring)


def test_check_looks_below_hosts(app, wraps) -> None:
    """Nothing is wrong with a route there, until something hides it; the same path elsewhere does not."""
    assert [] == app.check()

    child = App()
    child.GET("/blog/x", said("x"))
    app.mount(child, host="{tenant}.test")
    app.mount(wraps(App()), "/blog", host="{tenant}.test")
    child.GET("/:x", said("hidden"))
    child.GET("/heaven-sample", said("hides"))

    assert ["shadowed route"] == [finding.kind for finding in app.check()]


def test_middleware_of_each_place_is_its_own() -> None:
    """An island under two hosts is made twice, and kept when routes are added later."""
    made = []

    def counting(app):
        made.append(app)
        return app

    app, child = App(), App()
    child.WRAP(counting)
    for host in ("a.test", "b.test"):
        app.mount(child, host=host)
    app.wire()
    child.GET("/", said("x"))
    app.wire()

    assert 2 == len(made)


HERE = re.escape(__file__) + r":\d+"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"host": "shop.test:8000"}, f"mount at {HERE}: the host 'shop.test:8000' can't work: write it without"),
        (
            {"host": "shop.test", "subdomain": "api"},
            f"mount at {HERE} got host='shop.test' and subdomain='api'; give one of them",
        ),
    ],
)
def test_a_host_that_can_t_work_is_refused_at_once(options, message) -> None:
    """When it is mounted, with the place."""
    with pytest.raises(RegistrationError, match=message):
        App().mount(App(), **options)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        ({"host": "a.test"}, {"host": "b.test"}),
        ({"host": "{a}.test"}, {"subdomain": "api"}),
        ({"subdomain": "api"}, {"host": "b.test"}),
    ],
)
def test_one_host_inside_another_is_refused(outer, inner) -> None:
    """No request could have both."""
    app, child = App(), App()
    child.mount(App(), **inner)
    app.mount(child, **outer)

    with pytest.raises(RegistrationError, match=f"the mount at {HERE} is under '.*', inside of one under '.*'; a req"):
        app.wire()


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("/:tenant", {}, "GET /:tenant at .* has the parameter 'tenant', and so has the host '{tenant}.test' above it"),
        (
            "/x",
            {"subdomain": "api"},
            "GET /x at .* is on the subdomain 'api', in an application mounted under the host",
        ),
    ],
)
def test_a_route_that_can_t_stand_there_is_refused(url, options, message) -> None:
    """When the application is wired, with the place of the route."""
    app, child = App(), App()
    child.GET(url, said("x"), **options)
    app.mount(child, host="{tenant}.test")

    with pytest.raises(RegistrationError, match=message):
        app.wire()


def test_two_names_for_one_label_are_refused() -> None:
    """Two patterns of the same hosts would each want all requests."""
    app = App()
    app.mount(App(), "/a", host="{a}.test")
    app.mount(App(), "/b", host="{b}.test")
    for child in (mount.child for mount in app.written.mounts):
        child.GET("/x", said("x"))

    with pytest.raises(RegistrationError, match="'{a}.test' and '{b}.test'.* are the same hosts; write one"):
        app.wire()
