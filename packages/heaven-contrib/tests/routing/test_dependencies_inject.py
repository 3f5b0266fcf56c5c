"""What declares dependencies, and what is refused where it is written."""

from __future__ import annotations

import dataclasses
import functools
from typing import Annotated
from unittest.mock import AsyncMock

import pytest

from heaven_contrib.routing.dependencies.factory import Factory
from heaven_contrib.routing.dependencies.inject import Inject, checked_dependencies
from heaven_contrib.routing.dependencies.injects import NEEDED, Injects
from heaven_contrib.routing.dependencies.marks import marks
from heaven_contrib.routing.errors import ImproperlyConfigured

HERE = __file__


def connect():
    return "a connection"


async def fetch():
    return "fetched"


def opened():
    yield "opened"


async def session():
    yield "a session"


class Repository:
    def __init__(self, table="orders"):
        self.table = table

    async def load(self):
        return self.table

    def __call__(self):
        yield self.table


class Loader:
    async def __call__(self):
        return "loaded"


@pytest.mark.parametrize(
    ("dependency", "shape"),
    [
        pytest.param(connect, "sync", id="function"),
        pytest.param(fetch, "async", id="async-function"),
        pytest.param(opened, "generator", id="generator"),
        pytest.param(session, "async generator", id="async-generator"),
        pytest.param(Repository, "class", id="class"),
        pytest.param(Loader, "class", id="class-of-async-objects"),
        pytest.param(Repository().load, "async", id="method"),
        pytest.param(Repository(), "generator", id="generating-object"),
        pytest.param(Loader(), "async", id="async-object"),
        pytest.param(functools.partial(functools.partial(session)), "async generator", id="partial"),
        pytest.param(Factory(Repository), "class", id="factory"),
        pytest.param(Factory(fetch), "async", id="factory-of-async"),
        pytest.param(AsyncMock(), "async", id="mock"),
        pytest.param(sorted, "sync", id="builtin"),
    ],
)
def test_the_shape_is_seen(dependency, shape):
    """What a dependency is decides how it is called, through partials, methods and objects."""
    assert shape == Inject(dependency).shape


@pytest.mark.parametrize(
    ("inject", "in_thread"),
    [
        pytest.param(Inject(connect), True, id="function"),
        pytest.param(Inject(opened), True, id="generator"),
        pytest.param(Inject(Repository), False, id="class"),
        pytest.param(Inject(fetch), False, id="async"),
        pytest.param(Inject(connect, sync_to_thread=False), False, id="function-inline"),
        pytest.param(Inject(Repository, sync_to_thread=True), True, id="class-in-thread"),
        pytest.param(Inject(fetch, sync_to_thread=False), False, id="async-inline"),
    ],
)
def test_sync_functions_run_in_threads(inject, in_thread):
    """Sync functions and generators run in a thread and classes do not, unless it is said."""
    assert in_thread == inject.in_thread


def test_an_inject_is_not_changed():
    """A declaration is immutable, and equal to no other."""
    inject = Inject(connect)

    with pytest.raises(dataclasses.FrozenInstanceError):
        inject.use_cache = True
    assert len({inject, Inject(connect)}) == 2


def test_an_inject_knows_where_it_was_written():
    """The line is the application's, also where a bare callable was declared."""
    inject = Inject(connect)
    bare = checked_dependencies({"db": connect}, "Include / at shop.py:3")["db"]

    assert [HERE, HERE] == [each.place.rpartition(":")[0] for each in (inject, bare)]
    assert inject.place != bare.place


def test_what_was_given_is_not_shown():
    """The text of an Inject has the function, and not what it is called with."""

    def unlocked(password): ...

    inject = Inject(Factory(unlocked, password="secret"))

    assert "unlocked" in repr(inject)
    assert "secret" not in repr(inject)


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        pytest.param(lambda: Inject(7), "got 7, which can't be called; give a function or a class", id="no-callable"),
        pytest.param(lambda: Inject(Inject(connect)), "which can't be called; give a function", id="twice"),
        pytest.param(
            lambda: Inject(session, use_cache=True), "is a generator with use_cache; its value ends", id="cached"
        ),
        pytest.param(lambda: Inject(fetch, sync_to_thread=True), "is async and got sync_to_thread=True", id="async"),
        pytest.param(lambda: Factory("shop.nothing.Here"), "Factory at .* got 'shop.nothing.Here', and", id="dotted"),
        pytest.param(lambda: Factory(7), "Factory at .* got 7, which can't be called", id="factory"),
        pytest.param(
            lambda: Factory(Repository, tabel="carts"), "Repository, .* unexpected keyword argument 'tabel'", id="name"
        ),
        pytest.param(lambda: Factory(fetch, 1, 2, 3), "fetch, .* too many positional arguments", id="too-many"),
    ],
)
def test_what_cannot_work_is_refused(declare, message):
    """A declaration that can't work is refused where it is written, with the line."""
    with pytest.raises(ImproperlyConfigured, match=message) as refused:
        declare()
    assert f"{HERE}:" in str(refused.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param(["db"], "got dependencies=['db']; give names and what makes them", id="list"),
        pytest.param({7: connect}, "a dependency of the name 7; give it one that a parameter can have", id="no-name"),
        pytest.param({"a-b": connect}, "of the name 'a-b'; give it one that a parameter", id="no-identifier"),
        pytest.param({"class": connect}, "of the name 'class'; give it one that a parameter", id="keyword"),
        pytest.param({"request": connect}, "of the name 'request', which is reserved", id="reserved"),
        pytest.param({"payload": connect}, "of the name 'payload', which is reserved", id="reserved-body"),
        pytest.param({"db": "connect"}, "got 'connect' for the dependency 'db', which can't be called", id="text"),
        pytest.param({"db": Injects()}, "got Injects() for the dependency 'db'; that marks a parameter", id="mark"),
    ],
)
def test_a_level_refuses_what_is_no_dependency(given, message):
    """What is under `dependencies` has names that parameters can have, and can be called."""
    with pytest.raises(ImproperlyConfigured) as refused:
        checked_dependencies(given, "Include /api at shop.py:7")
    assert str(refused.value).startswith("Include /api at shop.py:7 got ")
    assert message in str(refused.value)


def test_the_declared_mapping_is_kept_apart():
    """What is done to the mapping later does not reach the level."""
    given = {"db": Inject(connect)}

    checked = checked_dependencies(given, "Include / at shop.py:3")
    given.clear()

    assert ["db"] == list(checked)


def test_a_factory_calls_with_what_it_was_given():
    """Positional and named arguments reach the class, or what the dotted name stands for."""
    assert "items" == Factory(Repository, "items")().table
    assert "carts" == Factory(Repository, table="carts")().table
    assert 7 == Factory("fractions.Fraction", 7)().numerator


def test_marks_are_found_wherever_they_stand():
    """A mark is a default, in Annotated, or the annotation, with a default of its own or without."""

    def handler(
        plain, user: Injects(), db=Injects(), limit: Annotated[int, "other", Injects(5)] = 6, page: int = 1
    ): ...

    assert {"user": NEEDED, "db": NEEDED, "limit": 5} == {name: mark.default for name, mark in marks(handler).items()}
    assert "{'user': Injects(), 'db': Injects(), 'limit': Injects(5)}" == str(marks(handler))


def test_a_mark_that_was_not_called_is_refused():
    """`Injects` without parentheses marks nothing, so it is refused by name."""

    def handler(db=Injects): ...

    with pytest.raises(ImproperlyConfigured, match="the parameter 'db' is marked with Injects; call it") as refused:
        marks(handler)
    assert f"{HERE}:" in str(refused.value)
