"""A file as a response body."""

from __future__ import annotations

import asyncio
import errno
import os
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from heaven.bodies.disk import OpenFile
from heaven.errors import ClientDisconnected, HeavenError, HTTPError, NotFound
from heaven.http.conditional import evaluate, http_time, range_applies
from heaven.http.filetypes import media_type_of
from heaven.http.headers import Headers, ResponseHeaders
from heaven.messages.files import BLOCK, SMALL, FileBody, content_disposition

BIG = bytes(range(251)) * 3000  # about three blocks, and no two of them alike
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


class Exchange:
    """A request and a response, and what was sent."""

    def __init__(
        self, headers: dict[str, str] | None = None, method: str = "GET", extensions: dict[str, Any] | None = None
    ) -> None:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
        scope = {"type": "http", "extensions": extensions}
        self.req: Any = SimpleNamespace(
            scope=scope, method=method, headers=Headers(raw), params={}, receive=self.receive
        )
        self.res: Any = SimpleNamespace(status=200, headers=ResponseHeaders())
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)

    async def deliver(self, body: FileBody) -> Exchange:
        await body.deliver(self.req, self.res, self.send)
        return self

    @property
    def status(self) -> int:
        return self.sent[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode("latin-1") for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> bytes:
        assert [bool(message.get("more_body")) for message in self.sent[1:]] == [True] * (len(self.sent) - 2) + [False]
        return b"".join(message["body"] for message in self.sent[1:])


@pytest.fixture(params=[b"hello, world", BIG], ids=["small", "large"])
def content(request: pytest.FixtureRequest) -> bytes:
    """Read when it is opened, or read in blocks."""
    return request.param


@pytest.fixture
def path(tmp_path: Path, content: bytes) -> Path:
    """A text file that was written on a known day."""
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    os.utime(file, (784111777, 784111777))
    return file


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Every descriptor that a test opens is closed at its end."""
    opened: list[int] = []
    closed: list[int] = []
    open_, close = os.open, os.close

    def counted(*args: Any) -> int:
        opened.append(fd := open_(*args))
        return fd

    def counted_close(fd: int) -> None:
        closed.append(fd)
        close(fd)

    monkeypatch.setattr("heaven.bodies.disk.os.open", counted)
    monkeypatch.setattr("heaven.bodies.disk.os.close", counted_close)
    yield
    deadline = time.monotonic() + 30
    while len(opened) > sum(fd in opened for fd in closed) and time.monotonic() < deadline:
        time.sleep(0.001)
    assert len(opened) == sum(fd in opened for fd in closed)


async def test_whole_file(path: Path, content: bytes) -> None:
    """A file is sent whole, with its type, length, validators and what says that parts of it may be asked for."""
    got = await Exchange().deliver(FileBody(path))
    assert (200, content) == (got.status, got.body)
    etag = got.headers.pop("etag")
    assert {
        "content-type": "text/plain; charset=utf-8",
        "last-modified": DATE,
        "x-content-type-options": "nosniff",
        "accept-ranges": "bytes",
        "content-length": str(len(content)),
    } == {name: value for name, value in got.headers.items() if name != "etag"}
    assert etag.startswith('"') and etag.endswith('"') and len(etag) == 26


async def test_empty_file(tmp_path: Path) -> None:
    """An empty file is an empty body."""
    (tmp_path / "a").touch()
    got = await Exchange({"range": "bytes=0-"}).deliver(FileBody(tmp_path / "a"))
    assert (200, b"", "0") == (got.status, got.body, got.headers["content-length"])


async def test_head(path: Path, content: bytes) -> None:
    """HEAD says what GET would, ranges aside, and sends no bytes."""
    got = await Exchange({"range": "bytes=0-1"}, "HEAD").deliver(FileBody(path))
    whole = await Exchange().deliver(FileBody(path))
    assert (200, b"", whole.headers) == (got.status, got.body, got.headers)


async def test_etag_changes_with_the_file(path: Path) -> None:
    """The entity tag is the same as long as the file is, and another one afterwards."""
    first = (await Exchange().deliver(FileBody(path))).headers["etag"]
    assert first == (await Exchange().deliver(FileBody(path))).headers["etag"]
    os.utime(path, (1, 1))
    assert first != (await Exchange().deliver(FileBody(path))).headers["etag"]


async def test_what_the_handler_set_stays(path: Path) -> None:
    """Headers that the handler set are left alone, all but the length; its entity tag is the one that counts."""
    exchange = Exchange({"if-none-match": '"mine"'})
    exchange.res.headers.update(
        {"content-type": "text/x", "etag": '"mine"', "cache-control": "private", "content-length": "1"}
    )
    got = await exchange.deliver(FileBody(path, media_type="text/y", cache_control="public"))
    assert (304, '"mine"', "private") == (got.status, got.headers["etag"], got.headers["cache-control"])
    exchange = Exchange()
    exchange.res.headers.update({"content-type": "text/x", "content-length": "1"})
    got = await exchange.deliver(FileBody(path, media_type="text/y", cache_control="public"))
    assert ("text/x", str(path.stat().st_size), "public") == (
        got.headers["content-type"],
        got.headers["content-length"],
        got.headers["cache-control"],
    )


async def test_another_status_is_the_whole_file(path: Path, content: bytes) -> None:
    """A file that is the page of an error is sent whole, whatever is asked for (RFC 9110 13.2.1)."""
    exchange = Exchange({"if-none-match": "*", "range": "bytes=0-1"})
    exchange.res.status = 404
    got = await exchange.deliver(FileBody(path))
    assert (404, content, False) == (got.status, got.body, "accept-ranges" in got.headers)


async def test_other_methods_are_unconditional(path: Path, content: bytes) -> None:
    """The answer to a POST is neither conditional nor partial."""
    got = await Exchange({"if-none-match": "*", "range": "bytes=0-1"}, "POST").deliver(FileBody(path))
    assert (200, content) == (got.status, got.body)


# Names


async def test_filename(path: Path) -> None:
    """A filename makes the client save the file; without one it is shown."""
    got = await Exchange().deliver(FileBody(path, filename="report.txt"))
    assert 'attachment; filename="report.txt"' == got.headers["content-disposition"]


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ('a"b%41.txt', "attachment; filename=\"a_b_41.txt\"; filename*=UTF-8''a%22b%2541.txt"),
        ("naïve €.txt", "attachment; filename=\"na_ve _.txt\"; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.txt"),
        ("../../a\\b\r\nSet-Cookie: x\x00", 'attachment; filename=".._.._a_b__Set-Cookie: x_"'),
        ("\ud800", "attachment; filename=\"_\"; filename*=UTF-8''%3F"),
    ],
)
def test_content_disposition(filename: str, expected: str) -> None:
    """Whatever the filename holds, the header is well-formed (RFC 6266, RFC 8187)."""
    assert expected == content_disposition(filename)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("A.HTML", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.woff2", "font/woff2"),
        ("a.css.gz", "application/gzip"),
        ("a.tar.bz2", "application/x-bzip2"),
        ("a.svgz", "application/gzip"),
        ("a.css.br", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("data:text/html,x", "application/octet-stream"),
        ("http://x/a.png", "image/png"),
        ("a.unknown", "application/octet-stream"),
    ],
)
def test_media_type_of(name: str, expected: str) -> None:
    """A file's type is told by the end of its name, the same on every machine."""
    assert expected == media_type_of(name)


def test_repr() -> None:
    """A body says which file it is."""
    assert "<FileBody 'a'>" == repr(FileBody(Path("a")))


# Conditions


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"if-none-match": '"a"'}, 304),
        ({"if-none-match": 'W/"a"'}, 304),
        ({"if-none-match": '"b", "a"'}, 304),
        ({"if-none-match": '"b","c"'}, 200),
        ({"if-none-match": "a"}, 200),
        ({"if-none-match": "*"}, 304),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 200),
        ({"if-modified-since": "Sunday, 06-Nov-94 08:49:37 GMT"}, 304),
        ({"if-modified-since": "Sun Nov  6 08:49:37 1994"}, 304),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": "Sun, 99 Nov 9999999 08:49:37 GMT"}, 200),
        ({"if-modified-since": "Fri, 31 Dec 9999 23:59:59 -2359"}, 304),
        ({"if-modified-since": "1" * 100_000}, 200),
        ({"if-none-match": '"b"', "if-modified-since": DATE}, 200),
        ({"if-match": '"a"'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"b"'}, 412),
        ({"if-match": 'W/"a"'}, 412),
        ({"if-unmodified-since": DATE}, 200),
        ({"if-unmodified-since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 412),
        ({"if-unmodified-since": "yesterday"}, 200),
        ({"if-match": '"a"', "if-unmodified-since": "Sun, 06 Nov 1994 08:49:36 GMT"}, 200),
        ({"if-match": '"a"', "if-none-match": '"a"'}, 304),
    ],
)
def test_preconditions(headers: dict[str, str], expected: int) -> None:
    """Preconditions count in the order of the standard (RFC 9110 13.2.2); what is malformed doesn't count."""
    assert expected == evaluate(headers, '"a"', 784111777)


def test_a_weak_tag_matches_weakly_only() -> None:
    """A weak entity tag satisfies If-None-Match, and neither If-Match nor If-Range (RFC 9110 8.8.3.2)."""
    assert 304 == evaluate({"if-none-match": '"a"'}, 'W/"a"', 0)
    assert 412 == evaluate({"if-match": 'W/"a"'}, 'W/"a"', 0)
    assert not range_applies({"if-range": 'W/"a"'}, 'W/"a"', DATE)


@pytest.mark.parametrize("value", ['"' * 100_000, '"a' * 50_000, "W/" * 50_000, ", " * 50_000, '"a",' * 25_000])
def test_class_13_long_conditions(value: str) -> None:
    """Class 13: conditions of 100 KB are read in linear time."""
    started = time.process_time()
    evaluate({"if-none-match": value, "if-match": value}, '"x"', 0)
    evaluate({"if-modified-since": value, "if-unmodified-since": value}, '"x"', 0)
    assert time.process_time() - started < 0.2


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-5.0, "Thu, 01 Jan 1970 00:00:00 GMT"), (1e15, "Fri, 31 Dec 9999 23:59:59 GMT")]
)
def test_impossible_times(seconds: float, expected: str) -> None:
    """A file's time that no header can hold is the nearest that one can."""
    assert expected == http_time(seconds)


async def test_not_modified(path: Path) -> None:
    """A client whose copy is good gets 304: no body, and nothing that describes one."""
    etag = (await Exchange().deliver(FileBody(path))).headers["etag"]
    for headers in ({"if-none-match": etag}, {"if-modified-since": DATE}):
        for method in ("GET", "HEAD"):
            got = await Exchange(headers, method).deliver(FileBody(path, filename="a", cache_control="no-cache"))
            assert (304, 304, b"") == (got.status, got.res.status, got.body)
            assert {
                "etag": etag,
                "cache-control": "no-cache",
                "accept-ranges": "bytes",
                "x-content-type-options": "nosniff",
            } == got.headers


async def test_precondition_failed(path: Path) -> None:
    """A client that wants another version gets 412, and nothing was sent before."""
    exchange = Exchange({"if-match": '"other"'})
    with pytest.raises(HTTPError) as caught:
        await exchange.deliver(FileBody(path))
    assert (412, []) == (caught.value.status, exchange.sent)


# Ranges


@pytest.mark.parametrize("wanted", [(0, 4), (3, None), (None, 5), (0, 10**9)])
async def test_one_range(path: Path, content: bytes, wanted: tuple[int | None, int | None]) -> None:
    """One range is 206 with these bytes, and says which they are."""
    first, last = wanted
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    start = max(0, len(content) - (last or 0)) if first is None else first
    stop = min(len(content), last + 1) if first is not None and last is not None else len(content)
    got = await Exchange({"range": header}).deliver(FileBody(path))
    assert (206, content[start:stop]) == (got.status, got.body)
    assert (f"bytes {start}-{stop - 1}/{len(content)}", str(stop - start)) == (
        got.headers["content-range"],
        got.headers["content-length"],
    )


async def test_a_range_across_blocks(tmp_path: Path) -> None:
    """A range that spans several blocks is whole."""
    (tmp_path / "a").write_bytes(BIG)
    got = await Exchange({"range": f"bytes=1000-{BLOCK + 2000}"}).deliver(FileBody(tmp_path / "a"))
    assert BIG[1000 : BLOCK + 2001] == got.body


async def test_several_ranges(path: Path, content: bytes) -> None:
    """Several ranges are the parts of a multipart/byteranges body, whose length is told (RFC 9110 14.6)."""
    got = await Exchange({"range": "bytes=8-9,0-1"}).deliver(FileBody(path))
    kind, _, boundary = got.headers["content-type"].partition("; boundary=")
    head = f"--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes "
    expected = (
        f"{head}8-9/{len(content)}\r\n\r\n".encode()
        + content[8:10]
        + f"\r\n{head}0-1/{len(content)}\r\n\r\n".encode()
        + content[:2]
        + f"\r\n--{boundary}--\r\n".encode()
    )
    assert (206, "multipart/byteranges", expected) == (got.status, kind, got.body)
    assert (str(len(expected)), False) == (got.headers["content-length"], "content-range" in got.headers)


async def test_unsatisfiable_range(path: Path, content: bytes) -> None:
    """A range that lies beyond the end is 416, and the length is told."""
    with pytest.raises(HTTPError) as caught:
        await Exchange({"range": "bytes=99999999-"}).deliver(FileBody(path))
    assert (416, {"content-range": f"bytes */{len(content)}"}) == (caught.value.status, caught.value.headers)


@pytest.mark.parametrize("condition", ["{etag}", DATE])
async def test_if_range(path: Path, content: bytes, condition: str) -> None:
    """If-Range with the current tag or date lets the range count; any other, and the whole file is sent."""
    etag = (await Exchange().deliver(FileBody(path))).headers["etag"]
    got = await Exchange({"range": "bytes=0-1", "if-range": condition.format(etag=etag)}).deliver(FileBody(path))
    assert (206, content[:2]) == (got.status, got.body)
    got = await Exchange({"range": "bytes=0-1", "if-range": '"other"'}).deliver(FileBody(path))
    assert (200, content) == (got.status, got.body)


async def test_class_6_quadratic_range(path: Path, content: bytes) -> None:
    """Class 6: ten thousand ranges are the whole file, at once."""
    header = "bytes=" + ",".join(f"{place}-{place}" for place in range(0, 20_000, 2))
    started = time.process_time()
    got = await Exchange({"range": header}).deliver(FileBody(path))
    assert (200, content) == (got.status, got.body)
    assert time.process_time() - started < 0.5


# What is not there


@pytest.mark.parametrize(
    "kind", ["missing", "folder", "below a file", "pipe", "device", "loop", "long", "nul", "surrogate"]
)
async def test_not_found(tmp_path: Path, kind: str) -> None:
    """What is missing or no plain file is 404, before anything is sent, and never waits."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    paths = {
        "missing": tmp_path / "no",
        "folder": tmp_path,
        "below a file": tmp_path / "file" / "x",
        "pipe": tmp_path / "pipe",
        "device": Path("/dev/null"),
        "loop": tmp_path / "loop",
        "long": tmp_path / ("a" * 5000),
        "nul": f"{tmp_path}/a\0b",
        "surrogate": f"{tmp_path}/\ud800",
    }
    exchange = Exchange()
    with pytest.raises(NotFound):
        await exchange.deliver(FileBody(paths[kind]))
    assert [] == exchange.sent


@pytest.mark.parametrize(("number", "expected"), [(errno.EACCES, NotFound), (errno.EMFILE, OSError)])
async def test_what_cant_be_opened(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    """What may not be read is 404; a fault of the server is none, since clients keep what they know of a 404."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("heaven.bodies.disk.os.open", refuse)
    with pytest.raises(expected):
        await Exchange().deliver(FileBody(path))


async def test_within(path: Path, content: bytes) -> None:
    """Within a folder, a path is relative to it, or absolute and below it."""
    for inside in ("notes.txt", path):
        assert content == (await Exchange().deliver(FileBody(inside, within=path.parent))).body


@pytest.mark.parametrize(
    "outside", ["../secret", "/etc/passwd", "link", "a\\b", "..%2fsecret", "CON", "{root}_sibling/key", "a\0"]
)
async def test_classes_1_to_5_within(tmp_path: Path, outside: str) -> None:
    """Classes 1, 2, 3, 5: whatever leaves the folder is 404; as a control, without `within` the file is sent."""
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("secret")
    (root / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(NotFound):
        await Exchange().deliver(FileBody(outside.format(root=root), within=root))
    assert b"secret" == (await Exchange().deliver(FileBody(root / "../secret"))).body


# Half-way


async def test_send_fails(tmp_path: Path) -> None:
    """A send that raises OSError says that the client left; the file is closed."""
    (tmp_path / "a").write_bytes(BIG)
    exchange = Exchange()

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise OSError("gone")

    with pytest.raises(ClientDisconnected):
        await FileBody(tmp_path / "a").deliver(exchange.req, exchange.res, send)


async def test_the_client_leaves_quietly(tmp_path: Path) -> None:
    """Where the server says nothing when the client left, the file is not read to its end all the same."""
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2**40)
    exchange = Exchange()

    async def send(message: Any) -> None:
        exchange.sent.append(None) if message["type"] == "http.response.body" else None
        if len(exchange.sent) == 3:
            exchange.left.set()

    with pytest.raises(ClientDisconnected):
        async with asyncio.timeout(30):
            await FileBody(tmp_path / "a").deliver(exchange.req, exchange.res, send)


async def test_cancelled(tmp_path: Path) -> None:
    """A request that is cancelled while it sends closes its file and stays cancelled."""
    (tmp_path / "a").write_bytes(BIG)
    exchange = Exchange()
    begun = asyncio.Event()

    async def send(_: Any) -> None:
        begun.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(FileBody(tmp_path / "a").deliver(exchange.req, exchange.res, send))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_file_becomes_shorter(tmp_path: Path) -> None:
    """A file that shrinks under the response is an error: what was promised can't be sent."""
    (tmp_path / "a").write_bytes(BIG)
    exchange = Exchange()

    async def send(message: Any) -> None:
        os.truncate(tmp_path / "a", BLOCK + 5)

    with pytest.raises(HeavenError, match="became shorter while it was sent"):
        await FileBody(tmp_path / "a").deliver(exchange.req, exchange.res, send)


async def test_the_file_becomes_longer(tmp_path: Path) -> None:
    """Of a file that grows under the response, what was promised is sent."""
    (tmp_path / "a").write_bytes(BIG)
    exchange = Exchange()

    async def send(message: Any) -> None:
        with (tmp_path / "a").open("ab") as file:
            file.write(b"more")
        await exchange.send(message)

    await FileBody(tmp_path / "a").deliver(exchange.req, exchange.res, send)
    assert BIG == exchange.body


# By the server itself


async def test_pathsend(path: Path, content: bytes) -> None:
    """A server that sends files itself is given the absolute path; parts of a file are sent as always."""
    extensions: dict[str, Any] = {"http.response.pathsend": {}}
    got = await Exchange(extensions=extensions).deliver(FileBody(path.name, within=path.parent))
    assert (200, [{"type": "http.response.pathsend", "path": str(path)}]) == (got.status, got.sent[1:])
    assert str(len(content)) == got.headers["content-length"]
    part = await Exchange({"range": "bytes=1-2"}, extensions=extensions).deliver(FileBody(path))
    assert (206, content[1:3]) == (part.status, part.body)
    head = await Exchange(method="HEAD", extensions=extensions).deliver(FileBody(path))
    assert b"" == head.body


# The loop and the memory


async def test_small_files_take_one_piece_of_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file costs one hop to a thread; one byte more, and it is read in blocks."""
    works: list[Callable[[], Any]] = []
    run: Callable[[OpenFile, Any], Awaitable[Any]] = OpenFile.run

    async def counted(self: OpenFile, work: Callable[[], Any]) -> Any:
        works.append(work)
        return await run(self, work)

    monkeypatch.setattr(OpenFile, "run", counted)
    for size, expected in ((SMALL, 1), (SMALL + 1, 2)):
        (tmp_path / "a").write_bytes(b"x" * size)
        works.clear()
        await Exchange().deliver(FileBody(tmp_path / "a"))
        assert expected == len(works)


async def test_memory_is_flat(tmp_path: Path) -> None:
    """Sending 64 MiB takes the memory of some blocks."""
    with (tmp_path / "a").open("wb") as file:
        file.truncate(64 * 1024 * 1024)
    exchange = Exchange()
    sizes: list[int] = []

    async def send(message: Any) -> None:
        sizes.append(len(message.get("body", b"")))

    tracemalloc.start()
    try:
        await FileBody(tmp_path / "a").deliver(exchange.req, exchange.res, send)
        assert 64 * 1024 * 1024 == sum(sizes)
        assert tracemalloc.get_traced_memory()[1] < 8 * BLOCK
    finally:
        tracemalloc.stop()
