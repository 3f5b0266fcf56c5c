from __future__ import annotations

import asyncio
import gc
import os
import resource
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heaven_testing.servers import relay
from heaven_testing.servers.relay import Relay
from heaven_testing.servers.toxic import ToxicProxy
from toxic_peers import PATIENCE, connect, connected, echoing, eventually, exactly, listening, rest, url_of

RESET = struct.pack("ii", 1, 0)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://127.0.0.1", "redis://127.0.0.1:{}"),
        ("redis://:pass%40word@127.0.0.1:6380/2", "redis://:pass%40word@127.0.0.1:{}/2"),
        ("mysql://user:p@127.0.0.1/shop?charset=utf8", "mysql://user:p@127.0.0.1:{}/shop?charset=utf8"),
        ("mysql+aiomysql://127.0.0.1/shop", "mysql+aiomysql://127.0.0.1:{}/shop"),
        ("http://localhost/a/b?c=d#e", "http://127.0.0.1:{}/a/b?c=d#e"),
        ("https://user@[::1]:8443/", "https://user@127.0.0.1:{}/"),
        ("amqp://127.0.0.1:5672", "amqp://127.0.0.1:{}"),
    ],
)
def test_the_url_is_the_servers_with_the_proxy_in_its_place(url, shown):
    """Credentials, path, query and fragment stay; host and port are the proxy's."""
    with ToxicProxy(url) as proxy:
        assert shown.format(proxy.port) == proxy.url


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("redis://cache", ("cache", 6379)),
        ("rediss://cache", ("cache", 6379)),
        ("mysql://db/shop", ("db", 3306)),
        ("mysql+aiomysql://db/shop", ("db", 3306)),
        ("http://site", ("site", 80)),
        ("https://site", ("site", 443)),
        ("https://[fe80::1]/", ("fe80::1", 443)),
        ("redis://[::1]:7000", ("::1", 7000)),
    ],
)
def test_the_usual_port_of_the_scheme(url, target):
    """A URL without a port means its scheme's."""
    assert target == ToxicProxy(url)._target


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("amqp://127.0.0.1", r"names no port, and 'amqp' has no usual one; write it as scheme://host:port.*redis"),
        ("127.0.0.1:6379", r"names no host; write it as scheme://host:port, like redis://127\.0\.0\.1:6379"),
        ("unix:///run/redis.sock", "names no host"),
        ("redis://127.0.0.1:many", "has no port that can be: .*many.*; write it as"),
        ("redis://127.0.0.1:99999", "has no port that can be"),
    ],
)
def test_a_url_that_names_no_server_is_refused(url, message):
    """The error quotes it and says how it is written."""
    with pytest.raises(ValueError, match=message):
        ToxicProxy(url)


def test_a_host_that_nobody_knows_is_reported_on_entering():
    """Names are looked up when the proxy starts."""
    with pytest.raises(socket.gaierror):
        ToxicProxy("redis://no-such-host.invalid").__enter__()


def test_bytes_pass_both_ways_and_are_counted():
    """Without a fault the proxy changes nothing."""
    with listening() as server, ToxicProxy(url_of(server)) as proxy:
        assert (0, 0, 0, 0) == (proxy.connections, proxy.accepted, proxy.bytes_up, proxy.bytes_down)
        with connected(proxy, server) as (client, peer):
            client.sendall(b"question")
            assert b"question" == exactly(peer, 8)
            peer.sendall(b"answer")
            assert b"answer" == exactly(client, 6)
            assert (1, 1, 8) == (proxy.connections, proxy.accepted, proxy.bytes_up)
            assert eventually(lambda: proxy.bytes_down == 6)
        assert eventually(lambda: proxy.connections == 0)
        assert 1 == proxy.accepted


def test_half_close_is_passed_on():
    """Each end may say that it has finished, and go on listening."""
    with listening() as server, ToxicProxy(url_of(server)) as proxy, connected(proxy, server) as (client, peer):
        client.sendall(b"last words")
        client.shutdown(socket.SHUT_WR)
        assert b"last words" == rest(peer)
        peer.sendall(b"and now me")
        assert b"and now me" == exactly(client, 10)
        assert 1 == proxy.connections
        peer.shutdown(socket.SHUT_WR)
        assert b"" == rest(client)
        assert eventually(lambda: proxy.connections == 0)


@pytest.mark.parametrize("breaker", ["client", "server"])
def test_a_reset_is_passed_on_behind_the_bytes(breaker):
    """Who breaks off breaks off for the other as well; what was sent before still arrives."""
    with listening() as server, ToxicProxy(url_of(server)) as proxy, connected(proxy, server) as (client, peer):
        breaks, other = (client, peer) if breaker == "client" else (peer, client)
        breaks.sendall(b"before")
        assert b"before" == exactly(other, 6)
        breaks.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        breaks.close()
        with pytest.raises(ConnectionResetError):
            other.recv(1)
        assert eventually(lambda: proxy.connections == 0)


def test_an_answer_arrives_though_the_server_takes_no_more():
    """A server may answer early and leave while the client still sends."""
    with listening() as server, ToxicProxy(url_of(server)) as proxy, connected(proxy, server) as (client, peer):
        peer.sendall(b"too large")
        peer.shutdown(socket.SHUT_WR)
        assert b"too large" == rest(client)
        peer.close()
        with pytest.raises(ConnectionError):
            while True:
                client.sendall(bytes(65536))
        assert eventually(lambda: proxy.connections == 0)


def test_a_server_that_is_down_closes_the_client_and_may_come_up():
    """While nobody listens behind the proxy, connections end; the proxy itself goes on."""
    with listening() as server:
        url, place = url_of(server), server.getsockname()
    with ToxicProxy(url) as proxy:
        with connect(proxy) as client:
            assert b"" == client.recv(1)
        assert eventually(lambda: proxy.connections == 0)
        with socket.create_server(place) as server:
            server.settimeout(PATIENCE)
            with connected(proxy, server) as (client, peer):
                client.sendall(b"there you are")
                assert b"there you are" == exactly(peer, 13)
        assert 2 == proxy.accepted


def test_a_server_that_does_not_answer_is_given_up():
    """Connecting has a deadline; cutting does not wait for it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        host, port = server.getsockname()
        waiting = []
        try:
            for _ in range(3):  # the third finds the queue full: the system doesn't answer it
                each = socket.socket()
                each.settimeout(0)
                each.connect_ex((host, port))
                waiting.append(each)
            with ToxicProxy(url_of(server), timeout=0.3) as proxy, connect(proxy) as client:
                assert b"" == client.recv(1)
            with ToxicProxy(url_of(server), timeout=PATIENCE) as proxy, connect(proxy) as client:
                assert eventually(lambda: proxy.connections == 1)
                proxy.cut()
                assert b"" == client.recv(1)
        finally:
            for each in waiting:
                each.close()


def test_a_name_with_several_addresses_is_tried_through():
    """`localhost` may mean IPv6 as well, where this server is not."""
    with listening() as server:
        url = f"http://localhost:{server.getsockname()[1]}"
        with ToxicProxy(url) as proxy, connected(proxy, server) as (client, peer):
            client.sendall(b"hello")
            assert b"hello" == exactly(peer, 5)


def test_a_server_on_ipv6():
    """The address stands in brackets."""
    try:
        probe = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("no IPv6 here")
    probe.close()
    with listening("::1") as server, ToxicProxy(url_of(server)) as proxy, connected(proxy, server) as (client, peer):
        client.sendall(b"hello")
        assert b"hello" == exactly(peer, 5)


@pytest.mark.parametrize("way", ["up", "down"])
def test_the_sender_waits_for_the_reader(way):
    """A reader that takes nothing stops the sender: the proxy does not collect."""
    much = 256 * 1024 * 1024
    with listening() as server, ToxicProxy(url_of(server)) as proxy, connected(proxy, server) as (client, peer):
        sender, reader = (client, peer) if way == "up" else (peer, client)
        sender.settimeout(0.5)
        piece, sent = bytes(1024 * 1024), 0
        with pytest.raises(TimeoutError):
            while sent < much:
                sent += sender.send(piece)
        assert sent < much / 2
        sender.settimeout(PATIENCE)
        sender.shutdown(socket.SHUT_WR)
        assert sent == len(rest(reader))


def test_a_reader_that_reads_gets_it_all():
    """The control: the same amount passes where somebody takes it."""
    much = 128 * 1024 * 1024
    with listening() as server, ToxicProxy(url_of(server)) as proxy, connected(proxy, server) as (client, peer):
        received = []
        reading = threading.Thread(target=lambda: received.append(len(rest(peer))))
        reading.start()
        client.sendall(bytes(much))
        client.shutdown(socket.SHUT_WR)
        reading.join(PATIENCE)
        assert [much] == received


def test_at_the_end_everything_is_closed():
    """Connections end with FIN, the port is free, the thread is gone."""
    with listening() as server:
        proxy = ToxicProxy(url_of(server))
        name = "proxy of {}:{}".format(*server.getsockname())
        with proxy:
            port = proxy.port
            assert name in {thread.name for thread in threading.enumerate()}
            client = connect(proxy)
            peer, _ = server.accept()
            peer.settimeout(PATIENCE)
        with client, peer:
            assert b"" == client.recv(1)
            assert b"" == peer.recv(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), PATIENCE)
    assert name not in {thread.name for thread in threading.enumerate()}


def test_it_can_be_entered_again():
    """Every block is a proxy of its own, without the faults of the last."""
    with listening() as server:
        proxy = ToxicProxy(url_of(server))
        for _ in range(2):
            with proxy, connected(proxy, server) as (client, peer):
                client.sendall(b"hello")
                assert b"hello" == exactly(peer, 5)
                assert 1 == proxy.accepted
                proxy.stall()


def test_it_is_entered_once_at_a_time():
    """A block inside its block is refused, and the proxy goes on as it was, on its port and in its thread."""
    proxy = ToxicProxy("redis://127.0.0.1")
    with proxy:
        port, threads = proxy.port, threading.active_count()
        with pytest.raises(RuntimeError, match="this proxy runs already"):
            proxy.__enter__()
        assert (port, threads) == (proxy.port, threading.active_count())


def test_outside_its_block_it_says_how_it_is_used():
    """There is no port before the block, and none after it."""
    proxy = ToxicProxy("redis://127.0.0.1")
    for use in (lambda: proxy.url, lambda: proxy.connections, proxy.heal):
        with pytest.raises(RuntimeError, match=r"with ToxicProxy\(url\) as proxy"):
            use()


async def test_it_serves_async_tests_as_well():
    """The proxy has a thread of its own: a test's event loop may run on both sides of it."""

    async def shout(reader, writer):
        writer.write((await reader.read(100)).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server:
        with ToxicProxy(url_of(server.sockets[0])) as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
            proxy.delay(0.05)
            writer.write(b"hello")
            assert b"HELLO" == await asyncio.wait_for(reader.read(), PATIENCE)
            writer.close()
            await writer.wait_closed()


@pytest.fixture(scope="module")
def slowed():
    """An echo server behind a proxy that delays, jitters and throttles."""
    with echoing() as server, ToxicProxy(url_of(server), seed=7) as proxy:
        proxy.delay(0.001, jitter=0.002)
        proxy.throttle(10_000_000)
        yield proxy


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    chunks=st.lists(st.binary(min_size=1, max_size=5000) | st.binary(min_size=1, max_size=3).map(lambda b: b * 40_000))
)
def test_bytes_arrive_whole_and_in_order(slowed, chunks):
    """Whatever is sent, and in whatever portions: through delays and throttles it is the same bytes."""
    with connect(slowed) as client:
        received = []
        reading = threading.Thread(target=lambda: received.append(rest(client)))
        reading.start()
        for chunk in chunks:
            client.sendall(chunk)
        client.shutdown(socket.SHUT_WR)
        reading.join(PATIENCE)
    assert [b"".join(chunks)] == received


@contextmanager
def as_many_files_as_may_be() -> Iterator[list[int]]:
    """This process can open nothing more, until one of these is closed."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    taken = [os.open(os.devnull, os.O_RDONLY)]
    highest = max(int(each.name) for each in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, before[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(taken[0]))
        yield taken
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for each in taken:
            os.close(each)


def test_it_waits_while_this_process_can_open_nothing_more(monkeypatch, caplog):
    """Who connects is accepted later, and it does not spin until then; nothing is written to the log."""
    tries: list[float] = []
    accept = Relay._accept
    monkeypatch.setattr(Relay, "_accept", lambda *given: tries.append(time.monotonic()) or accept(*given))
    with listening() as server, ToxicProxy(url_of(server)) as proxy, socket.socket() as client:
        client.settimeout(PATIENCE)
        with as_many_files_as_may_be():
            client.connect(("127.0.0.1", proxy.port))
            assert eventually(lambda: len(tries) >= 3)
            assert 0 == proxy.accepted
            assert tries[-1] - tries[0] >= 2 * relay.PAUSE
        peer, _ = server.accept()
        with peer:
            peer.sendall(b"hello")
            assert b"hello" == exactly(client, 5)
    assert [] == caplog.messages


def test_who_can_not_be_carried_is_sent_away(caplog):
    """There is a socket for the client and none for the server: the client sees the end; the next one is carried."""
    with listening() as server, ToxicProxy(url_of(server)) as proxy:
        with socket.socket() as client:
            client.settimeout(PATIENCE)
            with as_many_files_as_may_be() as taken:
                os.close(taken.pop())
                client.connect(("127.0.0.1", proxy.port))
                assert b"" == client.recv(1)
                assert eventually(lambda: proxy.connections == 0)
        with connected(proxy, server) as (client, peer):
            client.sendall(b"hello")
            assert b"hello" == exactly(peer, 5)
    gc.collect()
    assert [] == caplog.messages


def test_it_can_refuse_while_it_waits(monkeypatch, caplog):
    """A socket that was closed in a pause is left alone after it; the one that takes its place is watched."""
    watched: list[int] = []
    watch = Relay._watch
    monkeypatch.setattr(Relay, "_watch", lambda *given: watched.append(given[1].fileno()) or watch(*given))
    with listening() as server, ToxicProxy(url_of(server)) as proxy, socket.socket() as client:
        with as_many_files_as_may_be():
            client.connect(("127.0.0.1", proxy.port))
            proxy.refuse()
        assert eventually(lambda: -1 in watched)
        proxy.heal()
        with connected(proxy, server) as (other, peer):
            other.sendall(b"hello")
            assert b"hello" == exactly(peer, 5)
    assert [] == caplog.messages
