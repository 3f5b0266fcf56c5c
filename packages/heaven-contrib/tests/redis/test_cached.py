"""Functions whose values are cached: which calls share a value."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from heaven.errors import RegistrationError
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.cache import Cache


class Price(msgspec.Struct):
    cents: int


class Weight(msgspec.Struct):
    grams: int


class Order:
    def __init__(self, currency: str) -> None:
        self.currency = currency


class Shop:
    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture
async def cache(redis: Redis) -> AsyncIterator[Cache]:
    async with Cache(redis, "shop") as cache:
        yield cache


async def test_a_call_is_cached_by_its_key(cache: Cache):
    """Calls with the same key have one value, however the arguments are given; its type is what the function returns."""
    calls: list[str] = []

    @cache.cached(ttl=60, key="price:{item}:{currency}")
    async def price(item: str, *, currency: str = "EUR") -> Price:
        """What an item costs."""
        calls.append(item)
        return Price(len(item))

    seen = [await price("mug"), await price(item="mug", currency="EUR"), await price("mug", currency="USD")]

    assert ([Price(3)] * 3, ["mug", "mug"]) == (seen, calls)
    assert ("price", "What an item costs.") == (price.__name__, price.__doc__)


async def test_calls_are_never_confused(cache: Cache):
    """Arguments are percent-encoded, so that none of them can play another's part, or that of a hash tag."""

    @cache.cached(ttl=60, key="{a}:{b}")
    async def both(a: str, b: str) -> list[str]:
        return [a, b]

    pairs = [["x:y", "z"], ["x", "y:z"], ["{", "}"], ["%7B", "}"], ["ü", " "]]

    assert pairs == [await both(*pair) for pair in pairs]
    assert pairs == [await both(*pair) for pair in pairs]
    assert ["x%3Ay:z", "%7B:%7D"] == [both.key("x:y", "z"), both.key("{", "}")]


async def test_control_arguments_as_they_are_would_be_confused(cache: Cache):
    """The same calls share a value where a key is made without a thought."""

    @cache.cached(ttl=60, key=lambda a, b: f"{a}:{b}")
    async def both(a: str, b: str) -> list[str]:
        return [a, b]

    assert [["x:y", "z"]] * 2 == [await both("x:y", "z"), await both("x", "y:z")]


async def test_a_template_reaches_into_its_arguments(cache: Cache):
    """Attributes, items, conversions and formats work as in `str.format`."""

    @cache.cached(ttl=60, key="{order.currency}:{sizes[0]}:{name!r}:{number:03d}:{{}}")
    async def cost(order: Order, sizes: list[int], name: str, number: int) -> int:
        return number

    assert "EUR:4:%27a%20b%27:007:{}" == cost.key(Order("EUR"), [4], "a b", 7)
    assert 7 == await cost(Order("EUR"), [4], "a b", 7)


async def test_a_method_is_cached(cache: Cache):
    """`self` is an argument like others."""

    class Counting(Shop):
        calls = 0

        @cache.cached(ttl=60, key="{self.name}:{item}")
        async def price(self, item: str) -> int:
            Counting.calls += 1
            return len(self.name)

    assert [1, 2, 1] == [await shop.price("mug") for shop in (Counting("a"), Counting("bb"), Counting("a"))]
    assert (2, "a:mug") == (Counting.calls, Counting.price.key(Counting("a"), "mug"))


async def test_a_call_is_forgotten_by_its_arguments(cache: Cache):
    """`forget` takes what the function takes."""
    calls: list[int] = []

    @cache.cached(ttl=60, key="{number}", stale=5)
    async def double(number: int) -> int:
        calls.append(number)
        return 2 * number

    await double(1)
    await double(2)
    await double.forget(1)
    assert [2, 4] == [await double(1), await double(2)]
    assert [1, 2, 1] == calls


async def test_a_type_can_be_given(cache: Cache):
    """`type=` counts more than what the function says, and without either it is as JSON has it."""

    async def price():
        return Price(5)

    typed = cache.cached(ttl=60, key="typed", type=Price)(price)
    plain = cache.cached(ttl=60, key="plain")(price)

    assert [Price(5), {"cents": 5}] == [await typed(), await plain()]


async def test_arguments_that_do_not_fit_are_an_error(cache: Cache):
    """A call that the function would not take is a TypeError, as without a cache."""

    @cache.cached(ttl=60, key="{number}")
    async def double(number: int) -> int:
        return 2 * number

    with pytest.raises(TypeError, match="missing a required argument: 'number'"):
        await double()  # type: ignore[call-arg]


async def number(item: int) -> int:
    return item


async def unknown(item: int) -> Missing:  # type: ignore[name-defined]  # noqa: F821
    return item


async def either(item: int) -> Price | Weight:
    return Price(item)


@pytest.mark.parametrize(
    ("function", "options", "words"),
    [
        (lambda item: item, {"key": "{item}"}, "which is not async; it would have blocked the event loop"),
        (number, {"key": "{id}"}, r"the key '\{id\}' names 'id', which is no parameter of .*; there are item"),
        (number, {"key": "{}"}, r"the key '\{\}' names '', which is no parameter"),
        (number, {"key": "{item"}, r"the key '\{item' is no template: expected '\}'"),
        (
            number,
            {"key": "{item}", "ttl": 0},
            "cached can't work for .*test_cached.number: ttl is 0; give seconds, at least 0.001$",
        ),
        (number, {"key": "{item}", "stale": -1}, "stale is -1; give seconds, at least 0$"),
        (unknown, {"key": "{item}"}, "test_cached.unknown gives: name 'Missing' is not defined; give type="),
        (
            either,
            {"key": "{item}"},
            "cached can't know what .*either",
        ),
    ],
)
def test_what_cannot_work_is_said_at_once(function: Any, options: dict[str, Any], words: str):
    """A function, a key, a ttl or a type that can't work is refused when it is decorated."""
    with pytest.raises(RegistrationError, match=words):
        Cache(Redis(), "shop").cached(**{"ttl": 60, **options})(function)
