"""Which dependencies run for a handler, in which order, and which graphs are refused."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bound_parameters import resolution, resolve
from heaven_contrib.routing.dependencies.factory import Factory
from heaven_contrib.routing.dependencies.inject import Inject
from heaven_contrib.routing.dependencies.injects import Injects
from heaven_contrib.routing.errors import ImproperlyConfigured

HERE = __file__


class Order(msgspec.Struct):
    name: str


class Item(msgspec.Struct):
    name: str


async def one():
    return 1


async def two(one):
    return one + 1


async def three(one, two):
    return one + two


async def test_only_what_is_needed_runs():
    """A dependency that neither the handler nor another one asks for is left alone."""

    async def handler(two): ...

    async def unwanted():
        raise AssertionError

    made = resolution(handler, two=two, one=one, unwanted=unwanted)

    assert ("one", "two") == made.names
    assert {"two": 2} == await resolve(made)


async def test_nested_dependencies_get_each_other():
    """Each dependency runs after all that it needs, whatever the order of the declaration."""

    async def handler(three, two): ...

    made = resolution(handler, three=three, two=two, one=one)

    assert {"one", "two", "three"} == set(made.names)
    assert {"three": 3, "two": 2} == await resolve(made)


@given(
    st.integers(2, 8).flatmap(lambda size: st.lists(st.sets(st.integers(0, size - 2)), min_size=size, max_size=size))
)
async def test_any_graph_runs_in_order_and_once(edges):
    """In any graph without circles each dependency runs once, and after those that it needs."""
    ran: list[str] = []
    declared: dict[str, Any] = {}
    for index, needs in enumerate(edges):
        arguments = ", ".join(f"d{need}" for need in sorted(needs) if need < index)
        space: dict[str, Any] = {"ran": ran}
        exec(f"async def d{index}({arguments}):\n    ran.append('d{index}')\n    return ({arguments})", space)
        declared[f"d{index}"] = space[f"d{index}"]
    last = f"d{len(edges) - 1}"
    space = {}
    exec(f"async def handler({last}): ...", space)

    made = resolution(space["handler"], **declared)
    await resolve(made)

    assert list(made.names) == ran
    assert len(set(ran)) == len(ran)
    for index, needs in enumerate(edges):
        if f"d{index}" in ran:
            assert all(ran.index(f"d{need}") < ran.index(f"d{index}") for need in needs if need < index)


async def test_nothing_is_resolved_for_a_handler_without_dependencies():
    """Its binding stands alone, and nothing has to be resolved."""

    async def handler(page): ...

    made = resolution(handler, one=one)

    assert () == made.names
    assert 1 == len(made.bindings)
    assert {"page": 2} == made.read({"page": "2"}, None, None)
    assert resolution(one).read is None


def test_circles_are_refused():
    """Dependencies that need each other are named with the lines of their declarations."""

    async def first(second): ...

    async def second(first): ...

    async def handler(first): ...

    with pytest.raises(ImproperlyConfigured) as refused:
        resolution(handler, first=Inject(first), second=Inject(second))
    assert (
        f"the route at shop.py:7 needs 'first' ({HERE}:1), which needs 'second' ({HERE}:1), which needs 'first' ({HERE}:1);"
        " one of them has to do without" == unnumbered(str(refused.value))
    )


def test_a_dependency_that_needs_itself_is_refused():
    """An inner dependency takes the place of the outer one of its name, so it can't build on it."""

    async def db(db): ...

    async def handler(db): ...

    with pytest.raises(ImproperlyConfigured, match="needs 'db' .*, which needs 'db'"):
        resolution(handler, db=db)


@pytest.mark.parametrize(
    ("declared", "hint"),
    [
        pytest.param({"dbs": one}, "nothing is declared as 'db'; did you mean 'dbs'?", id="near"),
        pytest.param({}, "nothing is declared as 'db'; known: nothing", id="nothing"),
    ],
)
def test_a_marked_dependency_has_to_be_declared(declared, hint):
    """A marked parameter without a default that no level declares is refused with its name and line."""

    async def handler(db=Injects()): ...

    with pytest.raises(ImproperlyConfigured) as refused:
        resolution(handler, **declared)
    assert f"handler at {HERE}:1 marks 'db' with Injects(), and {hint}; say dependencies=" in unnumbered(
        str(refused.value)
    )


async def test_a_mark_may_have_a_default():
    """The default of a mark counts where no level declares the dependency, for each function its own."""

    async def tenant(region=Injects("north")):
        return region

    async def handler(tenant, region: Annotated[str, Injects("south")], page=1): ...

    undeclared = resolution(handler, tenant=tenant)
    declared = resolution(handler, tenant=tenant, region=lambda: "east")

    assert {"tenant": "north", "region": "south"} == await resolve(undeclared)
    assert {"tenant": "north", "region": "south", "page": 2} == await resolve(undeclared, page="2")
    assert {"tenant": "east", "region": "east"} == await resolve(declared)


async def test_a_mark_keeps_a_parameter_from_the_request():
    """What is marked is never read from the request, also where its default counts."""

    async def handler(admin=Injects(False)): ...

    made = resolution(handler)

    assert {"admin": False} == made.read({"admin": "1"}, None, None)


def test_values_that_all_share_are_made_of_no_request():
    """A cached dependency that reads a request, itself or through another, is refused: others would get its value."""

    async def user(token): ...

    async def greeting(user): ...

    async def handler(greeting): ...

    with pytest.raises(ImproperlyConfigured) as refused:
        resolution(handler, user=user, greeting=Inject(greeting, use_cache=True))
    assert (
        f"the dependency 'greeting' at {HERE}:1 has use_cache, so that all requests share its value, and "
        in unnumbered(str(refused.value))
    )
    assert "user (" in str(refused.value)
    assert "reads 'token' from a request; leave use_cache out" in str(refused.value)


def test_values_that_all_share_outlive_generators():
    """A cached dependency that needs a generator is refused: that ends with the first request."""

    async def session():
        yield

    async def repository(session): ...

    async def handler(repository): ...

    with pytest.raises(ImproperlyConfigured, match="a generator, whose value ends with each request; leave use_cache"):
        resolution(handler, session=session, repository=Inject(repository, use_cache=True))


async def test_values_that_all_share_may_be_made_of_what_the_application_keeps():
    """`state` belongs to the application, so a cached dependency may take it."""

    async def pool(state):
        return f"a pool of {state}"

    async def handler(pool): ...

    made = resolution(handler, pool=Inject(pool, use_cache=True))

    assert {"pool": "a pool of the state"} == await resolve(made) == await resolve(made)
    assert 1 == made.bindings[1].reads


def test_one_body_has_one_type():
    """A dependency that takes the body as another type than the handler is refused, both by name."""

    async def audit(data: Item): ...

    async def handler(audit, data: Order): ...

    with pytest.raises(ImproperlyConfigured) as refused:
        resolution(handler, audit=audit)
    assert "takes the body as data: Item, and " in str(refused.value)
    assert "as data: Order; a request has one body, so take one type in both" in str(refused.value)


@pytest.mark.parametrize(
    "taken", [pytest.param(Order, id="same"), pytest.param(bytes, id="raw"), pytest.param(Any, id="any")]
)
async def test_a_body_may_be_taken_twice(taken):
    """The same type in both, or the body as it came, is no contradiction."""

    async def signature(data):
        return len(data)

    signature.__annotations__["data"] = taken

    async def handler(signature, data: Order): ...

    assert {"signature": 2, "data": "{}"} == await resolve(resolution(handler, signature=signature), data="{}")


class Repository:
    def __init__(self, db, table: str, limit: int = 100, owner: str = Injects("nobody"), *rest, **options):
        self.made_of = (db, table, limit, owner, rest, options)


async def test_a_factory_takes_from_dependencies_and_never_from_the_request():
    """What a Factory was not given comes from dependencies by name; the query doesn't reach it."""

    async def handler(repository): ...

    made = resolution(handler, repository=Factory(Repository, table="orders"), db=one)
    found = await resolve(made, limit="999999", table="users")

    assert (1, "orders", 100, "nobody", (), {}) == found["repository"].made_of


async def test_a_factory_gives_a_dependency_of_the_name_of_a_default():
    """A parameter with a default is filled by a dependency of its name, but not what the Factory was given."""

    async def handler(repository): ...

    async def other():
        return 5

    made = resolution(
        handler, repository=Factory(Repository, "a db", table="orders"), limit=other, table=other, owner=other, db=other
    )

    assert ("a db", "orders", 5, 5, (), {}) == (await resolve(made))["repository"].made_of


def test_a_factory_without_what_it_needs_is_refused():
    """A required argument that is neither given nor declared is named."""

    async def handler(repository): ...

    with pytest.raises(
        ImproperlyConfigured, match=r"Repository needs 'table', .* given; nothing is declared as 'table'"
    ):
        resolution(handler, repository=Factory(Repository, "a db"))
    with pytest.raises(ImproperlyConfigured, match="needs 'one', .* given; it is taken by position only, so give it"):
        resolution(handler, repository=Factory(lambda one, /: one), one=one)


async def test_a_factory_of_what_has_no_signature_is_called_with_what_it_was_given():
    """A class written in C may have no signature; it gets what the Factory got."""

    async def handler(settings): ...

    assert {"settings": {"page": 1}} == await resolve(resolution(handler, settings=Factory(dict, page=1)))


async def test_what_takes_positions_only_is_given_none_by_name():
    """A positional parameter that has a default keeps it, although a dependency has its name."""

    def positional(one=7, /):
        return one

    async def handler(value): ...

    assert {"value": 7} == await resolve(resolution(handler, value=Factory(positional), one=one))


def unnumbered(message: str) -> str:
    """The message with every line of this file as line 1."""
    before, *others = message.split(f"{HERE}:")
    return before + "".join(f"{HERE}:1{other.lstrip('0123456789')}" for other in others)
