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
        ("API.Shop.test.", "api.shop.test"),
        ("localhost", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("api.{tenant}.example.com", "api.:tenant.example.com"),
        ("{ tenant : int }.example.com", ":tenant:int.example.com"),
        ("<tenant>.<Region>.example.com", ":tenant.:Region.example.com"),
        (":tenant.example.com", ":tenant.example.com"),
    ],
)
def test_hosts_are_patterns_between_dots(host, pattern):
    """Names are compared in lower case; parameters are written as in paths."""
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
        ({"host": 7}, "got host=7; give a name such as 'api.{tenant}.example.com'"),
        ({"host": ""}, "got host=''; give a name"),
        ({"host": "shop.test:8000"}, "'test:8000' can't stand between dots; write names alone, without scheme, port"),
        ({"host": "https://shop.test"}, "'https://shop' can't stand between dots"),
        ({"host": "shop..test"}, "'' can't stand between dots"),
        ({"host": "{tenant}s.test"}, "'{tenant}s' can't stand between dots"),
        ({"host": "*.test"}, "'*' can't stand between dots"),
        ({"host": "/shop"}, "'/shop' can't stand between dots"),
        ({"host": "{a}.{a}.test"}, "the name 'a' is used twice"),
        ({"host": "{a:integer}.test"}, "'integer' is not a type of parameter"),
        ({"host": "shop.{a:path}"}, "a parameter takes what is between two dots, so no path"),
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
