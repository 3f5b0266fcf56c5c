"""Hosts: how their patterns are written, what they hold, and what they refuse."""

from __future__ import annotations

import pytest

import declared_routes
from heaven_contrib.routing import Gateway, Host, ImproperlyConfigured, get


@get()
async def front(): ...


def refusal(declare) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        declare()
    return str(caught.value)


@pytest.mark.parametrize(
    ("host", "pattern"),
    [
        ("shop.test", "shop.test"),
        ("API.Shop.test", "api.shop.test"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("api.{ Tenant }.example.com", "api.{Tenant}.example.com"),
    ],
)
def test_hosts_are_patterns_between_dots(host, pattern):
    """Names are compared in lower case; a parameter is all between two dots."""
    assert pattern == Host(host, routes=[]).host


def test_a_host_holds_routes_or_an_application():
    """As an Include does."""
    host = Host("shop.test", routes=[front, Gateway("/users", handler=front)], name="shop")
    assert ["", "/users"] == [each.leaves()[0].path for each in host.routes]
    assert ("shop", None) == (host.name, host.app)
    assert declared_routes.app is Host("shop.test", "declared_routes:app").app
    assert declared_routes.app is Host("shop.test", declared_routes.app).app
    assert repr(host).startswith(f"<Host shop.test at {__file__}:")


def test_a_host_never_changes():
    """As everything that is declared."""
    with pytest.raises(AttributeError, match="Host.host stays as it was declared"):
        Host("shop.test", routes=[]).host = "other.test"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"host": 7}, "a host is a str like 'api.shop.test', and 7 is a int"),
        ({"host": ""}, "the host '' can't work"),
        ({"host": "shop.test:8000"}, "write it without scheme, port and path"),
        ({"host": "https://shop.test"}, "write it without scheme, port and path"),
        ({"host": "shop..test"}, "the host 'shop..test' can't work"),
        ({"host": "{tenant}s.test"}, "the host '{tenant}s.test' can't work"),
        ({"host": "{tenant:int}.test"}, "'tenant:int' is not a name"),
        ({"host": "{a}.{a}.test"}, "the name 'a' is used twice"),
        ({"host": "shop.test", "routes": None}, "got nothing to serve; give exactly one of app and routes"),
        ({"host": "shop.test", "app": "declared_routes:app"}, "got app and routes; give exactly one of app and routes"),
        ({"host": "shop.test", "routes": ["/"]}, "got '/' in its routes"),
        ({"host": "shop.test", "name": ""}, "got name=''"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_misuse_is_refused(given, why):
    """The message has the line, and what would be accepted."""
    message = refusal(lambda: Host(**{"routes": [], **given}))
    assert message.startswith(f"Host at {__file__}:")
    assert why in message
