"""What a request gets: bound first, then each dependency once, in whatever shape it comes."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
import time

import pytest

from bound_parameters import CountedBinding, resolution, resolve
from heaven import ValidationError
from heaven_contrib.routing.dependencies.inject import Inject

who = contextvars.ContextVar("who", default="nobody")


class Paged:
    def __init__(self, page=1):
        self.page = page

    def __eq__(self, other):
        return isinstance(other, Paged) and other.page == self.page

    def __await__(self):
        raise AssertionError

    async def fetch(self, page=1):
        return page

    async def __call__(self, page=1):
        return page


async def fetched(page=1):
    return page


def waiting(page=1):
    return page


def opened(page=1):
    yield page


async def session(page=1):
    yield page


@pytest.mark.parametrize(
    "dependency",
    [
        pytest.param(fetched, id="async"),
        pytest.param(waiting, id="sync"),
        pytest.param(Inject(waiting, sync_to_thread=False), id="sync-inline"),
        pytest.param(opened, id="generator"),
        pytest.param(Inject(opened, sync_to_thread=False), id="generator-inline"),
        pytest.param(session, id="async-generator"),
        pytest.param(Paged().fetch, id="method"),
        pytest.param(Paged(), id="object"),
        pytest.param(functools.partial(fetched), id="partial"),
        pytest.param(lambda page=1: fetched(page), id="lambda-of-async"),
        pytest.param(Inject(lambda page=1: fetched(page), sync_to_thread=False), id="lambda-of-async-inline"),
        pytest.param(Inject(fetched, use_cache=False), id="uncached"),
    ],
)
@pytest.mark.parametrize("query", [pytest.param({}, id="default"), pytest.param({"page": "7"}, id="given")])
async def test_every_shape_gives_its_value(dependency, query):
    """Whatever can be called is a dependency, with parameters of its own."""

    async def handler(value): ...

    assert {"value": int(query.get("page", 1))} == await resolve(resolution(handler, value=dependency), **query)


@pytest.mark.parametrize("in_thread", [None, True, False])
async def test_a_class_is_made(in_thread):
    """The value of a class is its object, which is not awaited even if it could be."""

    async def handler(paged): ...

    made = resolution(handler, paged=Inject(Paged, sync_to_thread=in_thread))

    assert {"paged": Paged(3)} == await resolve(made, page="3")


@pytest.mark.parametrize(
    ("sync_to_thread", "inline"),
    [
        pytest.param(None, False, id="unsaid"),
        pytest.param(True, False, id="thread"),
        pytest.param(False, True, id="inline"),
    ],
)
@pytest.mark.parametrize("cached", [True, False], ids=["cached", "uncached"])
async def test_a_sync_function_runs_where_it_is_said(sync_to_thread, inline, cached):
    """Sync functions run in a thread, with the context variables of the request, unless they are to run inline."""

    def here():
        return threading.current_thread(), who.get()

    async def handler(value): ...

    who.set("ada")
    made = resolution(handler, value=Inject(here, use_cache=cached, sync_to_thread=sync_to_thread))
    thread, name = (await resolve(made))["value"]

    assert (inline, "ada") == (thread is threading.current_thread(), name)


async def test_a_shared_dependency_runs_once():
    """One that several need runs once for a request, and again for the next."""
    ran = []

    async def db():
        ran.append("db")
        return len(ran)

    async def users(db):
        return db

    async def orders(db, users):
        return db, users

    async def handler(orders, users, db): ...

    made = resolution(handler, db=db, users=users, orders=orders)

    assert {"orders": (1, 1), "users": 1, "db": 1} == await resolve(made)
    assert {"orders": (2, 2), "users": 2, "db": 2} == await resolve(made)


async def test_everything_is_read_before_anything_runs():
    """A request that does not fit starts no dependency, and one that fits reads each binding once."""
    ran = []

    async def first():
        ran.append("first")

    async def second(first, page): ...

    async def handler(second): ...

    made = resolution(handler, first=first, second=second)

    with pytest.raises(ValidationError):
        await resolve(made, page="x")
    assert [] == ran
    await resolve(made, page="1")
    assert ["first"] == ran
    assert [0, 2] == [binding.reads for binding in made.bindings]


async def test_all_faults_are_told_at_once():
    """One 422 has the faults of the handler and of every dependency, and what both read once."""

    async def user(token, page): ...

    async def tenant(user, region): ...

    async def handler(tenant, page, size): ...

    made = resolution(handler, user=user, tenant=tenant)

    with pytest.raises(ValidationError) as refused:
        await resolve(made, page="x", region="y")
    assert ["page", "size", "token", "region"] == [fault["loc"][1] for fault in refused.value.errors]
    with pytest.raises(ValidationError) as refused:
        await resolve(made, page="1", size="1", token="1")
    assert ["region"] == [fault["loc"][1] for fault in refused.value.errors]


async def test_a_fault_that_nobody_finds_again_stands(monkeypatch):
    """The error is passed on as it was raised if looking for all faults finds no more than it has."""

    async def one(page): ...

    async def handler(one): ...

    error = ValidationError([{"loc": ["query", "page"], "msg": "gone bad"}])

    def read(self, req, ctx, socket):
        raise error

    monkeypatch.setattr(CountedBinding, "read", read)
    made = resolution(handler, one=one)
    made.bindings[1].faults = lambda req: []
    with pytest.raises(ValidationError) as refused:
        await resolve(made)
    assert error is refused.value


async def test_a_cached_value_is_made_once_for_all_routes():
    """With `use_cache` a dependency runs once for the application, whichever route needs it first."""
    ran = []

    async def settings():
        ran.append("settings")
        return {"number": len(ran)}

    async def reader(settings): ...

    async def writer(settings): ...

    cached = {}
    inject = Inject(settings, use_cache=True)
    first, second = (resolution(handler, cached, settings=inject) for handler in (reader, writer))
    other = resolution(reader, {}, settings=inject)

    assert (await resolve(first))["settings"] is (await resolve(second))["settings"]
    assert {"settings": {"number": 1}} == await resolve(first)
    assert {"settings": {"number": 2}} == await resolve(other)


async def test_none_is_a_value_that_is_kept():
    """A cached dependency that gives None is not called again."""
    ran = []

    async def nothing():
        ran.append(1)

    async def handler(nothing): ...

    made = resolution(handler, nothing=Inject(nothing, use_cache=True))

    assert {"nothing": None} == await resolve(made) == await resolve(made)
    assert [1] == ran


async def test_what_only_a_kept_value_needed_runs_no_more():
    """Once it is made, the dependencies of a cached one rest, unless somebody else needs them."""
    ran = []

    async def path(state):
        ran.append("path")
        return "settings.toml"

    async def shared():
        ran.append("shared")

    async def settings(path, shared):
        ran.append("settings")
        return path

    async def user(shared, page=1):
        return page

    async def handler(settings, user): ...

    made = resolution(handler, path=path, shared=shared, settings=Inject(settings, use_cache=True), user=user)

    assert {"settings": "settings.toml", "user": 2} == await resolve(made, page="2")
    assert ["path", "shared", "settings"] == ran
    ran.clear()
    assert {"settings": "settings.toml", "user": 3} == await resolve(made, page="3")
    assert ["shared"] == ran


async def test_one_kept_value_may_need_another():
    """Cached dependencies build on each other, and each is made once."""
    ran = []

    async def url():
        ran.append("url")
        return "db://"

    async def pool(url):
        ran.append("pool")
        return f"a pool of {url}"

    async def handler(pool): ...

    made = resolution(handler, url=Inject(url, use_cache=True), pool=Inject(pool, use_cache=True))

    assert {"pool": "a pool of db://"} == await resolve(made) == await resolve(made)
    assert ["url", "pool"] == ran


async def test_an_application_that_has_stopped_forgets():
    """An emptied cell is filled anew, as in the second life of an application."""
    ran = []

    async def number():
        ran.append(1)
        return len(ran)

    async def handler(number): ...

    cached = {}
    made = resolution(handler, cached, number=Inject(number, use_cache=True))
    assert {"number": 1} == await resolve(made)
    for cell in cached.values():
        cell.empty()

    assert {"number": 2} == await resolve(made) == await resolve(made)


async def test_requests_that_come_meanwhile_wait_for_one_call():
    """Any number of requests for a value that is being made wait for it, and each gets the same."""
    ran = []

    def slow():
        ran.append(threading.current_thread())
        time.sleep(0.02)
        return object()

    async def handler(slow): ...

    made = resolution(handler, slow=Inject(slow, use_cache=True))
    found = await asyncio.gather(*(resolve(made) for _ in range(10)))

    assert 1 == len(ran)
    assert 1 == len({id(each["slow"]) for each in found})
