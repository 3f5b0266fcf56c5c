"""Functions an application registers: found by name, checked for their shape, made awaitable."""

from __future__ import annotations

import contextvars
import doctest
import functools
import operator
import re
import threading

import pytest

from driver import request
from heaven import App, RegistrationError, callables, threaded
from heaven.callables import awaitable, is_async, name_of, place_of, resolve, said_at


async def handler(req, res, ctx):
    return "async"


def plain(req, res, ctx):
    return "sync"


class Orders:
    async def read(self, req, res, ctx):
        return "method"

    def __call__(self, req, res, ctx):
        return "called"


class AsyncCallable:
    async def __call__(self, req, res, ctx):
        return "async called"


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (handler, "async"),
        (plain, "sync"),
        (Orders().read, "method"),
        (Orders(), "called"),
        (AsyncCallable(), "async called"),
        (functools.partial(handler), "async"),
        (functools.partial(AsyncCallable()), "async called"),
        (functools.partial(lambda extra, req, res, ctx: extra, "partial"), "partial"),
        (lambda req, res, ctx: handler(req, res, ctx), "async"),
        (lambda *args: "any", "any"),
        (f"{__name__}.plain", "sync"),
        (f"{__name__}:handler", "async"),
        (threaded(plain), "sync"),
    ],
    ids=[
        "async", "sync", "bound method", "callable", "async callable", "partial", "partial of callable", "partial with arguments",
        "lambda that gives a coroutine", "any arguments", "dotted", "colon", "threaded",
    ],
)  # fmt: skip
async def test_every_kind_of_function_can_be_a_handler(function, expected, monkeypatch) -> None:
    """Functions, bound methods, callables, partials, dotted strings; async, sync, or moved to a thread."""
    import sys

    monkeypatch.setitem(
        sys.modules,
        __name__,
        sys.modules.get(__name__) or __import__("types").SimpleNamespace(plain=plain, handler=handler),
    )
    app = App()
    app.GET("/", function)
    assert expected == (await request(app)).text


async def test_a_handler_that_is_an_async_generator_streams() -> None:
    """What an async generator function yields is streamed."""

    async def numbers(req, res, ctx):
        for number in (b"1", b"2"):
            yield number

    app = App()
    app.GET("/", numbers)
    assert b"12" == (await request(app)).body


def test_an_async_function_of_the_right_shape_is_left_as_it_is() -> None:
    """The ideal handler is never wrapped."""
    assert handler is awaitable(handler, 3, "GET /", "here:1")


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (5, "GET /x at .*:[0-9]+ got 5, which can't be called; give a function or a dotted name"),
        ("handler", "GET /x at .* got 'handler'; a dotted name is 'module.function'"),
        ("..handler", "GET /x at .* got '..handler', and it can't be imported: "),
        ("no_such_module.handler", "GET /x at .* got 'no_such_module.handler', and it can't be imported: No module named"),
        ("json.no_such_function", "GET /x at .* got 'json.no_such_function', and it can't be imported: module 'json' has no"),
        ("json.__name__", "GET /x at .* got 'json', which can't be called"),
        (lambda req: None, r"GET /x at .* got .*<lambda>\(req\); it is called with \(req, res, ctx\), so write it that way"),
        (lambda a, b, c, d: None, r"\(a, b, c, d\); it is called with \(req, res, ctx\)"),
        (functools.partial(lambda one: None), r"\(one\); it is called with \(req, res, ctx\)"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_handler_is_refused_where_it_is_registered(given, text) -> None:
    """The message names the route, the place and what was passed, and says how to mend it."""
    with pytest.raises(RegistrationError, match=text):
        App().GET("/x", given)


def test_a_function_of_c_without_a_signature_is_taken_at_its_word() -> None:
    """Where Python can't tell what a function takes, the call itself will."""
    assert resolve(max, "GET /", "here:1") is max
    awaitable(max, 3, "GET /", "here:1")


async def test_an_error_handler_may_leave_the_error_out() -> None:
    """`ON(404, fn)` calls fn with `(req, res, ctx, error)`, or without the error where it takes three."""
    three = awaitable(plain, 4, "ON(404)", "here:1")
    assert "sync" == await three(1, 2, 3, ValueError())
    four = awaitable(lambda req, res, ctx, error: error, 4, "ON(404)", "here:1")
    assert "error" == await four(1, 2, 3, "error")
    with pytest.raises(RegistrationError, match=r"it is called with \(req, res, ctx, error\)"):
        awaitable(lambda: None, 4, "ON(404)", "here:1")
    with pytest.raises(RegistrationError, match=r"ON\(startup\) at .*it is called with \(app\)"):
        App().ON("startup", lambda: None)


def test_a_class_whose_instances_are_async_is_not_async_itself() -> None:
    """Calling the class makes an instance; calling the instance gives a coroutine."""
    assert not is_async(AsyncCallable)
    assert is_async(AsyncCallable())
    assert is_async(functools.partial(functools.partial(handler)))
    assert not is_async(plain)


async def test_threaded_moves_a_function_to_a_thread_with_its_context() -> None:
    """It runs in another thread, sees the context variables, and async functions are refused."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("seen")

    def work(extra, *, more):
        return threading.current_thread() is threading.main_thread(), variable.get(), extra, more

    moved = threaded(work)
    assert (False, "seen", 1, 2) == await moved(1, more=2)
    assert "work" == moved.__name__
    with pytest.raises(
        RegistrationError, match=r"threaded\(\) got .*handler, which is async already; register it as it is"
    ):
        threaded(handler)


def test_functions_are_named_without_addresses() -> None:
    """The name is module and qualified name, of the type where the object has none of its own."""
    assert f"{__name__}.Orders.read" == name_of(Orders().read)
    assert f"{__name__}.Orders" == name_of(Orders())
    assert f"{__name__}.plain" == name_of(functools.partial(plain))


def test_the_place_of_a_function_is_where_it_was_written() -> None:
    """`file:line` of its code, through partials, wrappers and callables; the name where there is no code."""
    place = f"{__file__}:{plain.__code__.co_firstlineno}"
    assert place == place_of(plain)
    assert place == place_of(functools.partial(plain))
    assert place == place_of(threaded(plain))
    assert f"{__file__}:{Orders.__call__.__code__.co_firstlineno}" == place_of(Orders())
    assert "_operator.itemgetter" in place_of(operator.itemgetter(1)) or "operator.itemgetter" in place_of(
        operator.itemgetter(1)
    )
    assert "builtins.int" == place_of(5)


def test_the_place_where_something_was_said_is_outside_of_heaven() -> None:
    """`said_at` is the file and line of the caller, however deep in Heaven it is asked."""
    assert re.fullmatch(re.escape(__file__) + ":[0-9]+", said_at())
    app = App()
    app.GET("/", plain)
    assert app.written.routes[0].place.startswith(__file__)


def test_a_package_whose_name_begins_alike_is_not_heaven(monkeypatch) -> None:
    """`heaven_contrib` beside `heaven` is an application's code as far as places go."""
    namespace = {"said_at": said_at}
    code = compile(
        "def ask(): return said_at()", callables.__file__.replace("heaven/callables", "heaven_x/callables"), "exec"
    )
    exec(code, namespace)
    assert "heaven_x" in namespace["ask"]()


def test_a_frame_without_a_caller_is_the_place_at_last(monkeypatch) -> None:
    """Where everything below is Heaven, the outermost frame is the place."""
    monkeypatch.setattr(callables, "_PACKAGE", "")
    assert said_at()


def test_the_examples_of_the_module_run() -> None:
    """Every example in its docstrings gives what it says."""
    assert 0 == doctest.testmod(callables).failed
