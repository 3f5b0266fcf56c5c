"""Redis URLs: what they say, and what is wrong with them."""

from __future__ import annotations

import pytest

from heaven.errors import RegistrationError
from heaven_contrib.redis.urls import parse


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("memory://", {"kind": "memory", "path": ""}),
        ("memory://shop", {"kind": "memory", "path": "shop"}),
        ("redis://cache.test", {"kind": "server", "tls": False, "hosts": (("cache.test", 6379),), "db": 0}),
        (
            "redis://ada:s%3Acret%40@[::1]:7000/3",
            {"hosts": (("::1", 7000),), "user": "ada", "password": "s:cret@", "db": 3},
        ),
        ("rediss://:secret@cache.test/", {"kind": "server", "tls": True, "user": "", "password": "secret"}),
        ("unix:///run/redis.sock", {"kind": "unix", "path": "/run/redis.sock", "db": 0}),
        ("unix://:secret@/run/redis.sock?db=2", {"path": "/run/redis.sock", "password": "secret", "db": 2}),
        (
            "redis+sentinel://:secret@one,two:27000/shop/4",
            {
                "kind": "sentinel",
                "hosts": (("one", 26379), ("two", 27000)),
                "path": "shop",
                "password": "secret",
                "db": 4,
            },
        ),
        ("rediss+sentinel://one/shop", {"kind": "sentinel", "tls": True, "path": "shop", "db": 0}),
        ("redis+cluster://one:1,[::2]:3", {"kind": "cluster", "hosts": (("one", 1), ("::2", 3))}),
        ("rediss+cluster://one/0", {"kind": "cluster", "tls": True, "hosts": (("one", 6379),)}),
        (
            "rediss://cache.test?deadline=0.5&pool_size=3&start_timeout=0&client_name=shop&ssl_ca=/etc/ca.pem",
            {"deadline": 0.5, "pool_size": 3, "start_timeout": 0.0, "client_name": "shop", "ssl_ca": "/etc/ca.pem"},
        ),
    ],
)
def test_a_url_says_where_redis_is_and_how_to_treat_it(url: str, expected: dict[str, object]):
    """Every part of a URL has its meaning, percent-encoding undone."""
    settings = parse(url)

    assert expected == {name: getattr(settings, name) for name in expected}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("memory://shop", "memory://shop"),
        ("redis://ada:canary@[::1]/3?deadline=1", "redis://[::1]:6379/3"),
        ("unix://:canary@/run/redis.sock?db=2", "unix:///run/redis.sock"),
        ("redis+sentinel://:canary@one,two:1/shop/4", "redis+sentinel://one:26379,two:1/shop/4"),
        ("redis+cluster://:canary@one,two", "redis+cluster://one:6379,two:6379"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, expected: str):
    """What messages and logs show has no user, no password and no options."""
    settings = parse(url)

    assert expected == settings.safe_url
    assert "canary" not in repr(settings)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        (7, "a Redis URL is a str, not int; write redis://user:password@host:6379/0"),
        ("cache.test:6379", "begins with one of memory, redis, .* and this one has no scheme"),
        ("http://:canary@cache.test", "this one has http://..."),
        ("redis://:can#ary@cache.test", "has a '#' in it; write %23"),
        ("memory://shop/2", "memory:// takes a name and nothing else; write memory:// or memory://name"),
        ("unix://run/redis.sock", "has the whole path of the socket; write unix:///run/redis.sock"),
        ("redis://", "a host of the Redis URL can't be read"),
        ("redis://:can/ary@cache.test", "a host of the Redis URL can't be read .* percent-encoded"),
        ("redis://cache.test:http", "a port is a number up to 65535"),
        ("redis://cache.test:65536", "a port is a number up to 65535"),
        ("redis://cache.test/zero", "the database of a Redis URL is a number"),
        ("redis://cache.test/0/1", "the database of a Redis URL is a number"),
        ("redis://one,two", "takes one host; several are redis\\+cluster:// or redis\\+sentinel:// ones"),
        ("redis+sentinel://one", "names the service after the hosts; write redis\\+sentinel://"),
        ("redis+cluster://one/1", "a cluster has one database, 0, and no path"),
        (
            "redis://cache.test?dedline=1",
            "has the option 'dedline', which redis does not have; did you mean 'deadline'",
        ),
        ("redis://cache.test?xyz=1", "there are deadline, pool_size, start_timeout, client_name"),
        ("redis://cache.test?ssl_ca=/ca.pem", "has the option 'ssl_ca', which redis does not have"),
        ("redis://cache.test?db=1", "has the option 'db', which redis does not have"),
        ("redis://cache.test?deadline=1&deadline=2", "the option 'deadline' is in the Redis URL twice"),
        ("redis://cache.test?deadline=soon", "the option deadline .* is a number of seconds, above 0, not 'soon'"),
        ("redis://cache.test?deadline=0", "above 0, not '0'"),
        ("redis://cache.test?deadline=inf", "above 0, not 'inf'"),
        ("redis://cache.test?deadline=nan", "above 0, not 'nan'"),
        ("redis://cache.test?start_timeout=-1", "a number of seconds, 0 or more, not '-1'"),
        (
            "redis://cache.test?pool_size=2.5",
            "the option pool_size of the Redis URL is a whole number, above 0, not '2.5'",
        ),
        ("redis://cache.test?pool_size=1_0", "a whole number, above 0, not '1_0'"),
        ("redis://cache.test?client_name=my%20shop", "client_name .* is printable ASCII without spaces, not 'my shop'"),
        ("redis://cache.test?client_name=", "client_name .* is printable ASCII without spaces, not ''"),
        ("unix:///run/redis.sock?db=one", "the database of a Redis URL is a number"),
    ],
)
def test_a_url_that_is_wrong_is_refused_with_its_cure(url: str, message: str):
    """The message names the part that is wrong and what to write, and never the password."""
    with pytest.raises(RegistrationError, match=message) as refused:
        parse(url)

    assert "canary" not in str(refused.value)
    assert "can" not in str(refused.value).replace("can't", "")
