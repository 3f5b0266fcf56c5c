"""Part 4, second half: large uploads and downloads against a real uvicorn; what its memory does meanwhile."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.console import progress, trouble
from benchmarks.figures import ratio, summarise
from benchmarks.fleet import PeerFailed
from benchmarks.plan import MEBIBYTE, Plan, Results
from benchmarks.scenarios import FLOOR, OURS
from benchmarks.servers import Server

SIZE, QUICK_SIZE = 1024 * MEBIBYTE, 64 * MEBIBYTE
ROUNDS, QUICK_ROUNDS = 5, 1
BLOCK = 256 * 1024
BOUNDARY = b"benchmark-boundary-7MA4YWxk"
HEAD = (
    b"--" + BOUNDARY + b'\r\ncontent-disposition: form-data; name="file"; filename="large.bin"\r\n'
    b"content-type: application/octet-stream\r\n\r\n"
)
TAIL = b"\r\n--" + BOUNDARY + b"--\r\n"
PEERS = (FLOOR, OURS, "starlette")
KINDS = ("stream", "multipart", "download")
GOAL = 8 * MEBIBYTE
TIMEOUT = 120.0


def run(plan: Plan) -> Results:
    """Every kind of transfer for every peer that takes part, rounds interleaved."""
    peers = [peer for peer in PEERS if peer in plan.peers]
    size = QUICK_SIZE if plan.quick else SIZE
    os.sched_setaffinity(0, {plan.other})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "large.bin")
        write(path, size)
        kinds = {}
        for kind in KINDS:
            kinds[kind] = measure(plan, kind, peers, path, size)
    return {"size": size, "goal": GOAL, "kinds": kinds}


def write(path: Path, size: int) -> None:
    """A file that cannot be compressed away, in the page cache after this."""
    block = os.urandom(MEBIBYTE)
    with path.open("wb") as file:
        for _ in range(size // MEBIBYTE):
            file.write(block)


def measure(plan: Plan, kind: str, peers: list[str], path: Path, size: int) -> Results:
    """One kind of transfer: throughput in bytes a second, and growth of peak memory in bytes.

    A server is new in every round: memory that an allocator kept from one transfer would hide the growth of the next.
    """
    rates: dict[str, list[float]] = {}
    growth: dict[str, list[float]] = {}
    left_out: set[str] = {FLOOR} if kind == "multipart" else set()  # a bare callable has no parser
    for count in range(plan.number(ROUNDS, QUICK_ROUNDS)):
        for peer in plan.shuffled([peer for peer in peers if peer not in left_out]):
            progress(f"transfer: {kind}, {peer}, round {count + 1}")
            try:
                rate, grown = one_transfer(plan, kind, peer, path, size)
            except (PeerFailed, OSError) as error:
                problem = f"{peer}: {kind} of {size // MEBIBYTE} MiB: {error}"
                trouble(problem)
                plan.failures.append(problem)
                left_out.add(peer)
                continue
            rates.setdefault(peer, []).append(rate)
            growth.setdefault(peer, []).append(grown)
    whole = {peer: values for peer, values in rates.items() if peer not in left_out}
    beside = whole.get("starlette")
    return {
        peer: {
            "rate": summarise(values, higher_is_better=True).as_dict(),
            "to_starlette": ratio(values, beside) if beside else None,
            "growth": summarise(growth[peer]).as_dict() | {"worst": max(growth[peer])},
        }
        for peer, values in whole.items()
    }


def one_transfer(plan: Plan, kind: str, peer: str, path: Path, size: int) -> tuple[float, float]:
    """Start a server, warm it with a small transfer, do the large one, read its peak memory."""
    with Server(plan.environment, peer, "transfer", plan.core, BENCHMARK_DOWNLOAD=str(path)) as server:
        upload(server, kind if kind != "download" else "stream", 64 * 1024)
        server.forget_peak()
        before = server.memory()
        begin = perf_counter()
        if kind == "download":
            download(server, size)
        else:
            upload(server, kind, size)
        seconds = perf_counter() - begin
        return size / seconds, server.memory("VmHWM") - before


def connect(server: Server) -> socket.socket:
    """A blocking connection to the server."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)


def upload(server: Server, kind: str, size: int) -> None:
    """Send so many bytes and check that the server counted all of them."""
    head, tail, content_type = b"", b"", b"application/octet-stream"
    if kind == "multipart":
        head, tail, content_type = HEAD, TAIL, b"multipart/form-data; boundary=" + BOUNDARY
    with connect(server) as connection:
        length = len(head) + size + len(tail)
        request = b"POST /%b HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n" % kind.encode()
        connection.sendall(request + b"content-type: %b\r\ncontent-length: %d\r\n\r\n" % (content_type, length) + head)
        block = bytes(min(BLOCK, size))
        for _ in range(size // len(block)):
            connection.sendall(block)
        connection.sendall(tail)
        answer = b""
        while data := connection.recv(65536):
            answer += data
    if b" 200 " not in answer[:20] or b"%d}" % size not in answer:
        raise PeerFailed(f"answered {answer[:300]!r}")


def download(server: Server, size: int) -> None:
    """Fetch the file and check that all of it came."""
    with connect(server) as connection:
        connection.sendall(b"GET /download HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        buffer = bytearray(BLOCK)
        received = connection.recv_into(buffer)
        head, _, rest = bytes(buffer[:received]).partition(b"\r\n\r\n")
        if b" 200 " not in head[:20]:
            raise PeerFailed(f"answered {head[:300]!r}")
        total = len(rest)
        while count := connection.recv_into(buffer):
            total += count
    if total != size:
        raise PeerFailed(f"sent {total} bytes of {size}")
