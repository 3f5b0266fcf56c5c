"""Multipart bodies, part by part, as they arrive."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven.bodies.multipart import Part, Source, parts
from heaven.bodies.multipart_events import FormLimits, MultipartReader, boundary_of
from heaven.errors import BadRequest, BodyTooLarge, ClientDisconnected, HTTPError, UnsupportedMediaType
from slow_disk import SlowDisk

MULTIPART = "multipart/form-data; boundary=x"


def part(disposition: str, content: bytes = b"1", *headers: str) -> bytes:
    """One part as it is sent, with the boundary before it."""
    lines = ["--x", f"Content-Disposition: {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def field(name: str, content: bytes = b"1") -> bytes:
    """A field as it is sent."""
    return part(f'form-data; name="{name}"', content)


def file(name: str, filename: str, content: bytes = b"1") -> bytes:
    """A file as it is sent."""
    return part(f'form-data; name="{name}"; filename="{filename}"', content)


END = b"--x--\r\n"


async def arriving(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    """Chunks as a request gives them."""
    for chunk in chunks:
        yield chunk


async def read(
    chunks: Iterable[bytes], limits: FormLimits | None = None, content_type: str = MULTIPART
) -> list[tuple[str, str | None, bytes]]:
    """Every part with its whole content."""
    return [
        (p.name, p.filename, b"".join([block async for block in p]))
        async for p in parts(content_type, arriving(chunks), limits)
    ]


async def test_parts_in_order() -> None:
    """Parts come in the order they were sent, each with its name, filename, type, headers and content."""
    body = (
        field("a", b"one")
        + part('form-data; name="b"; filename="b.txt"', b"", "Content-Type: text/plain", "X-Note: hi")
        + END
    )
    seen = [
        (p.name, p.filename, p.content_type, p.headers.get("X-Note"), await p.read())
        async for p in parts(MULTIPART, arriving([body]))
    ]
    assert [("a", None, None, None, b"one"), ("b", "b.txt", "text/plain", "hi", b"")] == seen


async def test_nothing_waits_for_the_next_chunk() -> None:
    """A part is there as soon as its headers are, and its content chunk by chunk."""
    sent: list[int] = []

    async def chunks() -> AsyncIterator[bytes]:
        for number, chunk in enumerate([file("a", "a", b"")[:-2], b"first", b"second", b"\r\n" + END]):
            sent.append(number)
            yield chunk

    found = parts(MULTIPART, chunks())
    first = await anext(found)
    assert ("a", [0]) == (first.name, sent)
    assert (b"first", [0, 1]) == (await anext(first), sent)
    assert (b"second", [0, 1, 2]) == (await anext(first), sent)
    assert b"" == await first.read()
    with pytest.raises(StopAsyncIteration):
        await anext(found)


async def test_unread_parts_are_skipped() -> None:
    """Going on to the next part skips what was not read of the one before."""
    body = file("a", "a", b"x" * 1000) + field("b", b"2") + field("c", b"3") + END
    seen = [
        await p.text()
        async for p in parts(MULTIPART, arriving([body[i : i + 100] for i in range(0, len(body), 100)]))
        if p.name != "a"
    ]
    assert ["2", "3"] == seen


async def test_a_skipped_part_cant_be_read() -> None:
    """Reading a part after the next one was asked for says so, rather than giving half of it."""
    gathered = [p async for p in parts(MULTIPART, arriving([field("a") + field("b") + END]))]
    with pytest.raises(
        RuntimeError, match="<Part 'a' filename=None content_type=None> was skipped when the next part was asked for"
    ):
        await gathered[0].read()


async def test_a_part_that_was_read_is_empty() -> None:
    """Reading a second time gives nothing, also when the next part is the current one."""
    found = parts(MULTIPART, arriving([field("a") + field("b") + END]))
    first = await anext(found)
    assert ("1", "") == (await first.text(), await first.text())
    await anext(found)
    assert b"" == await first.read()


async def test_what_follows_the_end_is_not_read() -> None:
    """The epilogue is ignored, and chunks after the closing boundary are not waited for (RFC 2046 5.1.1)."""

    async def chunks() -> AsyncIterator[bytes]:
        yield field("a") + END + b"epilogue"
        raise AssertionError("nobody asked for this chunk")

    assert ["a"] == [p.name async for p in parts(MULTIPART, chunks())]


def test_the_reader_ignores_what_follows_the_end() -> None:
    """Bytes that are fed after the closing boundary, or after an error, change nothing."""
    for body, count in ((field("a") + END, 4), (b"junk", 1)):
        reader = MultipartReader(b"x", FormLimits())
        reader.feed(body)
        reader.feed(field("b"))
        reader.finish()
        assert (True, count) == (reader.ended, len(reader.events))


async def test_a_leading_newline_is_allowed() -> None:
    """A newline before the first boundary, as some clients send it, is no preamble."""
    assert [("a", None, b"1")] == await read([b"\r", b"\n", field("a") + END])


DISPOSITIONS = [
    ('form-data; name="a"', "a", None),
    ("form-data; name=a", "a", None),
    ("Form-Data;NAME = a ;filename=b", "a", "b"),
    ('form-data; name=""', "", None),
    ('form-data; name="ü"; filename="größe.txt"', "ü", "größe.txt"),
    ('form-data; name="a;b"; filename="c;d=\\"e\\".txt"', "a;b", 'c;d="e".txt'),
    ('form-data; name="a"; filename="C:\\dir\\x.txt"', "a", "C:\\dir\\x.txt"),
    ('form-data; name="a%22b"; filename=""', "a%22b", ""),
    ("form-data; name=a; filename*=UTF-8''na%C3%AFve.txt", "a", "naïve.txt"),
    ("form-data; name=a; filename*=utf-8'en'x%ff", "a", "x\ufffd"),
    ("form-data; name=a; filename*=utf-8''star; filename=plain", "a", "plain"),
    ('form-data; name="\\\\"', "\\", None),
]


@pytest.mark.parametrize(("disposition", "name", "filename"), DISPOSITIONS)
async def test_dispositions(disposition: str, name: str, filename: str | None) -> None:
    """Names and filenames are read as browsers and other clients write them (RFC 7578 4.2)."""
    assert [(name, filename, b"1")] == await read([part(disposition) + END])


@pytest.mark.parametrize(
    "disposition",
    [
        "form-data",
        "form-data; filename=a",
        'attachment; name="a"',
        "",
        'form-data; name="a',
        'form-data; name="a" x',
        "form-data; name",
        "form-data; name=a; name=b",
        "form-data; name=a; NAME=b",
        "form-data;; name=a",
        "form-data; name=a; filename*=latin-9''x",
        "form-data; name=a; filename*=x",
    ],
)
async def test_malformed_dispositions(disposition: str) -> None:
    """A part without exactly one name, or with what two readers could read differently, is 400."""
    with pytest.raises(BadRequest):
        await read([part(disposition) + END])


@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\n\r\n1\r\n" + END,
        b"--x\r\nContent-Type: text/plain\r\n\r\n1\r\n" + END,
        part("form-data; name=a", b"1", "Content-Disposition: form-data; name=b") + END,
        part("form-data; name=a", b"1", "Content-Transfer-Encoding: base64") + END,
        b"--x\r\nContent Disposition: form-data\r\n\r\n1\r\n" + END,
        b"--x\r\n: form-data\r\n\r\n1\r\n" + END,
        b"--xContent-Disposition: form-data; name=a\r\n\r\n1\r\n" + END,
        b"--x\r\nContent-Disposition: form-data; name=a\rX\r\n\r\n1\r\n" + END,
        b"preamble\r\n" + field("a") + END,
        b"\r\npreamble\r\n" + field("a") + END,
        field("a"),
        field("a") + b"--x-",
        field("a")[:-10],
        b"\r",
        b"",
    ],
)
async def test_malformed_bodies(body: bytes) -> None:
    """A malformed body is 400, and so is one that ends before its closing boundary."""
    with pytest.raises(BadRequest):
        await read([body])
    with pytest.raises(BadRequest):
        await read([body[i : i + 1] for i in range(len(body))])


@pytest.mark.parametrize("encoding", ["7bit", "8BIT", "binary"])
async def test_transfer_encodings_that_change_nothing(encoding: str) -> None:
    """A Content-Transfer-Encoding that leaves the bytes alone is let through (RFC 7578 4.7)."""
    assert [("a", None, b"1")] == await read(
        [part("form-data; name=a", b"1", f"Content-Transfer-Encoding: {encoding}") + END]
    )


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "a" * 71,
        'multipart/form-data; boundary="a b "',
        'multipart/form-data; boundary="a\tb"',
        "multipart/form-data; boundary=ü",
    ],
)
async def test_malformed_boundaries(content_type: str) -> None:
    """A boundary that is missing, too long or malformed is 400 or no media type at all (RFC 2046 5.1.1)."""
    with pytest.raises((BadRequest, UnsupportedMediaType)):
        await read([b""], content_type=content_type)


def test_boundaries() -> None:
    """A boundary has 1 to 70 characters, and may be quoted."""
    assert (b"a" * 70, b"a b") == (
        boundary_of("multipart/form-data; boundary=" + "a" * 70),
        boundary_of('multipart/form-data; boundary="a b"'),
    )


async def test_other_media_types() -> None:
    """What is not multipart/form-data is 415, before anything is read."""
    with pytest.raises(UnsupportedMediaType):
        await read([b""], content_type="multipart/mixed; boundary=x")


async def test_an_error_stays() -> None:
    """After an error, going on gives the same error and no parts."""
    found = parts(MULTIPART, arriving([file("a", "a", b"1234")]))
    first = await anext(found)
    for _ in range(2):
        with pytest.raises(BadRequest, match="before its closing boundary"):
            await first.read()


async def test_the_client_leaves() -> None:
    """A client that leaves half-way raises through the part that is being read."""

    async def chunks() -> AsyncIterator[bytes]:
        yield file("a", "a", b"half")[:-2]
        raise ClientDisconnected

    found = parts(MULTIPART, chunks())
    with pytest.raises(ClientDisconnected):
        await (await anext(found)).read()


async def test_read_has_a_limit() -> None:
    """read() holds no more in memory than a field may have, unless it is told to."""
    limits = FormLimits(field_size=10)
    for limit, expected in ((None, None), (11, b"x" * 11), (10, None)):
        found = await anext(parts(MULTIPART, arriving([file("a", "a", b"x" * 11) + END]), limits))
        if expected is None:
            with pytest.raises(BodyTooLarge, match="'a'"):
                await found.read(limit)
        else:
            assert expected == await found.read(limit)


async def test_save(tmp_path: Path) -> None:
    """A part is saved in blocks, and the number of bytes is told."""
    content = bytes(range(256)) * 8192
    body = file("a", "a", content) + file("b", "b", b"") + END
    found = parts(MULTIPART, arriving([body[i : i + 65536] for i in range(0, len(body), 65536)]))
    assert len(content) == await (await anext(found)).save(tmp_path / "a")
    assert 0 == await (await anext(found)).save("b", within=tmp_path)
    assert (content, b"") == ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes())


async def test_save_removes_what_failed(tmp_path: Path) -> None:
    """Nothing is left of a file that is too large, cut off, cancelled or malformed."""
    body = file("a", "a", b"x" * 2_000_000)
    chunks = [body[i : i + 65536] for i in range(0, len(body), 65536)]
    with pytest.raises(BodyTooLarge, match="'a'"):
        await (await anext(parts(MULTIPART, arriving(chunks)))).save(tmp_path / "a", max_size=1_500_000)
    with pytest.raises(BadRequest):
        await (await anext(parts(MULTIPART, arriving(chunks)))).save(tmp_path / "a")
    with pytest.raises(BodyTooLarge):
        await (await anext(parts(MULTIPART, arriving(chunks), FormLimits(file_size=1_500_000)))).save(tmp_path / "a")

    async def stalled() -> AsyncIterator[bytes]:
        for chunk in chunks:
            yield chunk
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await (await anext(parts(MULTIPART, stalled()))).save(tmp_path / "a")
    while list(tmp_path.iterdir()):
        await asyncio.sleep(0.001)


@pytest.mark.parametrize("filename", ["../secret", "/etc/passwd", "..%2fsecret", "a/../../secret"])
async def test_class_12_filename_is_a_label(tmp_path: Path, filename: str) -> None:
    """Class 12: a hostile filename, used as a path against all advice, doesn't leave `within`."""
    (tmp_path / "uploads").mkdir()
    found = await anext(parts(MULTIPART, arriving([file("a", filename) + END])))
    assert filename == found.filename
    with pytest.raises(BadRequest):
        await found.save(found.filename, within=tmp_path / "uploads")
    assert [tmp_path / "uploads"] == list(tmp_path.rglob("*"))


# Whatever the cuts


NAMES = st.text(st.characters(codec="utf-8", exclude_characters='\r\n"\\\0'), max_size=10)
CONTENTS = (
    st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--", b"x", b"\r\n--", b"\r\n-", b"a", b"\x00"]), max_size=12)
    .map(b"".join)
    .filter(lambda content: b"\r\n--x" not in b"\r\n" + content + b"\r\n")
)
PARTS = st.lists(st.tuples(NAMES, st.none() | NAMES, CONTENTS), max_size=5)


def encode(sent: list[tuple[str, str | None, bytes]]) -> bytes:
    """Parts as a browser encodes them."""
    return (
        b"".join(
            field(name, content) if filename is None else file(name, filename, content)
            for name, filename, content in sent
        )
        + END
    )


def cut(body: bytes, cuts: list[int]) -> list[bytes]:
    """The body in chunks."""
    places = sorted({0, len(body), *(place % (len(body) + 1) for place in cuts)})
    return [body[start:stop] for start, stop in zip(places, places[1:], strict=False)]


@given(PARTS, st.lists(st.integers(0, 10_000), max_size=20))
def test_round_trip_in_any_chunks(sent: list[tuple[str, str | None, bytes]], cuts: list[int]) -> None:
    """Whatever parts are encoded come back, wherever the body is cut."""
    body = encode(sent)
    assert sent == asyncio.run(read(cut(body, cuts)))
    assert sent == asyncio.run(read([body[i : i + 1] for i in range(len(body))]))


async def outcome(chunks: list[bytes], limits: FormLimits) -> tuple[list[tuple[str, str | None, bytes]], bool]:
    """The parts before an error, and whether there was one (400 or 413: a body may deserve both)."""
    seen: list[tuple[str, str | None, bytes]] = []
    try:
        async for p in parts(MULTIPART, arriving(chunks), limits):
            seen.append((p.name, p.filename, await p.read()))
    except HTTPError as error:
        return seen, error.status in (400, 413)
    return seen, False


@given(
    PARTS,
    st.lists(st.integers(0, 10_000), max_size=20),
    st.integers(0, 10_000),
    st.sampled_from([b"", b"\r", b"--x", b"\r\n--x", b"\x00", b'"', b":"]),
)
def test_broken_bodies_in_any_chunks(
    sent: list[tuple[str, str | None, bytes]], cuts: list[int], place: int, junk: bytes
) -> None:
    """A body that is damaged or over a limit gives the same parts before it is refused, wherever it is cut."""
    body = encode(sent)
    place %= len(body)
    body = body[:place] + junk + body[place + 1 :]
    limits = FormLimits(parts=3, field_size=8, header_size=70, file_size=9)
    whole = asyncio.run(outcome([body], limits))
    assert whole == asyncio.run(outcome(cut(body, cuts), limits))
    assert whole == asyncio.run(outcome([body[i : i + 1] for i in range(len(body))], limits))


@given(st.binary(max_size=100))
def test_anything_is_answered(body: bytes) -> None:
    """Whatever bytes are sent, the answer is parts or an HTTPError."""
    for text in (body, b"--x\r\n" + body, field("a")[:-4] + body):
        asyncio.run(outcome([text], FormLimits()))


# Classes of failure


async def read_through(chunks: Iterable[bytes]) -> int:
    """The status of reading these chunks to their end."""
    try:
        async for p in parts(MULTIPART, arriving(chunks)):
            async for _ in p:
                pass
    except HTTPError as error:
        return error.status
    return 200


async def cost_of(chunks: Callable[[], Iterable[bytes]]) -> tuple[int, int, float]:
    """Status, seconds and, measured apart because that is slow, the peak of memory in bytes of reading these chunks."""
    started = time.process_time()
    status = await read_through(chunks())
    taken = time.process_time() - started
    tracemalloc.start()
    try:
        await read_through(chunks())
        return status, tracemalloc.get_traced_memory()[1], taken
    finally:
        tracemalloc.stop()


def repeated(chunk: bytes, times: int, before: bytes = b"", after: bytes = b"") -> Iterable[bytes]:
    """A long body that is never in memory."""
    yield before
    for _ in range(times):
        yield chunk
    yield after


@pytest.mark.parametrize("times", [1, 1000])
async def test_class_7_unlimited_parts(times: int) -> None:
    """Class 7: more parts than are allowed are 413 after the thousandth, in flat memory, in one chunk or many."""
    chunk = field("a") * (20_000 // times)
    status, peak, taken = await cost_of(lambda: repeated(chunk, times))
    assert 413 == status
    assert peak < 4_000_000
    assert taken < 3


async def test_class_8_field_without_filename() -> None:
    """Class 8: a field without an end is 413 once it is over its limit, in flat memory."""
    status, peak, taken = await cost_of(lambda: repeated(b"x" * 65536, 1000, before=field("a")[:-2]))
    assert 413 == status
    assert peak < 1_000_000
    assert taken < 2


async def test_class_8_control() -> None:
    """Class 8, control: the same as a file is read to its end, in the same memory."""
    before = file("a", "a", b"")[:-2]
    status, peak, _ = await cost_of(lambda: repeated(b"x" * 65536, 1000, before=before, after=b"\r\n" + END))
    assert 200 == status
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("before", "chunk", "allowed"),
    [
        (b"--x\r\nX-A: ", b"a" * 1000, {413}),
        (b"--x\r\nX-A:", b" " * 1000, {413}),
        (b"--x\r\n", b"a" * 1000, {413}),
        (b"--x\r\n", b"X-A: a\r\n" * 100, {413}),
        (b"--x\r\n", b"a:\r\n" * 100, {413}),
        (b"", b"a" * 1000, {400}),
        (b"\r\n", b"\r\n" * 500, {400}),
        (b"\r\n", b"a" * 1000, {400}),
        (b"--x", b" " * 1000, {400}),
        (b"--x", b"-" * 1000, {200}),
        (field("a")[:-2] + b"\r\n--x", b" " * 1000, {400, 413}),
    ],
)
async def test_class_10_headers_and_preamble(before: bytes, chunk: bytes, allowed: set[int]) -> None:
    """Class 10: part headers, preamble and padding without an end are refused, in flat memory and linear time."""
    status, peak, taken = await cost_of(lambda: repeated(chunk, 3000, before=before))
    assert status in allowed
    assert peak < 1_000_000
    assert taken < 3


async def growth(seconds: Callable[[int], Awaitable[float]], size: int) -> float:
    """How much longer ten times as much takes: 10 where time is linear, 100 where it is quadratic."""
    small = max(0.002, min([await seconds(size) for _ in range(3)]))
    return min([await seconds(10 * size) for _ in range(2)]) / small


@pytest.mark.parametrize("unit", [b"\r\n--x", b"\r", b"\r\n", b"\r\n--", b"\r\n--xx", b"-"])
@pytest.mark.parametrize("size", [50, 100_000])
async def test_near_boundaries_are_linear(unit: bytes, size: int) -> None:
    """A file made of what almost is a boundary is read in linear time, in chunks large or small."""

    async def seconds(length: int) -> float:
        body = (unit * length)[:length]
        chunks = [file("a", "a", b"")[:-2], *(body[i : i + size] for i in range(0, length, size))]
        started = time.process_time()
        assert await read_through(chunks) in (400, 413)
        return time.process_time() - started

    assert await growth(seconds, 10_000) < 40


async def test_class_11_saving_leaves_the_loop_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Class 11: while the disk is slow, the loop serves others; as a control, one that writes itself would not."""
    body = repeated(b"x" * 524_288, 6, before=file("a", "a", b"")[:-2], after=b"\r\n" + END)
    async with SlowDisk() as disk:
        monkeypatch.setattr("heaven.bodies.disk.os.write", disk.write)
        await (await anext(parts(MULTIPART, arriving(body)))).save(tmp_path / "a")
    assert (True, 0) == (disk.beside > 0, disk.alone)
    async with SlowDisk(patience=0.1) as disk:
        with (tmp_path / "b").open("wb") as itself:
            disk.write(itself.fileno(), b"x" * 524_288)
    assert (0, 1) == (disk.beside, disk.alone)


async def test_class_15_tiny_chunks(tmp_path: Path) -> None:
    """Class 15: a hundred thousand chunks of one byte are saved in linear time."""

    async def seconds(length: int) -> float:
        body = file("a", "a", b"x" * length) + END
        started = time.process_time()
        found = await anext(parts(MULTIPART, arriving(body[i : i + 1] for i in range(len(body)))))
        assert length == await found.save(tmp_path / "a")
        return time.process_time() - started

    small = await seconds(10_000)
    assert await seconds(100_000) < 40 * small


async def test_an_interrupted_skip_goes_on() -> None:
    """A skip that was interrupted goes on where it was, up to the next part."""
    given = [file("a", "a", b"x" * 100)[:-2], TimeoutError(), b"y\r\n" + field("b") + END]

    class Queue:
        """Chunks that survive an interruption, as those of a queue do."""

        def __aiter__(self) -> Queue:
            return self

        async def __anext__(self) -> bytes:
            chunk = given.pop(0)
            if isinstance(chunk, Exception):
                raise chunk
            return chunk

    reader = MultipartReader(b"x", FormLimits())
    source = Source(reader, Queue(), FormLimits())
    first = await source.next_part()
    with pytest.raises(TimeoutError):
        await source.next_part()
    second = await source.next_part()
    assert ("a", "b", None) == (first and first.name, second and second.name, await source.next_part())


def test_part_repr() -> None:
    """A part's repr tells what it is and nothing of what is in it."""

    async def first() -> Part:
        return await anext(parts(MULTIPART, arriving([file("a", "b") + END])))

    assert "<Part 'a' filename='b' content_type=None>" == repr(asyncio.run(first()))
