"""Advisories about hosts, proxies and origins: who asks, and on whose behalf (classes 24, 25, 33-35)."""

from __future__ import annotations

import re
from typing import Any

import pytest

from driver import request
from heaven import App, RegistrationError
from sockets import DENIAL, refused_with, talk

# 24: allow-lists of hosts


@pytest.mark.parametrize(
    "host",
    ["evilshop.test", "shop.test.evil.test", "shopXtest", "shop-test", "a.shop.test.evil", "shop.test\n", "shop.test ", "", "evil.test", "xshop.test", "shop.test@evil.test", "shop.test/x",
     "shop.test..", ".shop.test", "shop.test:80x", "api.shop.tes", "\u017fhop.test"],
)  # fmt: skip
async def test_class_24_hosts_are_compared_label_by_label(host: str) -> None:
    """No lookalike of an allowed host is served: a dot is a dot, and the name ends where it ends."""
    app = App(hosts=["shop.test", "*.eu.shop.test"])
    app.GET("/", lambda req, res, ctx: "served")
    assert 400 == (await request(app, headers=[(b"host", host.encode("utf-8"))])).status
    assert 400 == refused_with(await talk(app, "/", headers=[(b"host", host.encode("utf-8"))], extensions=DENIAL))


async def test_class_24_allowed_hosts_are_served_and_a_missing_one_is_not() -> None:
    """The names themselves are served in any case, with a port or a last dot; a request without a Host is not."""
    app = App(hosts=["shop.test", "*.eu.shop.test"])
    app.GET("/", lambda req, res, ctx: "served")
    for host in ("shop.test", "SHOP.TEST:8080", "shop.test.", "a.eu.shop.test", "a.b.eu.shop.test"):
        assert 200 == (await request(app, headers={"host": host})).status
    assert 400 == (await request(app, host=None)).status
    assert 400 == (await request(app, headers={"host": "eu.shop.test"})).status


async def test_class_24_forwarded_hosts_count_from_trusted_proxies_alone() -> None:
    """X-Forwarded-Host from anybody else neither gets a request in nor keeps one out."""
    app = App(hosts=["shop.test"], trusted_proxies=["10.0.0.1"])
    app.GET("/", lambda req, res, ctx: req.host)
    for field in ({"x-forwarded-host": "shop.test"}, {"forwarded": "host=shop.test"}):
        outside = await request(app, headers={"host": "evil.test", **field})
        inside = await request(app, headers={"host": "evil.test", **field}, client=("10.0.0.1", 1))
        assert (400, 200, "shop.test") == (outside.status, inside.status, inside.text)
    for field in ({"x-forwarded-host": "evil.test"}, {"forwarded": "host=evil.test"}):
        outside = await request(app, headers={"host": "shop.test", **field})
        inside = await request(app, headers={"host": "shop.test", **field}, client=("10.0.0.1", 1))
        assert (200, 400) == (outside.status, inside.status)


def test_class_24_a_pattern_that_is_no_host_is_refused_when_it_is_written() -> None:
    """A regular expression, a scheme or a star inside a name is no pattern for a host."""
    for pattern in (r".*\.shop\.test", "https://shop.test", "shop.*", "*shop.test", "shop.test:80", "^shop.test$", ""):
        with pytest.raises(RegistrationError):
            App(hosts=[pattern])


def test_control_class_24_a_regular_expression_lets_lookalikes_in() -> None:
    """The names of the test are made for what others compare with."""
    assert re.match(r"shop.test", "shopXtest")
    assert re.match(r"shop\.test", "shop.test.evil.test")
    assert "evilshop.test".endswith("shop.test")


# 25: addresses of clients


@pytest.mark.parametrize(
    "headers",
    [{"x-forwarded-for": "1.2.3.4"}, {"forwarded": "for=1.2.3.4"}, {"x-real-ip": "1.2.3.4"}, {"client-ip": "1.2.3.4"}, {"x_forwarded_for": "1.2.3.4"},
     {"cf-connecting-ip": "1.2.3.4"}, {"x-forwarded-for": "127.0.0.1"}, {"true-client-ip": "1.2.3.4"}],
)  # fmt: skip
async def test_class_25_nobody_chooses_their_own_address(headers: dict[str, str]) -> None:
    """Whoever is no trusted proxy has the address of the connection, so that a rate limit counts the right one."""
    for app in (App(), App(trusted_proxies=["10.0.0.1"])):
        app.GET("/", lambda req, res, ctx: f"{req.ip} {req.scheme}")
        said = {**headers, "x-forwarded-proto": "https"}
        assert "203.0.113.9 http" == (await request(app, headers=said, client=("203.0.113.9", 1))).text


async def test_class_25_behind_a_proxy_the_nearest_untrusted_address_counts() -> None:
    """What a client writes left of what the proxy appended changes nothing."""
    app = App(trusted_proxies=["10.0.0.0/8"])
    app.GET("/", lambda req, res, ctx: req.ip)
    for spoofed in ("1.1.1.1", "1.1.1.1, 2.2.2.2", "127.0.0.1", "10.0.0.7", "evil", '"', "for=1.1.1.1", ","):
        said = {"x-forwarded-for": f"{spoofed}, 203.0.113.9, 10.0.0.2"}
        assert "203.0.113.9" == (await request(app, headers=said, client=("10.0.0.1", 1))).text


def test_control_class_25_the_left_most_address_is_the_clients_own_choice() -> None:
    """Taking the first address, as is often done, takes the spoofed one."""
    assert "1.1.1.1" == ["1.1.1.1", " 203.0.113.9", " 10.0.0.2"][0]


# 33 and 34: origins. CORS itself is a battery of contrib; the core has the Origins of WebSockets, and app.check().

FOREIGN = ["https://evil.test", "https://shop.test.evil.test", "https://evilshop.test", "https://shopXtest", "http://shop.test", "https://shop.test:444", "https://shop.test/", "https://shop.test@evil.test",
           "null", "", "file://", "https://", "shop.test", "https://shop.test, https://evil.test", "https://shop.test\x00", "*", " ", "https://a.shop.test", "https://shop.test."]  # fmt: skip


def chatting(**options: Any) -> tuple[App, list[str]]:
    ran: list[str] = []
    app = App()

    async def chat(req: Any, ws: Any, ctx: Any) -> None:
        ran.append("handler")
        await ws.accept()

    app.BEFORE("/*", lambda req, res, ctx: ran.append("before"))
    app.WS("/chat", chat, **options)
    return app, ran


@pytest.mark.parametrize("origin", FOREIGN, ids=ascii)
@pytest.mark.parametrize("extensions", [{}, DENIAL], ids=["close", "denial"])
async def test_class_33_and_35_a_foreign_origin_is_refused_before_accept(
    origin: str, extensions: dict[str, Any]
) -> None:
    """A page of another site, however alike its origin looks, is refused with 403 before anything runs."""
    app, ran = chatting(origins=["https://shop.test"])
    sent = await talk(app, "/chat", headers=[(b"origin", origin.encode("latin-1"))], extensions=extensions)
    assert (403, []) == (refused_with(sent), ran)
    assert "websocket.accept" not in [message["type"] for message in sent]


async def test_class_35_two_origins_are_none_of_ours() -> None:
    """A handshake with a second Origin is refused, in whichever order they come."""
    app, ran = chatting(origins=["https://shop.test"])
    pair = [(b"origin", b"https://shop.test"), (b"origin", b"https://evil.test")]
    for headers in (pair, pair[::-1], [pair[0], (b"Origin", b"https://evil.test")], [pair[0], pair[0]]):
        assert 403 == refused_with(await talk(app, "/chat", headers=headers))
    assert [] == ran


async def test_class_35_our_own_pages_and_what_is_no_browser_may_connect() -> None:
    """The named origin is accepted, and clients that send none, which are no browsers."""
    for headers in ({"origin": "https://shop.test"}, {}):
        app, ran = chatting(origins=["https://shop.test"])
        assert refused_with(await talk(app, "/chat", headers=headers)) is None
        assert ["before", "handler"] == ran


async def test_class_35_the_origins_of_the_application_hold_for_every_socket() -> None:
    """`App(origins=...)` guards the routes that don't say otherwise, those of a mounted child too."""
    app = App(origins=["https://shop.test"])

    async def chat(req: Any, ws: Any, ctx: Any) -> None:
        await ws.accept()

    app.WS("/chat", chat)
    app.subdomain("api").WS("/chat", chat)
    for host in ("shop.test", "api.shop.test"):
        assert 403 == refused_with(await talk(app, "/chat", headers={"origin": "https://evil.test", "host": host}))
        assert refused_with(await talk(app, "/chat", headers={"origin": "https://shop.test", "host": host})) is None


async def test_control_class_35_without_origins_everybody_connects() -> None:
    """A socket that names no origins accepts the foreign page, so the refusals above come from the check."""
    app, ran = chatting()
    assert refused_with(await talk(app, "/chat", headers={"origin": "https://evil.test"})) is None


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "NULL",
        "*.shop.test",
        "https://*.shop.test",
        "https://shop.test/",
        "https://shop.test/x",
        "shop.test",
        "",
        "https://",
    ],
)
def test_class_34_an_origin_that_is_none_is_refused_when_it_is_written(origin: str) -> None:
    """`null` is the origin of every sandboxed page, and a pattern or a path is none: configuration errors."""
    with pytest.raises(RegistrationError):
        App(origins=[origin])
    with pytest.raises(RegistrationError):
        App().WS("/", lambda req, ws, ctx: None, origins=[origin])


def test_class_34_a_wildcard_with_credentials_is_a_finding() -> None:
    """`app.check()` names sockets that every origin may open, and middleware that shares credentials with all."""

    def cors(app: Any, **options: Any) -> Any:
        return app

    app = App()
    app.WS("/chat", lambda req, ws, ctx: None, origins=["*"])
    app.WRAP(cors, allow_origins=["*"], allow_credentials=True)
    app.WRAP(cors, allow_origins=["https://shop.test"], allow_credentials=True)
    app.WRAP(cors, allow_origins=["*"], allow_credentials=False)
    assert ["wildcard origin", "wildcard origin"] == [finding.kind for finding in app.check()]


def test_control_class_33_lookalikes_pass_for_the_origin_elsewhere() -> None:
    """The origins of the test pass the comparisons that advisories were written about."""
    assert re.match("https://shop.test", "https://shop.test.evil.test")
    assert re.match("https://shop.test", "https://shopXtest")
    assert "https://shop.test, https://evil.test".startswith("https://shop.test")
