"""Advisories about what gets mixed up: responses, requests, secrets, checks, events (classes 31, 32, 43, 45, 50)."""

from __future__ import annotations

import ast
import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import heaven
from driver import request
from heaven import App, NotFound

SOURCE = Path(heaven.__file__).parent

# 31: responses that are somebody's own. Sessions are a battery of contrib; the core keeps what such a battery sets.


async def test_class_31_vary_survives_whatever_becomes_of_the_response(tmp_path: Path) -> None:
    """What a BEFORE hook adds to Vary is on every answer of the route: ok, aborted, refused, failed, a file or a stream."""
    (tmp_path / "page.txt").write_text("yours")
    app = App()

    async def stream(req: Any, res: Any, ctx: Any) -> Any:
        async def chunks() -> Any:
            yield b"yours"

        return chunks()

    def abort(req: Any, res: Any, ctx: Any) -> None:
        res.abort("no", 403)

    def missing(req: Any, res: Any, ctx: Any) -> None:
        raise NotFound

    def crash(req: Any, res: Any, ctx: Any) -> None:
        res.headers["cache-control"] = "public, max-age=3600"
        raise RuntimeError

    app.BEFORE("/*", lambda req, res, ctx: res.headers.add("vary", "cookie"))
    app.GET("/ok", lambda req, res, ctx: "yours")
    app.GET("/abort", abort)
    app.GET("/missing", missing)
    app.GET("/crash", crash)
    app.GET("/stream", stream)
    app.GET("/file", lambda req, res, ctx: res.file(tmp_path / "page.txt") and None)
    etag = (await request(app, url="/file")).headers["etag"]
    for path, headers in (("/ok", {}), ("/abort", {}), ("/missing", {}), ("/crash", {}), ("/stream", {}), ("/file", {}), ("/file", {"if-none-match": etag}), ("/file", {"range": "bytes=9-"})):  # fmt: skip
        reply = await request(app, url=path, headers=headers)
        assert "cookie" in reply.headers["vary"].split(", ")
        assert "public" not in reply.headers.get("cache-control", "")


async def test_class_31_an_error_does_not_hand_out_the_cookie_of_the_response_it_replaces() -> None:
    """What a handler had set when it failed, a cookie or a lifetime in caches, is not on the error."""

    def crash(req: Any, res: Any, ctx: Any) -> None:
        res.cookie("session", "7")
        res.headers["cache-control"] = "public, max-age=3600"
        res.headers["etag"] = '"1"'
        raise RuntimeError

    app = App()
    app.GET("/", crash)
    assert set((await request(app)).headers) == {"content-type", "content-length", "vary"}


# 32: state between requests


async def test_class_32_ten_thousand_requests_at_once_keep_their_own() -> None:
    """Context, params, cookies, headers, body and response of 10,000 concurrent requests are never mixed."""
    app = App()

    def before(req: Any, res: Any, ctx: Any) -> None:
        ctx.tag = req.headers["x-tag"]
        ctx.keep("again", req.params["tag"])
        res.headers["x-before"] = req.cookies["tag"]

    async def handler(req: Any, res: Any, ctx: Any) -> Any:
        tag = ctx.tag
        await asyncio.sleep(0)
        res.cookie("tag", req.queries["tag"])
        await asyncio.sleep(0)
        assert tag == ctx.tag == ctx.peek("again")
        return [ctx.tag, req.params["tag"], req.queries["tag"], req.json, req.cookies["tag"], req.ip]

    def after(req: Any, res: Any, ctx: Any) -> None:
        res.headers["x-after"] = ctx.tag

    app.BEFORE("/*", before)
    app.POST("/:tag", handler)
    app.AFTER("/*", after)

    async def ask(number: int) -> None:
        tag = f"t{number}"
        headers = {"x-tag": tag, "cookie": f"tag={tag}"}
        reply = await request(app, "POST", f"/{tag}?tag={tag}", headers, json=tag, client=(tag, 1), timeout=60)
        assert [tag] * 6 == reply.json
        assert (tag, tag, [f"tag={tag}; Path=/; HttpOnly; SameSite=Lax"]) == (
            reply.headers["x-before"],
            reply.headers["x-after"],
            reply.all("set-cookie"),
        )

    for _ in range(5):
        await asyncio.gather(*(ask(number) for number in range(2000)))


async def test_class_32_what_is_sent_belongs_to_one_response() -> None:
    """Middleware that changes the messages of a response, prepared ones too, changes that response alone."""
    app = App()

    class Stamp:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            async def stamped(message: Any) -> None:
                if message["type"] == "http.response.start":
                    message["headers"].append((b"x-secret", scope["path"].encode()))
                else:
                    message["body"] = b""
                await send(message)

            await self.inner(scope, receive, stamped)

    app.WRAP(Stamp)
    app.GET("/a", lambda req, res, ctx: "a")
    app.GET("/none", lambda req, res, ctx: None)
    for path in ("/a", "/none", "/missing1", "/missing2", "/missing3", "/none"):
        assert [path] == (await request(app, url=path)).all("x-secret")
    for _ in range(2):
        assert b"" == (await request(app, url="/missing")).body


async def test_control_class_32_a_value_on_the_application_is_mixed_up() -> None:
    """A handler that keeps its tag on the application reads another request's."""
    app = App()

    async def handler(req: Any, res: Any, ctx: Any) -> Any:
        req.app.keep("tag", req.params["tag"])
        await asyncio.sleep(0)
        return req.app.peek("tag")

    app.GET("/:tag", handler)
    replies = await asyncio.gather(*(request(app, url=f"/t{number}") for number in range(10)))
    assert [f"t{number}" for number in range(10)] != [reply.text for reply in replies]


# 43: comparisons


def secret_comparisons(code: str) -> list[str]:
    """The comparisons by == of something that is called like a secret."""
    found: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            words = ast.unparse(node).lower()
            if re.search(r"secret|token|password|signature|digest|api_key|hmac|csrf|mac\b", words):
                found.append(words)
    return found


def test_class_43_the_core_compares_no_secret_by_equality() -> None:
    """Nothing in the core compares a secret with ==; what does so is contrib's, by `hmac.compare_digest`."""
    assert {} == {path.name: found for path in SOURCE.rglob("*.py") if (found := secret_comparisons(path.read_text()))}


def test_control_class_43_the_search_finds_one() -> None:
    """The search sees the comparison that takes as long as what is right of it."""
    assert ["token == expected"] == secret_comparisons("if token == expected: pass")


# 45: python -O


def asserts(code: str) -> list[int]:
    return [node.lineno for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Assert)]


def test_class_45_no_rule_hangs_on_an_assert_statement() -> None:
    """There is no assert in the core, so nothing is let through under `python -O`."""
    assert {} == {path.name: lines for path in SOURCE.rglob("*.py") if (lines := asserts(path.read_text()))}


def test_control_class_45_the_search_finds_one() -> None:
    """The search sees an assert where there is one."""
    assert [1] == asserts("assert user.is_admin")


@pytest.mark.parametrize("flag", ["-O", "-OO"])
def test_class_45_limits_hold_under_optimization(flag: str) -> None:
    """Without asserts and docstrings, bad input is refused at registration and at run time alike."""
    program = """
import asyncio, sys
from driver import request
from heaven import App, RegistrationError
app = App(max_body_size=10)
app.POST("/:id:int", lambda req, res, ctx: req.json)
refused = 0
for bad in ("no slash", "/:id:typ", "/a//b"):
    try:
        app.GET(bad, lambda req, res, ctx: None)
    except RegistrationError:
        refused += 1
async def main():
    statuses = [(await request(app, "POST", path, headers, body)).status for path, headers, body in (
        ("/1", {"content-type": "application/json"}, b"[1]"), ("/1", {}, b"[1]"), ("/1", {}, b"1" * 11), ("/1_0", {}, b""),
        ("/1", {"content-type": "application/json"}, b"[NaN]"))]
    print(refused, *statuses)
asyncio.run(main())
"""
    ran = subprocess.run(
        [sys.executable, flag, "-c", program],
        capture_output=True, text=True, timeout=60, check=False, env={"PYTHONPATH": f"{Path(__file__).parent}:{SOURCE.parent}"},
    )  # fmt: skip
    assert ("3 200 415 413 404 400\n", 0) == (ran.stdout, ran.returncode)


# 50: server-sent events. Templates and their escaping are a battery of contrib.


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\n\n", "\r\r", "\n\r\n"], ids=ascii)
async def test_class_50_data_cannot_begin_a_field_or_an_event(end: str) -> None:
    """A line end in data begins another line of the same data, whatever follows it."""
    app = App()
    evil = f"hello{end}event: admin{end}id: 7{end}{end}data: forged"

    async def events() -> Any:
        yield evil
        yield {"data": evil, "event": "said"}
        yield {"data": {"text": evil}}

    app.GET("/", lambda req, res, ctx: res.events(events()) and None)
    lines = re.split("\r\n|\r|\n", (await request(app)).text)
    assert {"data", "event", ""} == {line.partition(":")[0] for line in lines}
    assert ["event: said"] == [line for line in lines if line.startswith("event")]
    assert 3 == "\n".join(lines).strip().count("\n\n") + 1


@pytest.mark.parametrize("field", ["event", "id"])
@pytest.mark.parametrize("evil", ["a\ndata: forged", "a\rdata: forged", "a\r\n\r\ndata: forged", "a\0"], ids=ascii)
async def test_class_50_a_name_or_id_with_a_line_end_is_an_error(field: str, evil: str) -> None:
    """Names and ids that can't be one line break the stream off, and nothing of them is sent."""
    app = App()

    async def events() -> Any:
        yield {"data": "x", field: evil}

    app.GET("/", lambda req, res, ctx: res.events(events()) and None)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(10)

    async def send(message: Any) -> None:
        sent.append(message)

    from driver import http_scope

    with pytest.raises(ValueError, match="one line"):
        await app(http_scope(), receive, send)
    assert "forged" not in repr(sent)


def test_control_class_50_an_event_put_together_is_forged() -> None:
    """The same text behind `data: ` alone begins an event that the server never sent."""
    assert "event: admin" in "data: {}\n\n".format("hello\nevent: admin").splitlines()
