"""Advisories about paths: what leaves a folder, what names a file, what a converter takes (classes 1-5, 12, 40)."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from driver import Reply, request
from heaven import App

CANARY = b"the canary must not be seen"

ESCAPES = [
    "../secret.txt",
    "..%2fsecret.txt",
    "..%2Fsecret.txt",
    "%2e%2e/secret.txt",
    "%2e%2e%2fsecret.txt",
    "..%252fsecret.txt",
    "%252e%252e%252fsecret.txt",
    "%25252e%25252e%25252fsecret.txt",
    "..%5csecret.txt",
    "..\\secret.txt",
    "..%255csecret.txt",
    "./../secret.txt",
    "css/../../secret.txt",
    "css/..%2f..%2fsecret.txt",
    "....//secret.txt",
    "..;/secret.txt",
    "%c0%ae%c0%ae/secret.txt",
    "..%c0%afsecret.txt",
    "%2fetc/passwd",
    "/etc/passwd",
    "%00",
    "site.css%00",
    "site.css%00.txt",
    "..%00/secret.txt",
    "../secret.txt%00.css",
    "%0a../secret.txt",
    "..%0d%0a/secret.txt",
    "~root/.profile",
    ".",
    "..",
    "../",
    "..%2f",
    "file:%2f%2f%2fetc/passwd",
    "a" * 5000,
    "a/" * 3000,
    "\udcff",
]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder `static` with files, and around it what must not get out."""
    root = tmp_path_factory.mktemp("tree")
    static, sibling = root / "static", root / "static_x"
    (static / "css").mkdir(parents=True)
    sibling.mkdir()
    (root / "secret.txt").write_bytes(CANARY)
    (sibling / "secret.txt").write_bytes(CANARY)
    (root / "secret.gz").write_bytes(gzip.compress(CANARY))
    (static / "site.css").write_text("body{}")
    (static / "css/deep.css").write_text("a{}")
    (static / "app.js").write_text("run()")
    (static / ".env").write_bytes(CANARY)
    (static / "link.txt").symlink_to(root / "secret.txt")
    (static / "linked").symlink_to(sibling, target_is_directory=True)
    (static / "app.js.gz").symlink_to(root / "secret.gz")
    (static / "ring").symlink_to("ring")
    for name in ("con", "aux.txt", "nul.css", "com1", "lpt9.log"):
        (static / name).write_bytes(CANARY)
    return root


def assets(root: Path) -> App:
    app = App()
    app.ASSETS(root / "static", "/static")
    return app


def files(root: Path) -> App:
    app = App()
    app.GET("/static/*", lambda req, res, ctx: res.file(req.params["*"], within=root / "static") and None)
    return app


def naive(root: Path) -> App:
    """What must not be done: the rest of the path is joined to the folder, and looked at by its first letters."""
    app = App()
    static = root / "static"

    def serve(req: Any, res: Any, ctx: Any) -> Any:
        found = (static / req.params["*"]).resolve()
        if str(found).startswith(str(static)) or "raw" in req.queries:
            return found.read_bytes()
        res.status = 404
        return None

    app.GET("/static/*", serve)
    return app


@pytest.fixture(params=[assets, files], ids=["ASSETS", "res.file"])
def app(request: pytest.FixtureRequest, tree: Path) -> App:
    return request.param(tree)


def refused(reply: Reply) -> bool:
    return reply.status == 404 and CANARY not in reply.body and CANARY not in gzip_or_raw(reply)


def gzip_or_raw(reply: Reply) -> bytes:
    return gzip.decompress(reply.body) if reply.body[:2] == b"\x1f\x8b" else reply.body


async def test_class_1_to_4_what_is_there_is_served(app: App) -> None:
    """The folder is really served, so that the refusals below mean something."""
    assert b"body{}" == (await request(app, url="/static/site.css")).body
    assert b"a{}" == (await request(app, url="/static/css/deep.css")).body


@pytest.mark.parametrize("escape", ESCAPES, ids=lambda text: text[:24].encode("unicode_escape").decode())
async def test_class_1_encoded_double_encoded_absolute_and_nul_paths_are_not_found(app: App, escape: str) -> None:
    """However a path out of the folder is written, with or without `raw_path`, it is a 404."""
    url = f"/static/{escape}"
    raw = url.encode("utf-8", "surrogateescape").decode("latin-1")
    assert refused(await request(app, url=raw))
    assert refused(await request(app, url=raw, raw_path=None))
    assert refused(await request(app, url="/static/x", path=url, raw_path=None))


async def test_class_1_an_absolute_path_of_the_machine_is_not_found(app: App, tree: Path) -> None:
    """The whole path of a file is no path below the folder, with one slash in front of it, two or an encoded one."""
    for separator in ("/", "/%2f", "//", "///"):
        assert refused(await request(app, url=f"/static{separator}{str(tree / 'secret.txt').lstrip('/')}"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [
                "..",
                ".",
                "/",
                "//",
                "\\",
                "%2e",
                "%2f",
                "%5c",
                "%252e",
                "%00",
                "secret.txt",
                "css",
                "static",
                "static_x",
                "\x00",
            ]
        ),
        min_size=1,
        max_size=8,
    )
)
async def test_class_1_no_mixture_of_dots_and_separators_gets_out(app: App, pieces: list[str]) -> None:
    """Whatever dots, separators and their encodings are put together, the answer is never what lies outside."""
    reply = await request(app, url="/static/" + "".join(pieces))
    assert CANARY not in reply.body
    assert reply.status in (200, 307, 404)


async def test_control_class_1_the_probe_finds_the_hole_in_a_join(tree: Path) -> None:
    """A handler that joins the path to its folder gives the canary away to the same probe."""
    assert CANARY == (await request(naive(tree), url="/static/../secret.txt?raw=1")).body
    assert CANARY == (await request(naive(tree), url=f"/static/{tree}/secret.txt?raw=1")).body


@pytest.mark.parametrize(
    "escape", ["../static_x/secret.txt", "..%2fstatic_x%2fsecret.txt", "css/../../static_x/secret.txt"]
)
async def test_class_2_the_sibling_static_x_stays_outside(app: App, escape: str) -> None:
    """`static_x` begins with the letters of `static`, and is another folder."""
    assert refused(await request(app, url=f"/static/{escape}"))


async def test_control_class_2_a_prefix_check_lets_the_sibling_out(tree: Path) -> None:
    """A handler that compares the first letters passes the sibling for its own folder."""
    assert CANARY == (await request(naive(tree), url="/static/../static_x/secret.txt")).body


@pytest.mark.parametrize("path", ["link.txt", "linked/secret.txt", "linked/", "linked", "ring", "ring/x"])
async def test_class_3_a_symbolic_link_does_not_leave_the_root(app: App, path: str) -> None:
    """A link to a file or folder outside is not found, and one that leads in a ring neither."""
    assert refused(await request(app, url=f"/static/{path}"))


async def test_class_3_a_compressed_variant_that_is_a_link_is_not_sent(tree: Path) -> None:
    """Where `app.js.gz` leads outside, clients that read gzip get `app.js` itself."""
    reply = await request(assets(tree), url="/static/app.js", headers={"accept-encoding": "gzip"})
    assert (200, b"run()", None) == (reply.status, reply.body, reply.headers.get("content-encoding"))


async def test_control_class_3_links_are_followed_by_plain_reading(tree: Path) -> None:
    """The link of the test leads to the canary when it is simply opened."""
    assert CANARY == (tree / "static/link.txt").read_bytes()
    assert CANARY == gzip.decompress((tree / "static/app.js.gz").read_bytes())


async def test_class_4_hidden_files_and_indexes_go_the_same_way(tree: Path) -> None:
    """Dotfiles are not assets, and an index or a fallback that leads outside is not sent either."""
    outside = tree / "indexed"
    outside.mkdir(exist_ok=True)
    (outside / "index.html").unlink(missing_ok=True)
    (outside / "index.html").symlink_to(tree / "secret.txt")
    app = assets(tree)
    app.ASSETS(outside, "/indexed", fallback="index.html")
    for url in ("/static/.env", "/static/%2eenv", "/indexed/", "/indexed", "/indexed/page", "/indexed/index.html"):
        assert refused(await request(app, url=url))


@pytest.mark.parametrize(
    "name",
    ["con", "CON", "aux.txt", "nul.css", "com1", "lpt9.log", "site.css.", "site.css%20", "site.css::$DATA", "c:%5cwindows",
     "c:/windows/win.ini", "//server/share/x", "%5c%5cserver%5cshare%5cx", "%5c%5c%3f%5cC:%5cx", "//?/C:/x", "//./con", "css%5cdeep.css"],
)  # fmt: skip
async def test_class_5_windows_unc_and_device_names_are_refused_everywhere(app: App, name: str) -> None:
    """What Windows takes for a device, a drive, a share or a stream is not found on any system."""
    assert refused(await request(app, url=f"/static/{name}"))


def form(filename: str, content: bytes = b"pixels") -> dict[str, Any]:
    head = f'Content-Disposition: form-data; name="photo"; filename="{filename}"'.encode()
    body = b"--x\r\n" + head + b"\r\n\r\n" + content + b"\r\n--x--\r\n"
    return {"method": "POST", "body": body, "headers": {"content-type": "multipart/form-data; boundary=x"}}


HOSTILE_NAMES = [
    "../evil",
    "../../evil",
    "/tmp/heaven-evil",
    "..\\evil",
    "C:\\evil",
    "con",
    "evil\x00.png",
    "",
    "a/../../evil",
    ".",
]


@pytest.mark.parametrize("stream", [False, True], ids=["files", "parts"])
@pytest.mark.parametrize("filename", HOSTILE_NAMES)
async def test_class_12_an_uploads_filename_is_a_label_and_never_a_path(
    tmp_path: Path, filename: str, stream: bool
) -> None:
    """A handler that saves by the client's filename `within` a folder can't be led out of it; the label stays as sent."""
    inside = tmp_path / "uploads"
    inside.mkdir()
    app = App()
    seen: list[str | None] = []

    async def whole(req: Any, res: Any, ctx: Any) -> None:
        for upload in req.files.values():
            seen.append(upload.filename)
            await upload.save(upload.filename, within=inside)

    async def piecewise(req: Any, res: Any, ctx: Any) -> None:
        async for part in req.parts():
            seen.append(part.filename)
            await part.save(part.filename, within=inside)

    app.POST("/", piecewise if stream else whole, stream=stream)
    reply = await request(app, **form(filename))
    assert [] == [path for path in tmp_path.rglob("*") if path != inside]
    assert not Path("/tmp/heaven-evil").exists()
    # Backslashes before a quote or backslash are escapes; everything else of the label is what was sent.
    assert reply.status == 400 and len(seen) <= 1


async def test_class_12_an_upload_under_the_applications_own_name_is_kept(tmp_path: Path) -> None:
    """The same upload saved under a name that the application chose is there, whole."""
    app = App()

    async def handler(req: Any, res: Any, ctx: Any) -> str:
        await req.files["photo"].save("7.png", within=tmp_path)
        return req.files["photo"].filename

    app.POST("/", handler)
    assert "../../evil" == (await request(app, **form("../../evil"))).text
    assert b"pixels" == (tmp_path / "7.png").read_bytes()


async def test_control_class_12_a_joined_filename_writes_outside(tmp_path: Path) -> None:
    """A handler that joins the filename to its folder is led out of it by the same form."""
    inside = tmp_path / "uploads"
    inside.mkdir()
    app = App()
    app.POST(
        "/", lambda req, res, ctx: (inside / req.files["photo"].filename).write_bytes(req.files["photo"].body) and None
    )
    await request(app, **form("../evil"))
    assert (tmp_path / "evil").exists()


NO_INTEGERS = [
    "１２",
    "١٢",
    "1_0",
    "%2B1",
    "+1",
    "-0",
    "01",
    "1%0A",
    "%201",
    "1%20",
    "1%09",
    "1.0",
    "1e3",
    "0x1",
    "--1",
    "1%00",
    "²",
    "٣",
]


@pytest.mark.parametrize("text", NO_INTEGERS)
async def test_class_40_int_takes_canonical_ascii_digits_alone(text: str) -> None:
    """Other digits, signs, underscores, zeros in front and line ends are a 404."""
    app = App()
    app.GET("/orders/:id:int", lambda req, res, ctx: {"id": req.params["id"]})
    url = "/orders/" + text.encode().decode("latin-1")
    assert 404 == (await request(app, url=url)).status
    assert (
        404
        == (await request(app, url="/orders/x", path=f"/orders/{text.replace('%0A', chr(10))}", raw_path=None)).status
    )
    assert {"id": -12} == (await request(app, url="/orders/-12")).json


async def test_class_40_a_number_of_any_length_is_answered_quickly() -> None:
    """Five thousand digits are no crash: Python refuses to convert them, so the path is not found."""
    app = App()
    app.GET("/orders/:id:int", lambda req, res, ctx: {"id": req.params["id"]})
    app.GET("/search?page:int", lambda req, res, ctx: req.queries["page"])
    assert 404 == (await request(app, url="/orders/" + "9" * 5000)).status
    assert 422 == (await request(app, url="/search?page=" + "9" * 5000)).status


async def test_class_40_query_hints_are_as_strict() -> None:
    """A query value that is no canonical integer is a 422 that names it."""
    app = App()
    app.GET("/search?page:int", lambda req, res, ctx: req.queries["page"])
    for text in ("%EF%BC%91", "1_0", "%2B1", "1%0A", "01", ""):
        reply = await request(app, url=f"/search?page={text}")
        assert (422, [["query", "page"]]) == (reply.status, [error["loc"] for error in reply.json["errors"]])


def test_control_class_40_int_itself_takes_them() -> None:
    """Python's own `int` accepts what the rule refuses, so the probe probes something."""
    assert [12, 10, 1] == [int("١٢"), int("1_0"), int("1\n")]
