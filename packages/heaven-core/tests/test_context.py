"""The context: what the server worked out for one request."""

from __future__ import annotations

import doctest

import pytest

from driver import request
from heaven import App, Context, Key
from heaven.messages import context


def test_attributes_and_keep_reach_the_same_values() -> None:
    """What is set as an attribute can be peeked at, and what is kept is an attribute."""
    ctx = Context()
    ctx.user = "ada"
    ctx.keep(Key("trace"), 7)
    assert ("ada", 7) == (ctx.peek("user"), ctx.trace)
    assert 7 == ctx.unkeep("trace")
    assert "nothing" == ctx.peek(Key("trace"), "nothing")
    with pytest.raises(AttributeError):
        _ = ctx.trace


def test_a_name_that_would_hide_a_method_is_refused() -> None:
    """A value kept as "peek" would break `ctx.peek`, so that is a KeyError."""
    with pytest.raises(KeyError, match="'peek' is a method of the context; keep the value under another name"):
        Context().keep("peek", 1)


def test_unkeeping_what_is_not_there_names_what_comes_near() -> None:
    """The KeyError has the names that come near."""
    ctx = Context()
    ctx.user = "ada"
    with pytest.raises(KeyError, match="nothing is kept as 'usr'; did you mean 'user'\\?"):
        ctx.unkeep("usr")


def test_a_context_shows_its_names_and_never_its_values() -> None:
    """Values may be secrets, so the repr has the names alone."""
    ctx = Context()
    assert "<Context empty>" == repr(ctx)
    ctx.token = "secret"
    assert "<Context token>" == repr(ctx)


async def test_each_request_has_a_context_of_its_own_from_hook_to_hook() -> None:
    """What a hook keeps the handler finds, and the next request does not."""
    app = App()
    seen = []
    app.BEFORE("/*", lambda req, res, ctx: seen.append(ctx.peek("user")))
    app.BEFORE("/*", lambda req, res, ctx: ctx.keep("user", req.params["name"]))
    app.AFTER("/*", lambda req, res, ctx: seen.append(ctx.user))
    app.GET("/:name", lambda req, res, ctx: ctx.user)
    assert "ada" == (await request(app, "GET", "/ada")).text
    assert "bob" == (await request(app, "GET", "/bob")).text
    assert [None, "ada", None, "bob"] == seen


def test_the_examples_of_the_module_run() -> None:
    """Every example in its docstrings gives what it says."""
    assert 0 == doctest.testmod(context).failed
