"""The advisories again as bytes over real sockets, under the servers that people use; and what SIGTERM does to requests."""

from __future__ import annotations

import gzip
import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers import (
    PATIENT,
    Answer,
    Server,
    exchange,
    get,
    masked,
    post,
    read_response,
    unchunked,
    upgrade,
    wait_for_end,
)

CANARY = b"canary-7f3a"
HTTP = ["uvicorn-httptools", "uvicorn-h11", "gunicorn"]
ALL = [*HTTP, "hypercorn", "granian"]
JSON, FORM, MULTIPART = (
    "Content-Type: application/json",
    "Content-Type: application/x-www-form-urlencoded",
    "Content-Type: multipart/form-data; boundary=x",
)
PART = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that is served, and what lies around it."""
    root = tmp_path_factory.mktemp("tree")
    (root / "static").mkdir()
    (root / "static_x").mkdir()
    (root / "static/site.css").write_text("body{}" * 5000)
    (root / "secret.txt").write_bytes(CANARY)
    (root / "static_x/secret.txt").write_bytes(CANARY)
    (root / "static/link.txt").symlink_to(root / "secret.txt")
    (root / "static/con").write_bytes(CANARY)
    return root / "static"


@pytest.fixture(scope="module", params=HTTP)
def server(request: pytest.FixtureRequest, tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server for all the tests of this module; at the end its log tells of nothing unexpected."""
    with Server(request.param, tmp_path_factory.mktemp("server"), tree) as running:
        yield running
        assert Answer.of(exchange(running.port, get("/hello"))).status == 200
    written = running.written()
    # The tracebacks of /crash are in the log, indented; one of the server or of asyncio stands at the margin.
    assert not re.search(
        r"(?m)^(Traceback|ERROR forged|.*Exception in ASGI|.*never retrieved|.*never awaited)", written
    ), written
    assert "\x1b[2J" not in written


def traversal() -> list[bytes]:
    rests = ["../secret.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt", "..%252fsecret.txt", "..%5csecret.txt", "..\\secret.txt", "../static_x/secret.txt",
             "..%2fstatic_x%2fsecret.txt", "link.txt", "con", "%2fetc%2fpasswd", "/etc/passwd", "%00", "site.css%00", "c:%5cx", "%5c%5cserver%5cx", "a" * 3000]  # fmt: skip
    return [get(f"/files/{rest}") for rest in rests]


def cpu_of(server: Server) -> float:
    """Seconds of CPU time that the server's process has used, which don't pass while the machine does something else."""
    return float(Answer.of(exchange(server.port, get("/cpu"))).body)


GIANT = b"9" * 5000
BYTES_ON_THE_WIRE: dict[str, tuple[list[bytes], set[int]]] = {
    "1-5 paths": (traversal(), {400, 404}),
    "1 absolute form": (
        [get("http://127.0.0.1/files/../secret.txt"), get("http://evil.test/files/..%2fsecret.txt")],
        {400, 404},
    ),
    "6 ranges": (
        [get("/files/site.css", "Range: bytes=" + ",".join(f"{i}-{i}" for i in range(0, 3000, 2)))],
        {200, 206, 416},
    ),
    "7 parts": (
        [post("/form", PART * 3000 + b"--x--\r\n", MULTIPART), post("/parts", PART * 3000 + b"--x--\r\n", MULTIPART)],
        {413},
    ),
    "8 field": ([post("/parts", PART[:-3] + b"a" * 2_000_000 + b"\r\n--x--\r\n", MULTIPART)], {413}),
    "9 urlencoded": ([post("/form", b"a=1&" * 5000, FORM), post("/form", b"a=" + b"b" * 500_000, FORM)], {413}),
    "10 part headers": (
        [
            post("/parts", b"--x\r\n" + b"X-A: b\r\n" * 20_000, MULTIPART),
            post("/parts", b"pre" * 50_000 + PART, MULTIPART),
        ],
        {400, 413},
    ),
    "13 types": (
        [
            post("/json", b"{}", "Content-Type: a/b;" + " ;" * 3000),
            get("/nothing", "Accept: text/html" + "," * 6000),
            get("/nothing", "Accept: " + ";q=" * 2000),
        ],
        {404, 415},
    ),
    "14 lengths": (
        [
            post("/json", b"[1]", JSON, f"Content-Length: {length}")
            for length in ("-1", "+3", "abc", "3,4", "1e1", "0x3", "3 3")
        ],
        {400},
    ),
    "14 too large": (
        [post("/json", b"[1]", JSON, f"Content-Length: {length}") for length in (400_001, "9" * 18)],
        {413},
    ),
    "14 understated": ([post("/json", b"[1]" + b"a" * 5000, JSON, "Content-Length: 3")], {200}),
    "14 chunked": ([post("/json", b"ffffff\r\n" + b"a" * 500_000, JSON, "Transfer-Encoding: chunked")], {413}),
    "14 bad chunks": (
        [
            post("/json", body, JSON, "Transfer-Encoding: chunked")
            for body in (b"zz\r\n\r\n", b"-1\r\n\r\n", b"0x3\r\n[1]\r\n0\r\n\r\n", b"+3\r\n[1]\r\n0\r\n\r\n")
        ],
        {400},
    ),
    "15 tiny chunks": (
        [post("/json", b"1\r\n \r\n" * 20_000 + b"3\r\n[1]\r\n0\r\n\r\n", JSON, "Transfer-Encoding: chunked")],
        {200},
    ),
    "16 coding": (
        [
            post(path, gzip.compress(b"[" + b" " * 1_000_000 + b"]"), kind, "Content-Encoding: gzip")
            for path, kind in (("/json", JSON), ("/form", FORM), ("/parts", MULTIPART))
        ],
        {415},
    ),
    "20 header injection": (
        [get("/header?text=a%0d%0aSet-Cookie:%20admin=1"), get("/header?text=a%00"), get("/header?text=%0a%0d")],
        {400},
    ),
    "21 markup": (
        [get("/a/b/c/<script>alert(1)</script>", "Accept: text/html"), get("/%3Cscript%3E", "Accept: text/html")],
        {400, 404},
    ),
    "24 hosts": (
        [
            get("/hello", host=host)
            for host in (
                "evil.test",
                "shop.test.evil.test",
                "shopXtest",
                "evilshop.test",
                "127.0.0.1@evil.test",
                "",
                "a b",
            )
        ],
        {400},
    ),
    "26 methods": ([get("/hello", method=method) for method in ("POST", "DELETE", "TRACE")], {405}),
    "26 odd methods": (
        [get("/hello", method=method) for method in ("__class__", "get", "WEBSOCKET", "HACK", "*")],
        {400, 405},
    ),
    "36 text": (
        [
            post("/json", b"[1]", "Content-Type: text/plain"),
            post("/json", b"[1]"),
            post("/typed", b'{"name":"x"}', FORM),
        ],
        {415},
    ),
    "39 json": (
        [
            post("/json", body, JSON)
            for body in (b"[" * 300_000, GIANT, b"[NaN]", b"[Infinity]", b"{", b"\xff", b'"\\ud800"')
        ],
        {400},
    ),
    "40 integers": (
        [get(f"/api/orders/{text}") for text in ("1_0", "+1", "%2B1", "1%0A", "01", "%D9%A1", "%EF%BC%91", "9" * 5000)],
        {404},
    ),
    "46 duplicates": (
        [
            get("/hello", "Host: shop.test"),
            post("/json", b"[1]", JSON, JSON),
            post("/json", b"[1]", JSON, "Content-Length: 3", "Content-Length: 4"),
        ],
        {400},
    ),
    "46 length and coding": (
        [post("/json", b"3\r\n[1]\r\n0\r\n\r\n", JSON, "Content-Length: 3", "Transfer-Encoding: chunked")],
        {400},
    ),
    "fine": (
        [
            get("/hello"),
            get("/hello", host="api.shop.test"),
            post("/json", b"[1]", JSON),
            get("/files/site.css"),
            get("/hello", method="HEAD"),
            get("/api/orders/-7"),
        ],
        {200},
    ),
}


@pytest.mark.parametrize("name", BYTES_ON_THE_WIRE)
def test_bytes_on_the_wire_get_the_right_answer(server: Server, name: str) -> None:
    """Each request of a class is answered with one of its statuses, at little cost, without what lies outside or a traceback."""
    requests, statuses = BYTES_ON_THE_WIRE[name]
    before = cpu_of(server)
    for sent in requests:
        received = exchange(server.port, sent)
        answer = Answer.of(received)
        assert answer.status in statuses, (sent[:200], received[:300])
        assert CANARY not in received
        assert b"Traceback" not in received
        assert b"<script" not in received
        assert "set-cookie" not in answer.headers
    assert cpu_of(server) - before < 5


GARBAGE = [
    b"", b"\r\n" * 100, b"\0" * 1000, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /hello\r\n\r\n", b"GET /hello HTTP/9.9\r\n\r\n", b"GET\r\n\r\n",
    b"GET /hello HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n", b"GET /hello HTTP/1.1\r\n Host: a\r\n\r\n", b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\0b\r\n\r\n", b"GET /h\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET  /hello HTTP/1.1\r\n\r\n", b"\xff" * 5000, b"GET /hello HTTP/1.1\r\nX-A : b\r\nHost: 127.0.0.1\r\n\r\n", b"POST /json HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\n{",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n\r\n", b"GET /" + b"a" * 100_000,
]  # fmt: skip


def test_garbage_on_the_wire_hurts_nobody(server: Server) -> None:
    """Whatever is sent in place of a request, cut off at any place, the server answers 4xx or closes, and lives on."""
    for garbage in GARBAGE:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENT) as connection:
            connection.sendall(garbage)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(PATIENT)
            try:
                received = connection.recv(65_536)
            except ConnectionError:
                received = b""
        assert Answer.of(received).status in (0, 400, 404, 405, 414, 426, 431, 505), (garbage[:100], received[:200])
    assert Answer.of(exchange(server.port, get("/hello"))).status == 200


def test_class_17_18_27_28_headers_are_kept_apart(server: Server) -> None:
    """Underscores, nameless cookies and repeated fields mean over a socket what they mean in process."""
    fields = ["x_user: admin", "Cookie: =__Host-id=evil; a=1", *["X-Many: y"] * 50, "X-Forwarded-For: 1.2.3.4"]
    seen = json.loads(Answer.of(exchange(server.port, get("/seen", *fields))).body)
    assert {"user": None, "cookies": {"a": "1"}, "many": 50, "ip": seen["ip"]} == seen
    hostile = get("/seen", 'Cookie: a="' + "\\" * 12_000 + '"')
    before = cpu_of(server)
    assert Answer.of(exchange(server.port, hostile)).status == 200
    assert cpu_of(server) - before < 2


def test_class_22_redirects_stay_on_the_site(server: Server) -> None:
    """A Location over a socket begins with exactly one slash."""
    for target in (
        "//evil.test",
        "//evil.test/x",
        "/\\evil.test/x",
        "/%5cevil.test/x",
        "/%2fevil.test/x",
        "///evil.test/x",
        "/folder/x",
        "/folder/x?a=%0d%0ab",
    ):
        answer = Answer.of(exchange(server.port, get(target)))
        assert answer.status in (307, 400, 404)
        assert re.match(r"/(?![/\\])", answer.headers.get("location", "/"))


def test_class_32_concurrent_requests_keep_their_own(server: Server) -> None:
    """1,200 tagged requests over 12 kept-alive connections each get their own answer."""
    mixed: list[object] = []

    def client(number: int) -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENT) as connection:
            for turn in range(100):
                tag = f"t{number}-{turn}"
                head = f"POST /tag/{tag} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Tag: {tag}\r\nContent-Length: {len(tag)}\r\n\r\n{tag}"
                connection.sendall(head.encode())
                received = read_response(connection)
                if received is None or json.loads(Answer.of(received).body) != [tag] * 3:
                    mixed.append((tag, received))

    in_parallel(client, 12)
    assert [] == mixed


def test_class_35_a_foreign_page_gets_no_socket(server: Server) -> None:
    """The handshake of a foreign origin is a 403, that of our own is switched, and messages come back."""
    for origin, status in (("https://evil.test", b" 403 "), ("null", b" 403 "), ("https://shop.test", b" 101 ")):
        connection, received = upgrade(server.port, "/echo", f"Origin: {origin}")
        with connection:
            assert status in received.partition(b"\r\n")[0]
            if status == b" 101 ":
                connection.sendall(masked(b"hello"))
                assert connection.recv(100).endswith(b"hello")


def test_class_38_and_44_a_crash_tells_the_client_nothing_and_forges_no_line(server: Server) -> None:
    """The canary of an exception is in the log and not in the answer; a line end in a path is no line of the log."""
    received = exchange(server.port, get("/crash/x%0d%0aERROR%20forged%1b%5b2J", "Accept: text/html"))
    assert Answer.of(received).status == 500
    assert CANARY not in received
    assert CANARY.decode() in server.written()
    assert not [line for line in server.written().splitlines() if line.startswith("ERROR forged")]


def test_class_50_events_are_split_by_line(server: Server) -> None:
    """An event whose data has line ends is one event to whoever reads the stream."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENT) as connection:
        connection.sendall(get("/events"))
        received = b""
        while received.count(b"\n\n") < 2:
            received += connection.recv(4096)
    first = unchunked(received.partition(b"\r\n\r\n")[2].rpartition(b"\r\n")[0]).partition(b"\n\n")[0]
    assert [b"event: tick", b"data: one", b"data: event: forged", b"data: ", b"data: data: two"] == first.split(b"\n")


def test_a_client_that_leaves_ends_its_stream(server: Server) -> None:
    """The generator of an event stream runs its `finally` soon after its client has gone."""
    before = server.written().count("TICKS ENDED")
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENT) as connection:
        connection.sendall(get("/events"))
        connection.recv(100)
    end = time.monotonic() + PATIENT
    while server.written().count("TICKS ENDED") <= before:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_big_multipart_streams_in_flat_memory(server: Server) -> None:
    """A file of 64 MiB goes through `req.parts()`, and the process doesn't grow by 8 MiB."""
    size, block = 64 * 1024 * 1024, b"a" * 262_144
    head, tail = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n', b"\r\n--x--\r\n"

    def upload(total: int) -> bytes:
        start = post("/parts", head, MULTIPART, f"Content-Length: {len(head) + total + len(tail)}")
        return Answer.of(exchange(server.port, start, *[block] * (total // len(block)), tail, seconds=2 * PATIENT)).body

    assert b'[["f",2097152]]' == upload(2 * 1024 * 1024)
    before = int(Answer.of(exchange(server.port, get("/memory"))).body)
    assert f'[["f",{size}]]'.encode() == upload(size)
    assert int(Answer.of(exchange(server.port, get("/memory"))).body) - before < 8 * 1024


def in_parallel(client: object, count: int) -> None:
    threads = [threading.Thread(target=client, args=(number,)) for number in range(count)]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENT)


# How a server ends after SIGTERM: uvicorn, once all is done, sends the signal to itself again.
ENDED_WELL = (0, -signal.SIGTERM)


@pytest.mark.parametrize("kind", HTTP)
def test_sigterm_under_load_cuts_no_request(kind: str, tree: Path, tmp_path: Path) -> None:
    """Whatever a handler began is answered whole, and the rest is closed before its first byte; then the server ends."""
    whole: list[int] = []
    wrong: list[object] = []

    def client(number: int) -> None:
        request = get("/slow", close=False)
        with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENT) as connection:
            while True:
                try:
                    connection.sendall(request)
                    received = read_response(connection)
                except ConnectionError:
                    return
                except (EOFError, TimeoutError) as error:
                    wrong.append(error)
                    return
                if received is None:
                    return
                if not received.endswith(b"slow " * 100) or b" 200 " not in received[:20]:
                    wrong.append(received[:100])
                    return
                whole.append(number)

    with Server(kind, tmp_path, tree) as server:
        threads = [threading.Thread(target=client, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        end = time.monotonic() + PATIENT
        while len(whole) <= 100 and time.monotonic() < end:
            time.sleep(0.02)
        assert server.stop() in ENDED_WELL
        for thread in threads:
            thread.join(PATIENT)
    assert [] == wrong
    begun, done = map(int, re.search(r"COUNTED (\d+) (\d+)", server.written()).groups())  # type: ignore[union-attr]
    assert (len(whole), len(whole)) == (begun, done)
    assert begun > 100
    assert "Traceback" not in server.written()


@pytest.mark.parametrize("kind", ALL)
def test_sigterm_ends_streams_and_sockets(kind: str, tree: Path, tmp_path: Path) -> None:
    """An endless event stream and an open WebSocket end by themselves, not because the server cuts them off, and it follows."""
    with Server(kind, tmp_path, tree) as server:
        stream = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENT)
        stream.sendall(get("/events"))
        assert b" 200 " in stream.recv(1000)
        ws, received = upgrade(server.port, "/echo")
        assert b" 101 " in received
        server.process.send_signal(signal.SIGTERM)
        wait_for_end([stream, ws])
        assert server.process.wait(PATIENT) in ENDED_WELL
        stream.close()
        ws.close()
    written = server.written()
    assert ("TICKS ENDED" in written, "SOCKET ENDED" in written, "COUNTED" in written) == (True, True, True)
    assert "Traceback" not in written


def answering(*pieces: bytes) -> tuple[socket.socket, int]:
    """A server that says the same to its first client, whatever that wants, and then nothing more."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for piece in pieces:
                connection.sendall(piece)
            if not pieces:
                connection.recv(65_536)  # the request, and then what comes when the client has gone
                connection.recv(65_536)

    threading.Thread(target=serve, daemon=True).start()
    return listener, listener.getsockname()[1]


def test_control_a_server_that_hangs_or_cuts_is_found_out() -> None:
    """A server that says nothing is a TimeoutError, and one that closes half-way through a response is an EOFError."""
    listener, port = answering()
    with listener, pytest.raises(TimeoutError):
        exchange(port, get("/hello"), seconds=0.3)
    listener, port = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    with (
        listener,
        socket.create_connection(("127.0.0.1", port), timeout=PATIENT) as connection,
        pytest.raises(EOFError),
    ):
        read_response(connection)
