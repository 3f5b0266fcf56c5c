"""Forms that are in memory: urlencoded and multipart."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven.bodies.forms import Form, FormData, FormLimits, Repeatable, Upload, Uploads, parse_form
from heaven.errors import BadRequest, BodyTooLarge, UnsupportedMediaType
from heaven.http.headers import Headers
from stopwatch import cpu_seconds

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def part(disposition: str, content: bytes = b"1", *headers: str) -> bytes:
    """One part as it is sent, with the boundary before it."""
    lines = ["--x", f"Content-Disposition: form-data; {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content + b"\r\n"


def multipart(*parts: bytes) -> bytes:
    """A whole body."""
    return b"".join(parts) + b"--x--\r\n"


def fields(body: bytes, content_type: str = URLENCODED) -> dict[str, list[str]]:
    """The fields of a form with all their values."""
    form = parse_form(content_type, body).fields
    return {name: form.getall(name) for name in form}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", {}),
        (b"a=1&b=2&a=3", {"a": ["1", "3"], "b": ["2"]}),
        (b"a", {"a": [""]}),
        (b"a=&&=b&", {"a": [""], "": ["b"]}),
        (b"a=b=c", {"a": ["b=c"]}),
        (b"a+b=c+d%2Be", {"a b": ["c d+e"]}),
        (b"%C3%BC=%e2%82%ac", {"ü": ["€"]}),
        ("ü=€".encode(), {"ü": ["€"]}),
        (b"a=%&b=%zz&c=%4", {"a": ["%"], "b": ["%zz"], "c": ["%4"]}),
        (b"a=%ff", {"a": ["\ufffd"]}),
        (b"a=1;b=2", {"a": ["1;b=2"]}),
    ],
)
def test_urlencoded(body: bytes, expected: dict[str, list[str]]) -> None:
    """An urlencoded body is read as the URL standard says (WHATWG URL 5.1)."""
    assert expected == fields(body)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=10))
def test_urlencoded_round_trip(pairs: list[tuple[str, str]]) -> None:
    """Whatever fields are encoded come back, in order."""
    form = parse_form(URLENCODED + "; charset=utf-8", urlencode(pairs).encode()).fields
    assert pairs == [] or {name: [v for n, v in pairs if n == name] for name, _ in pairs} == {
        n: form.getall(n) for n in form
    }


@given(st.binary(max_size=200))
def test_urlencoded_anything(body: bytes) -> None:
    """Whatever bytes are sent, an urlencoded form is read without an exception."""
    assert isinstance(parse_form(URLENCODED, body), Form)


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "application/json", "multipart/mixed; boundary=x", "text/plain, " + URLENCODED]
)
def test_other_media_types(content_type: str) -> None:
    """A body that is no form is 415."""
    with pytest.raises(UnsupportedMediaType):
        parse_form(content_type, b"a=1")


def test_multipart() -> None:
    """Fields and files are told apart by the filename, and keep their headers and their order."""
    body = multipart(
        part('name="size"', b"s"),
        part('name="size"', b"m"),
        part('name="photo"; filename="me.png"', b"\x89PNG", "Content-Type: image/png", "X-Note: a"),
    )
    form = parse_form(MULTIPART, body)
    photo = form.files["photo"]
    assert (["s", "m"], "m") == (form.fields.getall("size"), form.fields["size"])
    assert ("photo", "me.png", "image/png", b"\x89PNG", "a") == (
        photo.name,
        photo.filename,
        photo.content_type,
        photo.body,
        photo.headers["x-note"],
    )


def test_a_file_input_without_a_file() -> None:
    """What a browser sends for a file input without a file is no upload; an empty file with a name is one."""
    form = parse_form(MULTIPART, multipart(part('name="a"; filename=""', b""), part('name="b"; filename="b"', b"")))
    assert ["b"] == list(form.files)


def test_multipart_text_that_is_not_utf8() -> None:
    """A field's bytes that are not UTF-8 become U+FFFD, as in a browser's formData()."""
    assert {"a": ["\ufffd"]} == fields(multipart(part('name="a"', b"\xff")), MULTIPART)


@pytest.mark.parametrize("body", [b"", b"--x", multipart(part('name="a"'))[:-6], b"--y\r\n", b"hello--x--"])
def test_malformed_multipart(body: bytes) -> None:
    """A truncated or malformed multipart body is 400, never a form with less in it."""
    with pytest.raises(BadRequest):
        parse_form(MULTIPART, body)


def test_a_form_without_parts() -> None:
    """A form without any field is empty."""
    form = parse_form(MULTIPART, b"--x--\r\n")
    assert (0, 0) == (len(form.fields), len(form.files))


def test_repeatable() -> None:
    """A mapping gives the last value of a name and getall all of them; a name that is absent is a KeyError."""
    form = Repeatable([("a", 1), ("b", 2), ("a", 3)])
    assert {"a": 3, "b": 2} == dict(form)
    assert ([1, 3], [], 2) == (form.getall("a"), form.getall("c"), len(form))
    with pytest.raises(KeyError):
        form["c"]


def test_reprs_hold_no_values() -> None:
    """Field values and file contents don't reach a log through a repr."""
    upload = Upload("photo", "me.png", None, Headers([]), b"canary")
    assert ("<FormData 'password'>", "<Uploads >") == (repr(FormData([("password", "canary")])), repr(Uploads()))
    assert "<Upload 'photo' filename='me.png' 6 bytes>" == repr(upload)


async def test_save(tmp_path: Path) -> None:
    """An upload is written where it is told to, in place of what was there."""
    upload = Upload("photo", "me.png", "image/png", Headers([]), b"content")
    (tmp_path / "7.png").write_text("before")
    assert tmp_path / "7.png" == await upload.save(tmp_path / "7.png")
    assert tmp_path / "8.png" == await upload.save("8.png", within=tmp_path)
    assert b"content" == (tmp_path / "7.png").read_bytes() == (tmp_path / "8.png").read_bytes()


@pytest.mark.parametrize("filename", ["../../secret", "/etc/passwd", "..\\secret", "C:\\secret", "a\x00b", "", "."])
async def test_class_12_filename_is_a_label(tmp_path: Path, filename: str) -> None:
    """Class 12: the filename is a label that is never used as a path; used as one anyway, `within` refuses it."""
    folder = tmp_path / "uploads"
    folder.mkdir()
    upload = Upload("a", filename, None, Headers([]), b"content")
    with pytest.raises(BadRequest):
        await upload.save(filename, within=folder)
    await upload.save(folder / "1")
    assert [folder, folder / "1"] == sorted(tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(URLENCODED, b"a=1&" * 1001), (URLENCODED, b"&" * 10_000_000), (MULTIPART, multipart(*[part('name="a"')] * 1001))],
)
def test_class_7_and_9_unlimited_parts(content_type: str, body: bytes) -> None:
    """Classes 7, 9: more parts than are allowed are 413 at once, urlencoded or multipart."""
    started = time.process_time()
    with pytest.raises(BodyTooLarge, match="more than 1000 parts"):
        parse_form(content_type, body)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])
def test_class_7_control(content_type: str) -> None:
    """Class 7, control: as many parts as are allowed are read."""
    body = b"&".join([b"a=1"] * 1000) if content_type == URLENCODED else multipart(*[part('name="a"')] * 1000)
    assert 1000 == len(parse_form(content_type, body).fields.getall("a"))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [(URLENCODED, b"a=123456"), (URLENCODED, b"123456=a"), (MULTIPART, multipart(part('name="a"', b"123456")))],
)
def test_class_8_field_without_filename(content_type: str, body: bytes) -> None:
    """Class 8: a field has a limit of its own; as a control, one byte more room and it is read."""
    with pytest.raises(BodyTooLarge, match="larger than 5 bytes"):
        parse_form(content_type, body, FormLimits(field_size=5))
    assert 1 == len(parse_form(content_type, body, FormLimits(field_size=6)).fields)


def test_file_size() -> None:
    """A file is not held to a field's limit but to its own."""
    body = multipart(part('name="a"; filename="a"', b"123456"))
    assert b"123456" == parse_form(MULTIPART, body, FormLimits(field_size=1)).files["a"].body
    with pytest.raises(BodyTooLarge, match="larger than 5 bytes"):
        parse_form(MULTIPART, body, FormLimits(file_size=5))


@pytest.mark.parametrize("unit", [b"a;", b"%", b"%41", b"+", b"=", b"a=", b"\xff"])
def test_class_9_linear_time(unit: bytes) -> None:
    """Class 9: ten times as much of anything takes about ten times as long, where a quadratic reader takes a hundred."""

    def seconds(length: int) -> float:
        started = time.process_time()
        parse_form(URLENCODED, unit * (length // len(unit)))
        return time.process_time() - started

    small = min(seconds(100_000) for _ in range(3))
    assert min(seconds(1_000_000) for _ in range(2)) < 40 * max(small, 0.001)


@pytest.mark.parametrize(
    "content_type",
    ['multipart/form-data; boundary="' + "\\" * 100_000, "a/" + " " * 100_000 + ";", MULTIPART + "x" * 100_000],
)
def test_class_13_long_content_type(content_type: str) -> None:
    """Class 13: a Content-Type of 100 KB is refused under 20 ms."""

    def refuse() -> None:
        with pytest.raises((BadRequest, UnsupportedMediaType)):
            parse_form(content_type, b"")

    assert cpu_seconds(refuse) < 0.02
