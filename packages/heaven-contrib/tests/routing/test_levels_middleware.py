from __future__ import annotations

import inspect
from functools import partial

import pytest

from heaven import App
from heaven_contrib import SecurityHeaders
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.interceptors import Interceptor
from heaven_contrib.routing.levels.middleware import DefineMiddleware, checked_middleware
from heaven_testing import Client

PLACE = "Router at shop.py:3"
GIVE = "give an ASGI middleware class and the options it takes"


class Stamp:
    def __init__(self, app, name="x-stamp", *, value="1"):
        self.app = app
        self.field = (name.encode(), value.encode())

    async def __call__(self, scope, receive, send):
        async def stamped(message):
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], self.field]}
            await send(message)

        await self.app(scope, receive, stamped)


def stamping(app):
    return Stamp(app, value="function")


async def stamps(*middleware):
    """The values that middleware stamped a response with, the innermost first."""
    app = App()
    app.GET("/", lambda req, res, ctx: {})
    for each in reversed(checked_middleware(middleware, PLACE)):
        app = each.make(app)
    async with Client(app, lifespan="off") as client:
        return (await client.get("/")).headers.get_list("x-stamp")


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        (Stamp, "1"),
        (DefineMiddleware(Stamp), "1"),
        (DefineMiddleware(Stamp, value="2"), "2"),
        (partial(Stamp, value="3"), "3"),
        (stamping, "function"),
    ],
    ids=["class", "defined", "options", "partial", "function"],
)
async def test_middleware_is_made_with_its_options(middleware, expected):
    """A class, or what gives an ASGI application, gets the application inside and what was declared."""
    assert [expected] == await stamps(middleware)


async def test_the_outermost_is_the_first():
    """What a response passes last is what stands first in the list."""
    assert ["3", "2", "1"] == await stamps(Stamp, DefineMiddleware(Stamp, value="2"), partial(Stamp, value="3"))


def test_a_dotted_name_is_imported():
    """Middleware may be named where it is declared, and is imported there."""
    assert SecurityHeaders is DefineMiddleware("heaven_contrib.SecurityHeaders").cls
    (checked,) = checked_middleware(["heaven_contrib:SecurityHeaders"], PLACE)
    assert SecurityHeaders is checked.cls


def test_a_definition_stays_itself():
    """It is not wrapped again, it can't be changed, and it knows its line."""
    defined, line = DefineMiddleware(Stamp, value="2"), inspect.currentframe().f_lineno
    assert (defined,) == checked_middleware((defined,), PLACE)
    assert f"{__file__}:{line}" == defined.place
    with pytest.raises(TypeError):
        defined.options["value"] = "3"


@pytest.mark.parametrize(
    ("defined", "expected"),
    [
        (DefineMiddleware(Stamp), "DefineMiddleware(Stamp)"),
        (DefineMiddleware(Stamp, name="x", value="2"), "DefineMiddleware(Stamp, name='x', value='2')"),
        (DefineMiddleware(partial(Stamp, value="3")), "DefineMiddleware(Stamp)"),
    ],
    ids=["class", "options", "partial"],
)
def test_it_is_shown_as_it_was_written(defined, expected):
    """A representation reads like the declaration."""
    assert expected == repr(defined)


class NoApp:
    async def __call__(self, scope, receive, send): ...


class NoCall:
    def __init__(self, app): ...


class Intercepts(Interceptor):
    async def intercept(self, scope, receive, send): ...


async def application(scope, receive, send): ...


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (Stamp, f" got middleware={__name__}.Stamp; give a list, as in [DefineMiddleware(cls, option=1)]"),
        ([42], f", as middleware, got 42, which can't be called with (app); {GIVE}"),
        ([NoApp], f", as middleware, got {__name__}.NoApp, which can't be called with (app); {GIVE}"),
        ([Intercepts], f", as middleware, got {__name__}.Intercepts, which can't be called with (app); {GIVE}"),
        ([Stamp(application)], f", as middleware, got <{__name__}.Stamp object at"),
        ([application], f", as middleware, got {__name__}.application ({__file__}:"),
        (
            [NoCall],
            f", as middleware, got {__name__}.NoCall, whose instances can't be called with (scope, receive, send); {GIVE}",
        ),
        (["shop.nowhere"], ", as middleware, got 'shop.nowhere', which can't be imported; give a dotted name"),
    ],
    ids=["one", "number", "without app", "interceptor", "instance", "application", "no application", "name"],
)
def test_what_is_no_middleware_is_refused(value, complaint):
    """The message names what was passed, where, and what would be accepted."""
    with pytest.raises(ImproperlyConfigured) as refused:
        checked_middleware(value, PLACE)
    assert str(refused.value).startswith(f"{PLACE}{complaint}")


def test_options_it_does_not_take_are_refused_with_their_line():
    """A misspelt option shows where it was written, not with the first request."""
    line = inspect.currentframe().f_lineno + 2
    with pytest.raises(ImproperlyConfigured) as refused:
        DefineMiddleware(Stamp, valve="2")
    expected = f"DefineMiddleware at {__file__}:{line} got {__name__}.Stamp, which can't be called with (app, valve=...); {GIVE}"
    assert expected == str(refused.value)


def test_what_makes_no_application_is_refused():
    """A function that forgets to return is found when the application is wired."""

    def forgetful(app):
        Stamp(app)

    with pytest.raises(
        ImproperlyConfigured, match=r"DefineMiddleware\(.*forgetful.* made None; a middleware makes an ASGI"
    ):
        DefineMiddleware(forgetful).make(application)
