from __future__ import annotations

import pytest

from heaven_testing.errors import ServerMissing
from heaven_testing.servers.redis import RedisServer
from heaven_testing.servers.resp import ask
from heaven_testing.servers.toxic import ToxicProxy

PATIENCE = 30.0


@pytest.fixture(scope="module")
def redis():
    """A real Redis."""
    try:
        with RedisServer() as server:
            yield server
    except ServerMissing as missing:
        pytest.skip(str(missing))


@pytest.fixture
def proxy(redis):
    """A proxy in front of it."""
    with ToxicProxy(redis.url) as proxy:
        yield proxy
    redis.heal()


def through(proxy, *words, timeout=PATIENCE):
    """Ask Redis through the proxy."""
    return ask(proxy.port, *words, timeout=timeout)


def test_redis_answers_through_it(redis, proxy):
    """The URL is that of the server, with the proxy's port; large values come whole."""
    assert f"redis://127.0.0.1:{proxy.port}/0" == proxy.url
    value = "value " * 500_000
    assert "OK" == through(proxy, "SET", "large", value)
    assert value == through(proxy, "GET", "large")
    assert value == redis.execute("GET", "large")


def test_a_command_whose_reply_is_swallowed_was_carried_out(redis, proxy):
    """The client doesn't know what became of it: that is what a timeout means."""
    assert "1" == through(proxy, "INCR", "carried-out")
    proxy.swallow_replies()
    with pytest.raises(TimeoutError):
        through(proxy, "INCR", "carried-out", timeout=0.3)
    assert "2" == redis.execute("GET", "carried-out")
    proxy.heal()
    assert "3" == through(proxy, "INCR", "carried-out")


def test_a_command_that_is_held_back_was_not_carried_out(redis, proxy):
    """The other thing that a timeout may mean."""
    assert "1" == through(proxy, "INCR", "held-back")
    proxy.stall(direction="up")
    with pytest.raises(TimeoutError):
        through(proxy, "INCR", "held-back", timeout=0.3)
    assert "1" == redis.execute("GET", "held-back")


def test_a_reply_that_breaks_off(redis, proxy):
    """Redis has answered, the client gets an error in the middle of the answer."""
    proxy.reset(3, direction="down")
    with pytest.raises(ConnectionResetError):
        through(proxy, "SET", "broken-off", "there")
    assert "there" == redis.execute("GET", "broken-off")
    proxy.heal()
    assert "there" == through(proxy, "GET", "broken-off")


def test_redis_is_gone_and_comes_back(redis, proxy):
    """Killed behind the proxy, its clients are cut off; restarted, it is at the same address."""
    assert "PONG" == through(proxy, "PING")
    redis.kill()
    with pytest.raises(ConnectionError):
        through(proxy, "PING")
    redis.restart()
    assert "PONG" == through(proxy, "PING")
    proxy.refuse()
    with pytest.raises(ConnectionRefusedError):
        through(proxy, "PING")
    proxy.heal()
    assert "PONG" == through(proxy, "PING")
