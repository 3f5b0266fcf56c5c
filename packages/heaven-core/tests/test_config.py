"""The configuration: a mapping, an object or a callable, read with `app.CONFIG(name)`."""

from __future__ import annotations

import doctest
from functools import partial
from types import SimpleNamespace

import pytest

from driver import request
from heaven import App, Config, RegistrationError
from heaven.declaring import config


class Settings:
    secret_key = "s3cret"
    _private = 1


class Instance:
    secret_key = "s3cret"

    def __call__(self, name, cast=None):
        return {"secret_key": "s3cret"}[name]


def load():
    return {"secret_key": "s3cret"}


def missing_attribute(name):
    return getattr(Settings, name)


@pytest.mark.parametrize(
    "source",
    [
        {"secret_key": "s3cret"},
        SimpleNamespace(secret_key="s3cret"),
        Settings,
        Settings(),
        Instance(),
        load,
        lambda: Settings,
        {"secret_key": "s3cret"}.__getitem__,
        missing_attribute,
        partial(getattr, Settings),
    ],
    ids=[
        "mapping",
        "object",
        "class",
        "instance",
        "callable object",
        "maker",
        "maker of a class",
        "reader",
        "getattr",
        "partial",
    ],
)
def test_every_kind_of_source_is_read_by_name(source) -> None:
    """A mapping, an object or class, a callable that makes one, and a callable that takes a name are all read alike."""
    CONFIG = Config(source)
    assert "s3cret" == CONFIG("secret_key")
    assert "blue" == CONFIG("colour", "blue")
    assert CONFIG("colour", None) is None
    with pytest.raises(KeyError, match="nothing is configured as 'colour'"):
        CONFIG("colour")


def test_a_missing_setting_names_the_near_misses() -> None:
    """The KeyError says what comes near, or what there is."""
    with pytest.raises(KeyError, match="nothing is configured as 'secret'; did you mean 'secret_key'\\?"):
        Config({"secret_key": 1})("secret")
    with pytest.raises(KeyError, match="nothing is configured as 'x'; known: secret_key"):
        Config(Settings)("x")
    with pytest.raises(KeyError, match="nothing is configured as 'x'; known: nothing"):
        Config()("x")
    with pytest.raises(KeyError, match="nothing is configured as 'x'; known: nothing"):
        Config(lambda: None)("x")


def test_a_callable_that_makes_settings_is_called_once() -> None:
    """A callable without parameters is called when the application is made, and not again."""
    calls = []
    CONFIG = Config(lambda: calls.append(1) or {"a": 1})
    assert [1, 1] == [CONFIG("a"), CONFIG("a")]
    assert [1] == calls


def test_a_callable_that_wants_more_is_refused() -> None:
    """A callable with two required parameters can be no source, and the message says what can."""
    with pytest.raises(
        RegistrationError, match="which needs more than one argument; give a mapping, an object, a callable without"
    ):
        App(lambda one, two: None)


def test_a_configuration_shows_its_names_and_never_its_values() -> None:
    """Settings are secrets more often than not, so the repr has the names alone."""
    assert "<Config secret_key>" == repr(Config({"secret_key": "hunter2"}))
    assert "<Config secret_key>" == repr(Config(Settings))
    assert "<Config empty>" == repr(Config())


async def test_handlers_read_the_configuration_through_the_request() -> None:
    """`req.app.CONFIG(name)` is the application's."""
    app = App({"greeting": "Hello"})
    app.GET("/", lambda req, res, ctx: req.app.CONFIG("greeting"))
    assert "Hello" == (await request(app)).text


def test_the_examples_of_the_module_run() -> None:
    """Every example in its docstrings gives what it says."""
    assert 0 == doctest.testmod(config).failed
