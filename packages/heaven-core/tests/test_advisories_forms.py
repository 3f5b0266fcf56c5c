"""Advisories about forms: too many parts, too large, or written on the event loop (classes 7-11)."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from driver import Reply, request
from heaven import App
from slow_disk import SlowDisk
from stopwatch import cpu_seconds_of

MIB = 1024 * 1024
MULTIPART = {"content-type": "multipart/form-data; boundary=x"}
URLENCODED = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


def forms(max_body_size: int | None = None) -> App:
    """An application that reads forms whole, and one that takes them in pieces."""
    app = App(max_body_size=max_body_size)

    async def piecewise(req: Any, res: Any, ctx: Any) -> Any:
        return [[part.name, len(await part.read())] async for part in req.parts()]

    app.POST("/whole", lambda req, res, ctx: [len(req.form), len(req.files)])
    app.POST("/parts", piecewise, stream=True)
    return app


class Endless:
    """A body without an end: gives the same chunk over and over, and counts how much was taken of it."""

    def __init__(self, first: bytes, chunk: bytes) -> None:
        self.chunks = [first]
        self.chunk = chunk
        self.taken = 0

    async def receive(self) -> dict[str, Any]:
        chunk = self.chunks.pop() if self.chunks else self.chunk
        self.taken += len(chunk)
        if self.taken > 64 * MIB:
            raise AssertionError("64 MiB were read of a body that should have been refused")
        return {"type": "http.request", "body": chunk, "more_body": True}


async def send_endless(app: App, path: str, body: Endless, headers: dict[str, str]) -> tuple[Reply, int]:
    """The answer to a body without an end, and by how many bytes memory had grown at its peak."""
    from driver import http_scope

    reply = Reply()

    async def send(message: dict[str, Any]) -> None:
        reply.messages.append(message)

    scope = http_scope("POST", path, {**headers, "transfer-encoding": "chunked"})
    tracemalloc.start()
    try:
        async with asyncio.timeout(20):
            await app(scope, body.receive, send)
        return reply, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


# 7 to 10: limits of forms


async def test_class_7_parts_are_limited_while_they_are_parsed() -> None:
    """An endless row of tiny parts is a 413 soon after the limit, in flat memory."""
    body = Endless(b"", PART * 100)
    reply, peak = await send_endless(forms(), "/parts", body, MULTIPART)
    assert 413 == reply.status
    assert body.taken < 2 * 1000 * len(PART)
    assert peak < 4 * MIB


async def test_class_7_a_form_read_whole_has_the_same_limit() -> None:
    """1,000 parts are a form, 1,001 are a 413."""
    for count, status in ((1000, 200), (1001, 413), (15_000, 413)):
        assert status == (await request(forms(), "POST", "/whole", MULTIPART, PART * count + b"--x--\r\n")).status


@pytest.mark.parametrize("head", [b'name="a"', b'name="a"; size=1', b"name=a"])
async def test_class_8_a_field_without_a_filename_is_bounded(head: bytes) -> None:
    """A text field without an end is a 413 as soon as it is over a mebibyte."""
    body = Endless(b"--x\r\nContent-Disposition: form-data; " + head + b"\r\n\r\n", b"a" * 65_536)
    reply, peak = await send_endless(forms(), "/parts", body, MULTIPART)
    assert 413 == reply.status
    assert body.taken < 2 * MIB
    assert peak < 8 * MIB


async def test_class_8_a_field_read_whole_has_the_same_limit() -> None:
    """Also where the body may be larger, a field of a form read whole may not."""
    body = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * (MIB + 1) + b"\r\n--x--\r\n"
    assert 413 == (await request(forms(), "POST", "/whole", MULTIPART, body)).status


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"a=1&" * 2000, 413),
        (b"&" * 100_000, 413),
        (b"a=" + b"b" * (MIB + 1), 413),
        (b"b" * (MIB + 1), 413),
        (b"a=1&" * 999 + b"b=2", 200),
        (b"=" * 500_000, 200),
        (b"a=" + b"%41" * 300_000, 200),
        (b"a=" + b"%" * 500_000, 200),
        (b"a=" + b"+" * 1_000_000, 200),
        (b"a=" + b"\xff" * 1_000_000, 200),
        (b";" * 1_000_000, 200),
    ],
    ids=lambda value: str(value)[:12],
)
async def test_class_9_urlencoded_forms_have_limits_and_linear_time(body: bytes, status: int) -> None:
    """The limits of parts and fields hold for urlencoded forms, and a megabyte of anything is read in half a second."""
    app = forms()

    async def ask() -> None:
        assert status == (await request(app, "POST", "/whole", URLENCODED, body)).status

    assert await cpu_seconds_of(ask, 2) < 0.5


async def test_class_9_the_size_of_the_whole_body_is_limited_too() -> None:
    """Without a word from the application, a body over a mebibyte is a 413, whatever its type."""
    app = App()
    app.POST("/", lambda req, res, ctx: len(req.body))
    for headers in (URLENCODED, MULTIPART, JSON, {"content-type": "x/y"}, {}):
        assert 413 == (await request(app, "POST", "/", headers, [b"a" * 65_536] * 17)).status
        assert 200 == (await request(app, "POST", "/", headers, [b"a" * 65_536] * 16)).status


@pytest.mark.parametrize(
    ("first", "chunk"),
    [
        (b"", b"preamble\r\n" * 1000),
        (b"", b"\r\n" * 4000),
        (b"", b"-" * 8000),
        (b"", b" " * 8000),
        (b"--x", b" " * 8000),
        (b"--x\r\n", b"a" * 8000),
        (b"--x\r\n", b"X-A: b\r\n" * 1000),
        (b"--x\r\nX-A: ", b"b" * 8000),
        (b"--x\r\nX-A: ", b" " * 8000),
        (b"--x\r\n", b": \r\n" * 2000),
        (b"--x\r\nX-A: b\r\n", b" folded\r\n" * 1000),
        (b'--x\r\nContent-Disposition: form-data; name="', b"a" * 8000),
        (b"--x\r\nContent-Disposition: form-data", b"; a=b" * 1600),
    ],
    ids=lambda value: str(value[:20]),
)
async def test_class_10_headers_of_parts_and_preambles_are_bounded(first: bytes, chunk: bytes) -> None:
    """A preamble, a boundary or a header of a part without an end is a 400 or 413 within a few chunks."""
    body = Endless(first, chunk)
    reply, peak = await send_endless(forms(), "/parts", body, MULTIPART)
    assert reply.status in (400, 413)
    assert body.taken < 100_000
    assert peak < 4 * MIB


async def test_class_10_an_epilogue_is_not_read() -> None:
    """What follows the closing boundary says nothing: a form is done where it ends."""
    body = PART + b"--x--\r\n" + b"epilogue" * 1000
    assert [1, 0] == (await request(forms(), "POST", "/whole", MULTIPART, body)).json
    assert [["a", 1]] == (
        await request(forms(), "POST", "/parts", MULTIPART, [PART, b"--x--\r\n", b"epilogue" * 1000])
    ).json


async def test_control_class_7_to_10_a_reader_without_limits_is_caught() -> None:
    """The same endless body reads on and on in a handler that has no limits, and the probe says so."""
    app = App()

    async def swallow(req: Any, res: Any, ctx: Any) -> None:
        async for _ in req.stream():
            pass

    app.POST("/", swallow, stream=True)
    body = Endless(b"", b"a" * MIB)
    await send_endless(app, "/", body, MULTIPART)
    assert body.taken > 64 * MIB


# 11: writes off the loop


def file_form(size: int) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f.bin"\r\n\r\n'
    return head + b"a" * size + b"\r\n--x--\r\n"


@pytest.mark.parametrize("stream", [False, True], ids=["files", "parts"])
async def test_class_11_a_slow_disk_holds_up_nobody_else(
    tmp_path: Path, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an upload waits for the disk, the event loop goes on serving others."""
    app = App(max_body_size=None)

    async def whole(req: Any, res: Any, ctx: Any) -> None:
        await req.files["f"].save(tmp_path / "f.bin")

    async def piecewise(req: Any, res: Any, ctx: Any) -> None:
        async for part in req.parts():
            await part.save(tmp_path / "f.bin")

    app.POST("/", piecewise if stream else whole, stream=stream)
    body = file_form(2 * MIB)
    async with SlowDisk() as disk:
        monkeypatch.setattr("heaven.bodies.disk.os.write", disk.write)
        await request(
            app, "POST", "/", MULTIPART, [body[i : i + 65_536] for i in range(0, len(body), 65_536)], timeout=60
        )
    assert 2 * MIB == (tmp_path / "f.bin").stat().st_size
    assert (True, 0) == (disk.beside > 0, disk.alone)


async def test_control_class_11_a_write_on_the_loop_is_found_out(tmp_path: Path) -> None:
    """A handler that writes by itself holds everybody up for as long as the disk takes."""
    app = App(max_body_size=None)

    async def blocking(req: Any, res: Any, ctx: Any) -> None:
        with (tmp_path / "f.bin").open("wb") as file:
            disk.write(file.fileno(), req.files["f"].body)

    app.POST("/", blocking)
    async with SlowDisk(patience=0.1) as disk:
        await request(app, "POST", "/", MULTIPART, file_form(100_000))
    assert (0, 1) == (disk.beside, disk.alone)
