"""Generators as dependencies: their value, their cleanup, and what they see of a request that failed."""

from __future__ import annotations

import contextvars
import inspect
import threading

import pytest

from bound_parameters import serve
from heaven_contrib.routing.dependencies.inject import Inject

who = contextvars.ContextVar("who", default="nobody")


KINDS = ["async", "thread", "inline"]


class Refused(Exception):
    """What a handler raises."""


class Translated(Exception):
    """What a generator makes of it."""


@pytest.fixture(params=KINDS)
def made(request):
    """Declares a generator function, written as a sync one, in each kind."""

    def declare(generator):
        if request.param != "async":
            return Inject(generator, sync_to_thread=request.param == "thread")

        async def drive(**given):
            inner = generator(**given)
            value = next(inner)
            try:
                yield value
            except BaseException as error:
                try:
                    inner.throw(error)
                except StopIteration:
                    return
                raise AssertionError from error
            else:
                next(inner, None)

        drive.__signature__ = inspect.signature(generator)
        return drive

    return declare


def opened(log, name, on_error=None):
    """A generator that writes down what it sees."""

    def generator():
        log.append(f"{name} opens")
        try:
            yield name
        except BaseException as error:
            log.append(f"{name} saw {type(error).__name__}")
            if on_error is not None:
                on_error(error)
            else:
                raise
        finally:
            log.append(f"{name} closes")

    return generator


async def test_cleanup_comes_after_the_response_in_reverse(made):
    """Generators go on once the response is out, the last that was entered first."""
    log = []

    async def handler(a, b):
        return a + b

    assert "ab" == await serve(handler, log, a=made(opened(log, "a")), b=made(opened(log, "b")))
    assert ["a opens", "b opens", "response", "b closes", "a closes"] == log


async def test_an_error_of_the_handler_is_raised_at_the_yield(made):
    """Each generator sees what the handler raised, and the caller gets it."""
    log = []
    error = Refused()

    async def handler(a, b):
        raise error

    with pytest.raises(Refused) as raised:
        await serve(handler, log, a=made(opened(log, "a")), b=made(opened(log, "b")))
    assert error is raised.value
    assert ["a opens", "b opens", "b saw Refused", "b closes", "a saw Refused", "a closes"] == log


async def test_a_generator_may_answer_with_an_error_of_its_own(made):
    """What it raises instead counts, for generators outside of it and for the caller."""
    log = []

    def translate(error):
        raise Translated from error

    async def handler(a, b):
        raise Refused

    with pytest.raises(Translated):
        await serve(handler, log, a=made(opened(log, "a")), b=made(opened(log, "b", translate)))
    assert ["b saw Refused", "b closes", "a saw Translated", "a closes"] == log[2:]


async def test_a_generator_cannot_end_an_error(made):
    """One that catches the error and goes on keeps nobody else from seeing it: the request failed."""
    log = []

    async def handler(a, b):
        raise Refused

    with pytest.raises(Refused):
        await serve(handler, log, a=made(opened(log, "a")), b=made(opened(log, "b", lambda error: None)))
    assert ["b saw Refused", "b closes", "a saw Refused", "a closes"] == log[2:]


@pytest.mark.parametrize("error", [StopAsyncIteration("over"), RuntimeError("bad")], ids=["stop", "runtime"])
async def test_errors_that_mean_something_to_generators_pass(made, error):
    """Errors that Python's generators use themselves come out as they went in."""
    log = []

    async def handler(a):
        raise error

    with pytest.raises(type(error)) as raised:
        await serve(handler, log, a=made(opened(log, "a")))
    assert error is raised.value
    assert not hasattr(error, "__notes__")


def yields_twice():
    yield 1
    yield 2


async def yields_twice_async():
    yield 1
    yield 2


@pytest.mark.parametrize("twice", [yields_twice, yields_twice_async])
async def test_a_generator_that_yields_twice_is_named(twice):
    """What comes after the first yield is cleanup; a second yield there is an error that names the dependency."""

    async def handler(twice): ...

    with pytest.raises(RuntimeError, match="generator didn't stop") as raised:
        await serve(handler, [], twice=twice)
    assert raised.value.__notes__[0].startswith("raised by the dependency 'twice', ")
    assert f"{twice.__name__} ({__file__}:" in raised.value.__notes__[0]


async def test_a_generator_that_never_yields_is_named():
    """A generator without a value is an error that names the dependency and its line."""

    async def never():
        if False:
            yield

    async def handler(never): ...

    with pytest.raises(RuntimeError) as raised:
        await serve(handler, [], never=never)
    assert f"never ({__file__}:" in raised.value.__notes__[0]


async def test_a_sync_generator_sees_the_same_context_variables_throughout():
    """Each part of it may run in another thread, and can take back what it set."""
    seen = []

    def named():
        seen.append(who.get())
        token = who.set("generator")
        yield threading.current_thread()
        seen.append(who.get())
        who.reset(token)

    async def handler(named):
        return named

    who.set("request")

    assert threading.current_thread() is not await serve(handler, [], named=named)
    assert ["request", "generator"] == seen


async def test_a_dependency_is_open_while_others_use_it(made):
    """What needs a generator's value closes before it, whatever order they were declared in."""
    log = []

    def session(engine):
        log.append(f"session on {engine} opens")
        yield "session"
        log.append("session closes")

    async def handler(session): ...

    await serve(handler, log, session=made(session), engine=made(opened(log, "engine")))

    assert [
        "engine opens", "session on engine opens", "response", "session closes", "engine closes",
    ] == log  # fmt: skip
