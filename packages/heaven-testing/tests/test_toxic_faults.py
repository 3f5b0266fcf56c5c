from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress

import pytest

from heaven_testing.servers.toxic import ToxicProxy
from toxic_peers import PATIENCE, connect, connected, echoing, exactly, listening, nothing_comes, rest, url_of

HOUR = 3600.0


@pytest.fixture
def server():
    """A server that the test drives by hand."""
    with listening() as server:
        yield server


@pytest.fixture
def proxy(server):
    """A proxy in front of it."""
    with ToxicProxy(url_of(server)) as proxy:
        yield proxy


def send_and_get(sender, reader, data=b"hello"):
    sender.sendall(data)
    return exactly(reader, len(data))


def test_a_delay_makes_bytes_late(proxy, server):
    """Bytes take the delay at least, in both directions."""
    with connected(proxy, server) as (client, peer):
        proxy.delay(0.2)
        for sender, reader in ((client, peer), (peer, client)):
            began = time.monotonic()
            assert b"hello" == send_and_get(sender, reader)
            assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("fault", ["delay", "throttle", "stall"])
@pytest.mark.parametrize("way", ["up", "down"])
def test_a_fault_of_one_direction_leaves_the_other(proxy, server, fault, way):
    """What holds bytes back on the way up does nothing to those that come down, and the reverse."""
    with connected(proxy, server) as (client, peer):
        if fault == "delay":
            proxy.delay(HOUR, direction=way)
        elif fault == "throttle":
            proxy.throttle(1 / HOUR, direction=way)
        else:
            proxy.stall(direction=way)
        held, free = ((client, peer), (peer, client)) if way == "up" else ((peer, client), (client, peer))
        held[0].sendall(b"hello")
        assert b"world" == send_and_get(*free, b"world")
        assert nothing_comes(held[1])
        proxy.heal()
        assert b"hello" == exactly(held[1], 5)


def test_jitter_adds_to_the_delay(proxy, server):
    """By chance bytes are later than the delay says; without jitter they are not."""
    with connected(proxy, server) as (client, peer):
        proxy.delay(0, jitter=HOUR)
        client.sendall(b"hello")
        assert nothing_comes(peer)
        proxy.delay(0)
        assert b"hello" == exactly(peer, 5)


def test_the_same_seed_gives_the_same_jitter():
    """A test that failed by chance fails again with the same seed."""

    def lucks(seed):
        with ToxicProxy("redis://127.0.0.1", seed=seed) as proxy:
            return [proxy._running.relay._chance() for _ in range(5)]

    assert lucks(1) == lucks(1)
    assert lucks(1) != lucks(2)


def test_delayed_bytes_flow_side_by_side(proxy, server):
    """A delay makes each byte late; it does not let one portion wait for the one before."""
    with connected(proxy, server) as (client, peer):
        proxy.delay(1)
        began = time.monotonic()
        for _ in range(40):
            client.sendall(b"x")
            time.sleep(0.01)  # so that each is a portion of its own
        assert b"x" * 40 == exactly(peer, 40)
        assert 1 <= time.monotonic() - began < 30


def test_a_throttle_slows(proxy, server):
    """So many bytes take at least as long as the rate says; healed, the rest comes at once."""
    with connected(proxy, server) as (client, peer):
        proxy.throttle(1000)
        began = time.monotonic()
        assert bytes(300) == send_and_get(client, peer, bytes(300))
        assert time.monotonic() - began >= 0.3
        client.sendall(bytes(1_000_000))
        assert bytes(1) == exactly(peer, 1)
        proxy.heal()
        assert bytes(999_999) == exactly(peer, 999_999)


def test_cut_closes_what_is_open_now(proxy, server):
    """Both sides get an end in order; a new connection works."""
    with connected(proxy, server) as (client, peer):
        assert b"hello" == send_and_get(client, peer)
        proxy.cut()
        assert 0 == proxy.connections
        assert b"" == client.recv(1)
        assert b"" == peer.recv(1)
    with connected(proxy, server) as (client, peer):
        assert b"hello" == send_and_get(client, peer)


def test_cut_is_an_end_in_order_though_bytes_were_on_their_way(proxy, server):
    """What the proxy has not read would turn a FIN into an RST; it doesn't."""
    with connected(proxy, server) as (client, peer):
        proxy.stall()
        client.settimeout(0.3)
        with pytest.raises(TimeoutError):
            while True:
                client.send(bytes(65536))
        client.settimeout(PATIENCE)
        proxy.cut()
        assert b"" == client.recv(1)
        assert b"" == peer.recv(1)


@pytest.mark.parametrize("way", ["up", "down"])
def test_cut_after_lets_exactly_so_many_bytes_through(proxy, server, way):
    """The rest of the last portion is lost; bytes of the other direction don't count."""
    with connected(proxy, server) as (client, peer):
        sender, reader = (client, peer) if way == "up" else (peer, client)
        assert b"before" == send_and_get(sender, reader, b"before")
        proxy.cut(10, direction=way)
        assert bytes(100) == send_and_get(reader, sender, bytes(100))
        assert b"0123" == send_and_get(sender, reader, b"0123")
        sender.sendall(b"456789abcdef")
        assert b"456789" == rest(reader)
        assert b"" == rest(sender)


def test_cut_after_counts_both_directions_together_and_each_connection_alone(proxy, server):
    """Connections that are opened later are cut as well, until the proxy is healed."""
    proxy.cut(7)
    for _ in range(2):
        with connected(proxy, server) as (client, peer):
            assert b"hello" == send_and_get(client, peer)
            peer.sendall(b"world")
            assert b"wo" == rest(client)
            assert b"" == rest(peer)
    proxy.heal()
    with connected(proxy, server) as (client, peer):
        assert b"hello" == send_and_get(client, peer)
        assert b"world" == send_and_get(peer, client, b"world")


def test_cut_after_no_bytes(proxy, server):
    """The first byte ends the connection, and doesn't arrive."""
    with connected(proxy, server) as (client, peer):
        proxy.cut(0)
        assert nothing_comes(peer)
        client.sendall(b"hello")
        assert b"" == rest(peer)
        assert b"" == rest(client)


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("end", ["cut", "reset"])
def test_connections_opened_later_can_be_left_alone(proxy, server, end, new):
    """So that a client that sends again what got no answer reaches the server, and is seen to."""
    with connected(proxy, server) as (client, peer):
        getattr(proxy, end)(0, direction="down", new=new)
        client.sendall(b"commit")
        assert b"commit" == exactly(peer, 6)
        peer.sendall(b"done")
        with suppress(ConnectionResetError):
            assert b"" == client.recv(4)
    with connected(proxy, server) as (client, peer):
        peer.sendall(b"welcome")
        with suppress(*[ConnectionResetError] * new):
            assert (b"" if new else b"welcome") == client.recv(7)


def test_heal_takes_back_a_cut_that_is_to_come(proxy, server):
    """Until the number is reached nothing has happened."""
    with connected(proxy, server) as (client, peer):
        proxy.cut(5)
        assert b"hell" == send_and_get(client, peer, b"hell")
        proxy.heal()
        assert b"o, world" == send_and_get(client, peer, b"o, world")


def test_reset_breaks_off(proxy, server):
    """Both sides get an error instead of an end; a new connection works."""
    with connected(proxy, server) as (client, peer):
        assert b"hello" == send_and_get(client, peer)
        proxy.reset()
        for end in (client, peer):
            with pytest.raises(ConnectionResetError):
                end.recv(1)
    with connected(proxy, server) as (client, peer):
        assert b"hello" == send_and_get(client, peer)


def test_reset_after_some_bytes(proxy, server):
    """A reply breaks off in its middle."""
    with connected(proxy, server) as (client, peer):
        proxy.reset(3, direction="down")
        assert b"hello" == send_and_get(client, peer)
        peer.sendall(b"world")
        with pytest.raises(ConnectionResetError):
            rest(client)
        with pytest.raises(ConnectionResetError):
            rest(peer)
    assert 3 == proxy.bytes_down


def test_swallowed_replies_never_come(proxy, server):
    """The question arrives, the answer doesn't, nobody is told; the end of the server is kept from the client too."""
    with connected(proxy, server) as (client, peer):
        assert b"answer" == send_and_get(peer, client, b"answer")
        proxy.swallow_replies()
        assert b"hello" == send_and_get(client, peer)
        peer.sendall(bytes(1_000_000))
        peer.shutdown(socket.SHUT_WR)
        assert nothing_comes(client)
        assert b"hello" == send_and_get(client, peer)
        proxy.heal()
        assert b"" == rest(client)
    assert 6 == proxy.bytes_down


def test_after_healing_replies_come_again(proxy, server):
    """What was swallowed is lost; what follows arrives."""
    with connected(proxy, server) as (client, peer):
        proxy.swallow_replies()
        peer.sendall(b"lost")
        assert nothing_comes(client)
        proxy.heal()
        assert b"found" == send_and_get(peer, client, b"found")


def test_refuse_is_as_if_nobody_were_there(proxy, server):
    """New connections are refused, open ones stay, and healed it listens on the same port."""
    port = proxy.port
    with connected(proxy, server) as (client, peer):
        proxy.refuse()
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(proxy)
        assert b"hello" == send_and_get(client, peer)
        proxy.heal()
        proxy.heal()
        with connected(proxy, server) as (other, its_peer):
            assert b"hello" == send_and_get(other, its_peer)
        assert b"hello" == send_and_get(client, peer)
    assert port == proxy.port
    assert 2 == proxy.accepted


def test_refuse_serves_those_who_came_before(proxy, server):
    """Who is connected already, though not yet accepted, is no new one."""
    busy = threading.Event()
    proxy._running.loop.call_soon_threadsafe(busy.wait, PATIENCE)
    with connect(proxy) as client:
        refusing = threading.Thread(target=proxy.refuse)
        refusing.start()
        busy.set()
        refusing.join(PATIENCE)
        peer, _ = server.accept()
        with peer:
            assert b"hello" == send_and_get(client, peer)


def test_nobody_else_gets_the_port_while_it_refuses(proxy):
    """The port stays the proxy's, so that it can come back."""
    proxy.refuse()
    with pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", proxy.port), reuse_port=False).close()
    proxy.heal()
    connect(proxy).close()


def test_stall_holds_back_and_loses_nothing(proxy, server):
    """Bytes and the end wait for `heal()`."""
    with connected(proxy, server) as (client, peer):
        proxy.stall()
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        assert nothing_comes(peer)
        proxy.heal()
        assert b"hello" == rest(peer)


def test_a_stall_holds_while_other_faults_change(proxy, server):
    """Faults add up, and each is for itself."""
    with connected(proxy, server) as (client, peer):
        proxy.stall()
        client.sendall(b"hello")
        proxy.throttle(1_000_000)
        proxy.delay(0.01)
        assert nothing_comes(peer)
        proxy.heal()
        assert b"hello" == exactly(peer, 5)


def test_healing_lets_delayed_bytes_go_at_once(proxy, server):
    """Nobody waits for a delay that is over."""
    with connected(proxy, server) as (client, peer):
        proxy.delay(HOUR)
        client.sendall(b"hello")
        client.shutdown(socket.SHUT_WR)
        assert nothing_comes(peer)
        proxy.heal()
        assert b"hello" == rest(peer)


def test_the_block_ends_whatever_is_held_back():
    """No fault keeps a proxy from closing."""
    with echoing() as server, ToxicProxy(url_of(server)) as proxy, connect(proxy) as client, connect(proxy) as other:
        proxy.delay(HOUR, jitter=HOUR)
        proxy.stall()
        proxy.swallow_replies()
        client.sendall(b"hello")
        other.shutdown(socket.SHUT_WR)
        proxy.refuse()
        assert 2 == proxy.connections


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda proxy: proxy.delay(-1), "seconds is -1; it can't be below 0"),
        (lambda proxy: proxy.delay(1, -0.5), "jitter is -0.5"),
        (lambda proxy: proxy.delay(float("nan")), "seconds is nan"),
        (lambda proxy: proxy.throttle(0), r"bytes_per_second is 0; let it be above 0, or use stall\(\)"),
        (lambda proxy: proxy.cut(-1), "after is -1"),
        (lambda proxy: proxy.reset(-1), "after is -1"),
        (lambda proxy: proxy.delay(1, direction="left"), "direction is 'left'; there are 'both', 'up', 'down'"),
        (lambda proxy: proxy.cut(direction="left"), "direction is 'left'"),
        (lambda proxy: proxy.stall(direction="left"), "direction is 'left'"),
        (lambda proxy: proxy.throttle(1, direction="left"), "direction is 'left'"),
    ],
)
def test_what_makes_no_sense_is_refused(proxy, use, message):
    """The error says what was passed."""
    with pytest.raises(ValueError, match=message):
        use(proxy)
