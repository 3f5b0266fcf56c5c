"""A folder of static files as a handler."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import pytest

from heaven.errors import HeaderError, NotFound, RegistrationError
from heaven.http.headers import Headers, ResponseHeaders
from heaven.serving.assets import IMMUTABLE, Assets

FILES = {
    "index.html": "home",
    "css/site.css": "a{}",
    "docs/index.html": "docs",
    "empty/readme.txt": "read",
    ".env": "SECRET",
    ".git/config": "SECRET",
    "..data/key": "SECRET",
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder to be served, beside a sibling whose name it begins and a secret."""
    folder = tmp_path / "static"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "static_secret").mkdir()
    (tmp_path / "static_secret" / "key").write_text("SECRET")
    (tmp_path / "secret").write_text("SECRET")
    return folder


class Got:
    """What came back for a path below /static/."""

    def __init__(self, sent: list[dict[str, Any]], res: Any) -> None:
        self.status: int = sent[0]["status"] if sent else res.status
        raw = sent[0]["headers"] if sent else res.headers.raw
        self.headers = {name.decode(): value.decode("latin-1") for name, value in raw}
        self.text = b"".join(message.get("body", b"") for message in sent[1:]).decode()


async def get(
    assets: Assets,
    asked: str | None,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    query: bytes = b"",
    path: str | None = None,
) -> Got:
    """Ask for what the star stands for, as the router hands it on: decoded once."""
    raw = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    scope = {"type": "http", "path": path or f"/static/{asked or ''}", "query_string": query}
    req: Any = SimpleNamespace(
        scope=scope,
        method=method,
        headers=Headers(raw),
        params={} if asked is None else {"*": asked},
        receive=asyncio.Event().wait,
    )
    res: Any = SimpleNamespace(status=200, headers=ResponseHeaders(), body=None)
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await assets(req, res, SimpleNamespace())  # type: ignore[arg-type]
    if res.body is not None:
        await res.body.deliver(req, res, send)
    return Got(sent, res)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("css/site.css", "a{}"), ("", "home"), (None, "home"), ("docs/", "docs"), ("index.html", "home")],
)
async def test_files_and_indexes(root: Path, asked: str | None, expected: str) -> None:
    """A file is sent for its path, and the index for its folder."""
    got = await get(Assets(root), asked)
    assert (200, expected, "no-cache") == (got.status, got.text, got.headers["cache-control"])


@pytest.mark.parametrize(
    "asked", ["missing", "css/missing.css", "empty/", "css", "css/site.css/", "css/site.css/x", "a" * 5000, "\ud800"]
)
async def test_not_found(root: Path, asked: str) -> None:
    """What is not there, and a folder without an index, is 404."""
    with pytest.raises(NotFound):
        await get(Assets(root), asked)


async def test_without_an_index(root: Path) -> None:
    """With index=None a folder is 404, its files are not."""
    with pytest.raises(NotFound):
        await get(Assets(root, index=None), "docs/")
    assert "docs" == (await get(Assets(root, index=None), "docs/index.html")).text


@pytest.mark.parametrize("asked", [".env", ".git/config", "css/.hidden", "..data/key", "css/../.env"])
async def test_hidden_files(root: Path, asked: str) -> None:
    """Hidden files are not served, whether they are there or not."""
    (root / "css/.hidden").write_text("SECRET")
    with pytest.raises(NotFound):
        await get(Assets(root, fallback="index.html"), asked)


async def test_links_inside(root: Path) -> None:
    """A link that stays in the folder is followed, also into a hidden folder: so mounted volumes are made."""
    (root / "key").symlink_to(Path("..data") / "key")
    assert "SECRET" == (await get(Assets(root), "key")).text


async def test_folder_without_slash(root: Path) -> None:
    """A folder is redirected to itself with a slash, so that links in its index work; the query is kept."""
    got = await get(Assets(root), "docs", query=b"a=%20b&\xff=\r")
    assert (307, "/static/docs/?a=%20b&%FF=%0D", "") == (got.status, got.headers["location"], got.text)
    got = await get(Assets(root), None, path="/static")
    assert (307, "/static/") == (got.status, got.headers["location"])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("//evil.test/docs", "/evil.test/docs/"),
        ("/\\evil.test/docs", "/evil.test/docs/"),
        ("/\\/evil/docs", "/evil/docs/"),
        ("/ü\r\n/docs", "/%C3%BC%0D%0A/docs/"),
        ("/\ud800/docs", "/%3F/docs/"),
    ],
)
async def test_class_22_redirects_stay_on_the_site(root: Path, path: str, expected: str) -> None:
    """Class 22: however the path begins, the Location begins with exactly one slash."""
    assert expected == (await get(Assets(root), "docs", path=path)).headers["location"]


# Registration


def test_missing_folder(tmp_path: Path) -> None:
    """A folder that is not there is refused when it is registered."""
    with pytest.raises(
        RegistrationError,
        match="There is no folder 'nowhere' to serve assets from .it would be /.*nowhere.; make it, or pass",
    ):
        Assets("nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(RegistrationError, match="There is no folder"):
        Assets(tmp_path / "file")


def test_missing_fallback(root: Path) -> None:
    """A fallback that is not there is refused when it is registered."""
    with pytest.raises(RegistrationError, match="The fallback 'app.html' is no file in /.*static; name one"):
        Assets(root, fallback="app.html")


def test_malformed_cache_control(root: Path) -> None:
    """A Cache-Control that can't be sent is refused when it is registered."""
    with pytest.raises(HeaderError, match="cache-control"):
        Assets(root, cache="no-cache\r\nx: y")


def test_repr(root: Path) -> None:
    """The handler says which folder it serves."""
    assert f"<Assets {root}>" == repr(Assets(root))


# Single-page applications


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("users/7", "home"),
        ("users/", "home"),
        ("empty/", "home"),
        ("css", "home"),
        ("css/site.css", "a{}"),
        ("docs/", "docs"),
    ],
)
async def test_fallback(root: Path, asked: str, expected: str) -> None:
    """The fallback answers for what is not there, and for nothing that is."""
    assert expected == (await get(Assets(root, fallback="index.html"), asked)).text


@pytest.mark.parametrize("asked", ["app.js", "css/missing.css", "../secret", "..\\secret", "a%2f..%2fb"])
async def test_no_fallback_for_files(root: Path, asked: str) -> None:
    """A missing file with a dot in its name, or a path that leaves the folder, is 404 and not the fallback."""
    with pytest.raises(NotFound):
        await get(Assets(root, fallback="index.html"), asked)


# Caching


async def test_immutable(root: Path) -> None:
    """Immutable files are kept for a year, and the pages that name them are asked for again."""
    assets = Assets(root, cache="immutable", fallback="index.html")
    assert IMMUTABLE == (await get(assets, "css/site.css")).headers["cache-control"]
    assert "no-cache" == (await get(assets, "users/7")).headers["cache-control"]


async def test_cache_control(root: Path) -> None:
    """The Cache-Control is what was given, or what a function says for the path below the folder."""
    assert "max-age=60" == (await get(Assets(root, cache="max-age=60"), "")).headers["cache-control"]
    assert (
        "x-docs/index.html"
        == (await get(Assets(root, cache=lambda path: f"x-{path}"), "docs/")).headers["cache-control"]
    )


async def test_revalidation(root: Path) -> None:
    """A client that has the file gets 304; HEAD gets the headers."""
    first = await get(Assets(root), "css/site.css")
    again = await get(Assets(root), "css/site.css", {"if-none-match": first.headers["etag"]})
    head = await get(Assets(root), "css/site.css", method="HEAD")
    assert (304, "", "no-cache") == (again.status, again.text, again.headers["cache-control"])
    assert (200, "", first.headers) == (head.status, head.text, head.headers)


async def test_large_files(root: Path) -> None:
    """A file that is not read when it is looked up is sent whole."""
    (root / "large.txt").write_text("0123456789" * 20_000)

    got = await get(Assets(root), "large.txt", {"range": "bytes=100000-100004"})
    assert (206, "01234") == (got.status, got.text)


# Compressed variants


@pytest.fixture
def compressed(root: Path) -> Path:
    """Variants of the style sheet, which say what they are."""
    for suffix in ("br", "zst", "gz"):
        (root / f"css/site.css.{suffix}").write_text(suffix)
    return root


@pytest.mark.parametrize(
    ("accepted", "encoding", "expected"),
    [
        ("gzip, deflate, br, zstd", "br", "br"),
        ("gzip, zstd", "zstd", "zst"),
        ("GZIP", "gzip", "gz"),
        ("gzip;q=0.5, br;q=0", "gzip", "gz"),
        ("*", "br", "br"),
        ("*, br;q=0.000", "zstd", "zst"),
        ("*;q=0", None, "a{}"),
        ("identity", None, "a{}"),
        ("br; q = 0", None, "a{}"),
        ("", None, "a{}"),
    ],
)
async def test_precompressed(compressed: Path, accepted: str, encoding: str | None, expected: str) -> None:
    """The best variant that the client reads is sent, with the type of the original; caches are told what it hangs on."""
    got = await get(Assets(compressed), "css/site.css", {"accept-encoding": accepted})
    assert (encoding, expected) == (got.headers.get("content-encoding"), got.text)
    assert ("text/css; charset=utf-8", "accept-encoding") == (got.headers["content-type"], got.headers["vary"])


async def test_variants_have_tags_of_their_own(compressed: Path) -> None:
    """Each variant has its own entity tag, and a 304 still says what it hangs on."""
    first = await get(Assets(compressed), "css/site.css", {"accept-encoding": "br"})
    plain = await get(Assets(compressed), "css/site.css")
    again = await get(
        Assets(compressed), "css/site.css", {"accept-encoding": "br", "if-none-match": first.headers["etag"]}
    )
    assert first.headers["etag"] != plain.headers["etag"]
    assert (304, "accept-encoding", None) == (
        again.status,
        again.headers["vary"],
        again.headers.get("content-encoding"),
    )


async def test_no_variants(compressed: Path) -> None:
    """Without variants, or with precompressed=False, the original is sent and nothing said of encodings."""
    for assets, asked in (
        (Assets(compressed), "index.html"),
        (Assets(compressed, precompressed=False), "css/site.css"),
    ):
        got = await get(assets, asked, {"accept-encoding": "br"})
        assert (None, None) == (got.headers.get("content-encoding"), got.headers.get("vary"))


async def test_class_13_long_accept_encoding(compressed: Path) -> None:
    """Class 13: an Accept-Encoding of 100 KB is read in linear time."""
    started = time.process_time()
    for value in ("," * 100_000, "gzip;q=" + "0" * 100_000, "a;" * 50_000, "gzip," * 20_000):
        await get(Assets(compressed), "css/site.css", {"accept-encoding": value})
    assert time.process_time() - started < 1


# Classes of failure


@pytest.mark.parametrize(
    "asked",
    [
        "../secret",
        "%2e%2e/secret",
        "..%2fsecret",
        "%252e%252e%252fsecret",
        "css/../../secret",
        "/etc/passwd",
        "//etc/passwd",
        "{secret}",
        "/{secret}",
        "a\0b",
        "%00",
        "css/%00/../secret",
        "..%5csecret",
        "..%c0%afsecret",
        "%uff0e%uff0e/secret",
    ],
)
async def test_class_1_traversal(root: Path, asked: str) -> None:
    """Class 1: encoded, double-encoded, absolute or NUL paths are 404, as they come and decoded once and twice."""
    asked = asked.format(secret=root.parent / "secret")
    for decoded in (asked, unquote(asked), unquote(unquote(asked))):
        with pytest.raises(NotFound):
            await get(Assets(root), decoded)


async def test_class_1_control(root: Path) -> None:
    """Class 1, control: a handler that joins paths would have sent the secret."""
    assert "SECRET" == (root / "../secret").read_text() == (root / (root.parent / "secret")).read_text()


async def test_class_2_sibling_prefix(root: Path) -> None:
    """Class 2: the sibling whose name begins with the folder's is 404."""
    for asked in ("../static_secret/key", "_secret/key", f"{root}_secret/key"):
        with pytest.raises(NotFound):
            await get(Assets(root), asked)


async def test_class_3_symlinks(root: Path) -> None:
    """Class 3: a link that leaves the folder is 404, and as a compressed variant it is not there."""
    (root / "link").symlink_to(root.parent / "secret")
    (root / "folder").symlink_to(root.parent / "static_secret")
    (root / "css/site.css.gz").symlink_to(root.parent / "secret")
    (root / "empty/index.html").symlink_to(root.parent / "secret")
    for asked in ("link", "folder/key", "css/site.css.gz", "empty/"):
        with pytest.raises(NotFound):
            await get(Assets(root), asked)
    got = await get(Assets(root), "css/site.css", {"accept-encoding": "gzip"})
    assert ("a{}", None, None) == (got.text, got.headers.get("content-encoding"), got.headers.get("vary"))


@pytest.mark.parametrize(
    "asked",
    [
        "\\\\server\\share\\x",
        "//server/share/x",
        "C:/x",
        "css/C:x",
        "CON",
        "css/nul.txt",
        "com1",
        "css/site.css::$DATA",
        "css/site.css.",
        "css/site.css ",
    ],
)
async def test_class_5_windows_names(root: Path, asked: str) -> None:
    """Class 5: UNC, drives, devices, streams and trimmed names are 404 on every system, with or without a fallback."""
    for assets in (Assets(root), Assets(root, fallback="index.html")):
        with pytest.raises(NotFound):
            await get(assets, asked)
