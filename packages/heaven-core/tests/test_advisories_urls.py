"""Advisories about URLs and methods: what a request asks for, and where an answer leads (classes 22, 23, 26)."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driver import request
from heaven import App

# 22: slash redirects


def redirecting() -> App:
    app = App(slashes="redirect")
    for url in ("/a/", "/b", "/:one/", "/:one/:two/", "/x/:one"):
        app.GET(url, lambda req, res, ctx: "served")
    app.GET("/files/*", lambda req, res, ctx: "served")
    return app


def leaves_the_site(location: str, site: str = "http://testserver") -> bool:
    """Whether a browser that is at the site would go elsewhere, as browsers read a Location (WHATWG URL 4.4)."""
    read = re.sub(r"[\t\r\n]", "", location.strip("".join(map(chr, range(33))))).replace("\\", "/")
    return urlsplit(urljoin(site + "/", read)).netloc != urlsplit(site).netloc


EVIL_PATHS = [
    "//evil.test", "//evil.test/", "///evil.test", "/\\evil.test", "/\\evil.test/", "\\\\evil.test", "\\/evil.test", "/\\/evil.test", "/%5cevil.test", "/%5c%5cevil.test",
    "/%2fevil.test", "/%2f%2fevil.test", "//evil.test/%2f..", "//evil.test/a/..", "/a//evil.test", "/\tevil.test", "/%09/evil.test", "/%0a/evil.test", "/ /evil.test",
    "//evil.test@testserver", "/@evil.test", "@evil.test", "http://evil.test/a", "https:evil.test", "javascript:alert(1)", "/%00//evil.test", ".//evil.test", "/./evil.test", "/.//evil.test",
    "/..//evil.test", "//", "///", "/\\", "", "/;@evil.test", "/%ff%2fevil.test",
]  # fmt: skip


@pytest.mark.parametrize("raw", [True, False], ids=["raw", "decoded"])
@pytest.mark.parametrize("root", ["", "/api", "/api/"])
@pytest.mark.parametrize("path", EVIL_PATHS, ids=ascii)
async def test_class_22_a_slash_redirect_never_leaves_the_site(path: str, root: str, raw: bool) -> None:
    """However a path begins, a Location begins with exactly one slash and leads to our own host."""
    for extra in ({"root_path": root}, {"root_path": root, "path": root.rstrip("/") + path}):
        reply = await request(redirecting(), url=path, **{**extra, **({} if raw else {"raw_path": None})})
        location = reply.headers.get("location")
        if location is not None:
            assert re.match(r"/(?![/\\])", location)
            assert not leaves_the_site(location)
        assert reply.status in (200, 307, 404)


@given(st.text(st.sampled_from("/\\.%@:;ab5cf2\t\n "), max_size=12))
async def test_class_22_no_path_of_separators_leaves_the_site(path: str) -> None:
    """Whatever separators a path is made of, redirects of slashes and of folders stay here."""
    location = (await request(redirecting(), url="/" + path)).headers.get("location", "/")
    assert not leaves_the_site(location)


async def test_class_22_a_folder_redirects_within_the_site(tmp_path: Any) -> None:
    """The redirect into a folder of assets begins with one slash, also where the folder is reached by an odd path."""
    (tmp_path / "evil.test").mkdir()
    (tmp_path / "evil.test/index.html").write_text("index")
    app = App()
    app.ASSETS(tmp_path, "/")
    for path in ("/evil.test", "//evil.test", "///evil.test", "/\\evil.test", "/%2fevil.test", "/%5cevil.test"):
        reply = await request(app, url=path)
        assert not leaves_the_site(reply.headers.get("location", "/"))
        assert reply.status in (307, 404)


async def test_class_22_a_proper_redirect_happens() -> None:
    """A path that lacks its slash is sent to where it is, with its query."""
    reply = await request(redirecting(), url="/a?b=%2F&c")
    assert (307, "/a/?b=%2F&c") == (reply.status, reply.headers["location"])


def test_control_class_22_a_location_put_together_leaves_the_site() -> None:
    """The probe sees what a framework sends that appends a slash and thinks no further."""
    assert all(
        leaves_the_site(path + "/") for path in ("//evil.test", "/\\evil.test", "/\t/evil.test", "\\\\evil.test")
    )
    assert not leaves_the_site("/a/")


# 23: hosts and paths in URLs


@pytest.mark.parametrize(
    "host",
    [
        "evil.test/a",
        "testserver@evil.test",
        "evil.test?",
        "evil.test#",
        "a b",
        "",
        "testserver:80:80",
        "evil.test\\a",
        "[::1",
        "\x00",
        "a" * 300,
        "%41",
        ":80",
        "..",
        "testserver:99999",
    ],
)
async def test_class_23_a_malformed_host_makes_no_url(host: str) -> None:
    """Where the Host is not well-formed, URLs are built from the server's own address, and paths decide as ever."""
    app = App(domain="shop.test")
    app.GET(
        "/page",
        lambda req, res, ctx: {
            "url": req.url,
            "path": req.path,
            "host": req.host,
            "base": req.base_url,
            "sub": req.subdomain,
        },
    )
    reply = await request(app, url="/page?x=1", headers=[(b"host", host.encode("latin-1"))])
    assert {
        "url": "http://127.0.0.1:8000/page?x=1",
        "path": "/page",
        "host": None,
        "base": "http://127.0.0.1:8000",
        "sub": None,
    } == reply.json


@pytest.mark.parametrize(
    "path", ["@evil.test/", "//evil.test/", "http://evil.test/", ".evil.test/", ":80@evil.test/", "/\\evil.test"]
)
async def test_class_23_a_path_does_not_move_the_host_of_the_url(path: str) -> None:
    """Whatever a request target looks like, the host of `req.url` is the one of the Host header."""
    seen: list[str] = []
    app = App(slashes="strict")

    class Look:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await self.inner(scope, receive, send)

    app.WRAP(Look)
    app.ON(404, lambda req, res, ctx, error: seen.append(req.url) or "nothing")
    app.GET("/*", lambda req, res, ctx: seen.append(req.url) or "")
    for extra in ({}, {"raw_path": None}):
        await request(app, url=path, host="testserver", **extra)
    assert ["testserver", "testserver"] == [urlsplit(url).hostname for url in seen]


async def test_class_23_what_is_routed_is_the_path_and_not_the_host() -> None:
    """A guard of a path holds whatever the Host, the scheme or X-Original-URL say."""
    app = App()
    app.GET("/admin", lambda req, res, ctx: "secret")
    app.BEFORE("/admin/*", lambda req, res, ctx: res.abort("no", 403))
    for headers in (
        {"host": "x/public"},
        {"x-original-url": "/public"},
        {"x-rewrite-url": "/public"},
        {"x-forwarded-prefix": "/public"},
        {"x-forwarded-path": "/p"},
    ):
        assert 403 == (await request(app, url="/admin", headers=headers)).status
        assert (
            404
            == (
                await request(
                    app, url="/nothing", headers={**headers, "x-original-url": "/admin", "x-rewrite-url": "/admin"}
                )
            ).status
        )


# 26: methods

ODD_METHODS = [
    "__class__",
    "__init__",
    "register",
    "static",
    "find",
    "get",
    "Get",
    "GET\n",
    "",
    " ",
    "GET ",
    "*",
    "WEBSOCKET",
    "HACK",
    "G" * 10_000,
    "CONNECT",
    "TRACE",
    "options",
    "\u0130",
]


@pytest.mark.parametrize("method", ODD_METHODS, ids=lambda text: ascii(text[:12]))
async def test_class_26_a_method_is_a_key_and_never_an_attribute(method: str) -> None:
    """A method that is not served is a 405 with the methods that are, whatever it is called."""
    ran: list[str] = []
    app = App()
    app.GET("/page", lambda req, res, ctx: ran.append("page"))
    app.WS("/page", lambda req, ws, ctx: ran.append("socket"))
    app.WS("/socket", lambda req, ws, ctx: ran.append("socket"))
    reply = await request(app, method, "/page")
    assert (405, "GET, HEAD, OPTIONS", []) == (reply.status, reply.headers.get("allow"), ran)
    assert 404 == (await request(app, method, "/socket")).status
    assert [] == ran


@pytest.mark.parametrize("name", ["x-http-method-override", "x-http-method", "x-method-override", "_method"])
async def test_class_26_a_method_override_is_ignored(name: str) -> None:
    """A header or a field can't make a POST anything else."""
    app = App()
    app.POST("/", lambda req, res, ctx: req.method)
    app.DELETE("/", lambda req, res, ctx: req.method)
    headers = {name: "DELETE", "content-type": "application/x-www-form-urlencoded"}
    assert "POST" == (await request(app, "POST", f"/?{name}=DELETE", headers, b"_method=DELETE")).text


async def test_class_26_a_guard_of_get_guards_head_and_every_method_is_every_method() -> None:
    """What GET may not, HEAD may not; a guard without methods also sees the methods that no standard names."""
    ran: list[str] = []
    app = App()
    app.GET("/a", lambda req, res, ctx: ran.append("a"))
    app.HTTP("/b", lambda req, res, ctx: ran.append("b"))
    app.BEFORE("/a", lambda req, res, ctx: res.abort(None, 403), methods="GET")
    app.BEFORE("/b", lambda req, res, ctx: res.abort(None, 403))
    for method, path in (
        ("GET", "/a"),
        ("HEAD", "/a"),
        ("GET", "/b"),
        ("HACK", "/b"),
        ("get", "/b"),
        ("*", "/b"),
        ("WEBSOCKET", "/b"),
    ):
        assert (403, []) == ((await request(app, method, path)).status, ran)
