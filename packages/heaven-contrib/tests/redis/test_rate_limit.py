from __future__ import annotations

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heaven import App
from heaven.errors import RegistrationError
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.errors import RedisError, RedisUnavailable
from heaven_contrib.redis.rate_limit import GCRA, Decision, RateLimit
from heaven_testing import Client
from patience import PATIENT
from redis_patience import PATIENTLY, hurried

FIXTURES = [HealthCheck.function_scoped_fixture]
GIVEN_CLOCK = "local now = tonumber(ARGV[4])"
SECOND = 1_000_000
START = 1_795_000_000 * SECOND
TIMELESS = GCRA.replace(", 'PX', string.format('%.0f', math.ceil(taken / 1000))", "")
"""The script without its ttl, for which the time is that of the server, and not the one that it is given."""


def standing(redis, rate, *, name, burst=None):
    """A limit for which no time passes, so that what it tells can be said beforehand."""
    limit = RateLimit(redis, rate, name=name, burst=burst)
    limit._script = redis.script(f"local now = {START}\n{TIMELESS}")
    return limit


# Values


@pytest.mark.parametrize(
    ("rate", "limit", "emission"),
    [
        ("100/minute", 100, 600_000),
        ("5/15 minutes", 5, 180 * SECOND),
        (" 1 / second ", 1, SECOND),
        ("7/seconds", 7, 142_858),
        ("24/day", 24, 3600 * SECOND),
        ("2/1hour", 2, 1800 * SECOND),
    ],
)
def test_a_rate_is_written_as_people_say_it(rate, limit, emission):
    """A count and a time make the burst and the interval, in microseconds and rounded up."""
    made = RateLimit(Redis(), rate, name="x")
    assert (limit, emission) == (made.limit, made._emission)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rate": "100"}, "'100'; write how many in which time, as in '100/minute'"),
        ({"rate": "-1/minute"}, "write how many in which time"),
        ({"rate": "1/fortnight"}, "write how many in which time"),
        ({"rate": "0/minute"}, "both numbers are 1 or more"),
        ({"rate": "1/0 minutes"}, "both numbers are 1 or more"),
        ({"rate": "1/999999 days"}, "more than a century"),
        ({"burst": 0}, "burst=0, which lets nobody through"),
        ({"name": ""}, "an empty name; name what is limited"),
        ({"fails": "never"}, "fails='never'; give 'open' or 'closed'"),
    ],
)
def test_what_can_not_work_is_refused_where_it_is_made(options, message):
    """The message says what was given, and what to give."""
    with pytest.raises(RegistrationError, match=message):
        RateLimit(Redis(), **{"rate": "1/minute", "name": "x"} | options)


# The algorithm


def test_the_script_that_is_given_a_clock_has_no_other():
    """What is left out of it for that is there to be left out."""
    assert 1 == GCRA.count("PX") - TIMELESS.count("PX")


async def test_a_bucket_is_emptied_and_refused(redis):
    """Decisions tell what is left, when all of it is back, and when the next may come."""
    limit = RateLimit(redis, "1/hour", name="x", burst=2)
    first, second, third = [await limit.take("ada") for _ in range(3)]
    assert (True, 2, 1, 0) == (first.allowed, first.limit, first.remaining, first.retry_after)
    assert 3600 == first.reset_after
    assert (True, 0) == (second.allowed, second.remaining)
    assert 7100 < second.reset_after <= 7200
    assert (False, 0) == (third.allowed, third.remaining)
    assert 3500 < third.retry_after <= 3600
    assert 7100 < third.reset_after <= 7200


async def test_names_and_keys_count_apart(redis):
    """A limit of another name, or for somebody else, has nothing to do with it; one of the same name has."""
    limit = RateLimit(redis, "1/hour", name="x")
    await limit.take("ada")
    assert (await limit.take("bob")).allowed
    assert (await RateLimit(redis, "1/hour", name="y").take("ada")).allowed
    assert not (await RateLimit(redis, "1/hour", name="x").take("ada")).allowed


async def test_costs(redis):
    """A cost takes as much at once or nothing at all, 0 only looks, and more than there ever is, is a mistake."""
    limit = RateLimit(redis, "10/day", name="x")
    assert (True, 3) == ((await limit.take("ada", cost=7)).allowed, (await limit.take("ada", cost=0)).remaining)
    assert (False, 3) == ((await limit.take("ada", cost=4)).allowed, (await limit.take("ada", cost=0)).remaining)
    assert (True, 0) == ((await limit.take("ada", cost=3)).allowed, (await limit.take("ada", cost=0)).remaining)
    for cost in (-1, 11):
        with pytest.raises(ValueError, match=rf"cost={cost}, and RateLimit\('10/day', name='x'\) has 0 to 10"):
            await limit.take("ada", cost=cost)


async def test_keys_are_short_hide_whom_they_count_and_expire(redis):
    """What is stored has a bounded name without the key in it, and goes once the bucket is full again."""
    limit = RateLimit(redis, "1/hour", name="x")
    await limit.take("ada@shop.test" * 1000)
    (stored,) = await redis.client.keys("*")
    assert (len("rate_limit:x:") + 32, False) == (len(stored), b"ada" in stored)
    assert 3_500_000 < await redis.client.pttl(stored) <= 3_600_000
    await limit.take("\udcff", cost=0)
    assert [stored] == await redis.client.keys("*")


async def test_a_lower_limit_of_the_same_name_forgives_what_is_above_it(redis):
    """A limit that was changed, as a clock that was set back, keeps nobody out for longer than its own time."""
    await RateLimit(redis, "100/day", name="x").take("ada", cost=100)
    decision = await RateLimit(redis, "1/minute", name="x").take("ada")
    assert (False, 60) == (decision.allowed, decision.reset_after)


@settings(suppress_health_check=FIXTURES, deadline=None, max_examples=30)
@given(
    emission=st.integers(SECOND, 60 * SECOND),
    limit=st.integers(1, 8),
    steps=st.lists(st.tuples(st.integers(0, 200 * SECOND), st.integers(0, 8)), max_size=25),
)
async def test_the_script_decides_as_a_leaking_bucket(redis, emission, limit, steps):
    """For every sequence of moments and costs: a bucket that leaks all the time, and refuses what would overflow."""
    script = redis.script(f"{GIVEN_CLOCK}\n{TIMELESS}")
    key = f"model:{emission}:{limit}:{hash(tuple(steps))}"
    await redis.client.delete(key)
    now, level = START, 0
    for pause, cost in steps:
        now += pause
        level = max(0, level - pause)
        fits = level + cost * emission <= limit * emission
        wait = 0 if fits else level + cost * emission - limit * emission
        level += cost * emission if fits else 0
        assert [int(fits), level, wait] == await script.run(keys=[key], args=[emission, limit, cost, now])


async def test_a_clock_that_was_set_back_keeps_nobody_out_for_longer_than_a_full_bucket(redis):
    """What was taken in the future is counted as taken now."""
    script = redis.script(f"{GIVEN_CLOCK}\n{TIMELESS}")
    await script.run(keys=["x"], args=[SECOND, 5, 5, START])
    assert [0, 5 * SECOND, SECOND] == await script.run(keys=["x"], args=[SECOND, 5, 1, START - 3600 * SECOND])


class Unlocked(RateLimit):
    """The same in two steps, which others come between: what the script is there for."""

    def __init__(self, redis, *options, **more):
        super().__init__(redis, *options, **more)
        self.redis = redis

    async def take(self, key, cost=1):
        taken = int(await self.redis.client.get(key) or 0)
        await asyncio.sleep(0)
        await self.redis.client.set(key, taken + cost)
        return Decision(taken < self.limit, self.limit, max(0, self.limit - taken), 0, 0)


@pytest.mark.parametrize("kind", [RateLimit, Unlocked])
async def test_workers_together_never_allow_more_than_the_limit(redis_pair, kind):
    """10,000 takes, at once and from two workers, get what there is and no more; without the script they get more."""
    limits = [kind(redis, "500/day", name="x") for redis in redis_pair]

    async def client(limit):
        return sum([(await limit.take("everybody")).allowed for _ in range(250)])

    allowed = sum(await asyncio.gather(*(client(limit) for limit in limits * 20)))
    assert (allowed == 500) is (kind is RateLimit)


# The hook


def application(redis, *limits, **options):
    app = App()
    app.plugin(redis)
    for url, limit in limits:
        app.BEFORE(url, limit, **options)
    app.GET("/", lambda req, res, ctx: "welcome")
    app.GET("/login", lambda req, res, ctx: "come in")
    app.GET("/broken", lambda req, res, ctx: 1 / 0)
    return app


def told(response):
    return [response.headers.get(f"ratelimit-{name}") for name in ("limit", "remaining", "reset")]


async def test_answers_say_where_the_client_stands(redis_url):
    """Successes, failures and refusals have RateLimit-Limit, -Remaining and -Reset; a 429 has Retry-After as well."""
    redis = Redis(redis_url)
    app = application(redis, ("/*", standing(redis, "2/minute", name="x")))
    async with Client(app, raise_app_exceptions=False, timeout=PATIENT) as client:
        first, second, third = [await client.get(path) for path in ("/", "/broken", "/")]
    assert (200, ["2", "1", "30"]) == (first.status_code, told(first))
    assert "retry-after" not in first.headers
    assert (500, ["2", "0", "60"]) == (second.status_code, told(second))
    assert (429, ["2", "0", "60"]) == (third.status_code, told(third))
    assert "30" == third.headers["retry-after"]
    assert "application/problem+json" == third.headers["content-type"]
    assert "Too many requests; try again in 30 seconds." == third.json()["detail"]


async def test_a_refusal_never_says_to_come_back_at_once(redis_url):
    """Retry-After is rounded up, to a second at least."""
    redis = Redis(redis_url)
    app = application(redis, ("/*", standing(redis, "2/second", name="x", burst=1)))
    async with Client(app, timeout=PATIENT) as client:
        _, response = [await client.get("/") for _ in range(2)]
    assert "1" == response.headers["retry-after"]
    assert "Too many requests; try again in 1 second." == response.json()["detail"]


async def test_of_several_limits_the_tightest_is_told(redis_url):
    """Where several cover a route each counts, and the headers are of the one with the least left, the inner at last."""
    redis = Redis(redis_url)
    wide, tight = standing(redis, "3/minute", name="all"), standing(redis, "2/hour", name="login")
    async with Client(application(redis, ("/*", wide), ("/login", tight)), timeout=PATIENT) as client:
        told_at = [told(await client.get(path))[:2] for path in ("/login", "/", "/login", "/login")]
    assert [["2", "1"], ["3", "1"], ["2", "0"], ["3", "0"]] == told_at


async def test_a_wider_limit_inside_leaves_the_headers_alone(redis_url):
    """What the outer one told stays, while more is left of the inner one."""
    redis = Redis(redis_url)
    wide, tight = standing(redis, "9/minute", name="login"), standing(redis, "2/hour", name="all")
    async with Client(application(redis, ("/*", tight), ("/login", wide)), timeout=PATIENT) as client:
        assert ["2", "1", "1800"] == told(await client.get("/login"))


async def test_of_several_limits_the_one_that_refuses_is_told(redis_url):
    """Where the inner one refuses, the headers are its own."""
    redis = Redis(redis_url)
    wide, tight = standing(redis, "9/minute", name="all"), standing(redis, "1/hour", name="login")
    async with Client(application(redis, ("/*", wide), ("/login", tight)), timeout=PATIENT) as client:
        await client.get("/login")
        refused = await client.get("/login")
    assert (429, ["1", "0", "3600"]) == (refused.status_code, told(refused))


async def test_it_counts_by_the_key_it_is_given(redis_url):
    """The key says who is counted."""
    redis = Redis(redis_url)
    limit = RateLimit(redis, "1/hour", name="x", key=lambda req, ctx: req.headers["x-user"])
    async with Client(application(redis, ("/*", limit)), timeout=PATIENT) as client:
        statuses = [(await client.get("/", headers={"x-user": user})).status_code for user in ("ada", "bob", "ada")]
    assert [200, 200, 429] == statuses


@pytest.mark.parametrize(
    ("peers", "statuses"),
    [
        ([("10.0.0.1", 1), ("10.0.0.2", 1), ("10.0.0.1", 2)], [200, 200, 429]),
        ([("2001:db8::1", 1), ("2001:db8::ffff:2", 1), ("2001:db8:0:1::1", 1)], [200, 429, 200]),
        ([("fe80::1%eth0", 1), ("fe80::1%eth1", 1)], [200, 429]),
        ([None, None], [200, 429]),
    ],
)
async def test_without_a_key_clients_are_counted_by_address(redis_url, redis, peers, statuses):
    """By IPv4 address, by the /64 of an IPv6 address, and all together where there is none."""
    seen = []
    for peer in peers:
        own = Redis(redis_url)
        app = application(own, ("/*", RateLimit(own, "1/day", name="x")))
        async with Client(app, client=peer, timeout=PATIENT) as client:
            seen.append((await client.get("/")).status_code)
    assert statuses == seen


# Faults


@pytest.mark.parametrize(("fails", "status"), [("open", 200), ("closed", 503)])
@pytest.mark.parametrize("fault", ["kill", "freeze"])
async def test_while_redis_is_down_it_fails_as_it_was_told(redis_server, caplog, fault, fails, status):
    """Open lets everybody through, closed nobody, both by the deadline; afterwards the limit holds again."""
    redis_server.flush()
    redis = Redis(redis_server.url + PATIENTLY)
    limit = RateLimit(redis, "1/day", name="x", fails=fails)
    # The server that is started again opens files, and here it is the test that does so.
    options = {"timeout": PATIENT, "leaks": {"tasks", "exceptions", "store"}}
    async with Client(application(redis, ("/*", limit)), **options) as client:
        assert 200 == (await client.get("/")).status_code
        getattr(redis_server, fault)()
        with hurried(redis, 0.3):
            down = [await client.get("/") for _ in range(3)]
        assert [(status, [None] * 3)] * 3 == [(response.status_code, told(response)) for response in down]
        goes_on = "RateLimit('1/day', name='x') goes on without Redis" in caplog.text
        redis_server.heal()
        async with asyncio.timeout(PATIENT):
            while (await client.get("/")).status_code != 429:
                await asyncio.sleep(0.01)
    assert goes_on is (fails == "open")


async def test_take_by_itself_says_that_redis_is_down(redis_server):
    """What it means is decided by whoever called it."""
    redis = Redis(redis_server.url + PATIENTLY)
    await redis.connect()
    redis_server.kill()
    with pytest.raises(RedisUnavailable):
        await RateLimit(redis, "1/day", name="x").take("ada")
    await redis.disconnect()
    with pytest.raises(RedisError, match="is not connected"):
        await RateLimit(redis, "1/day", name="x").take("ada")


async def test_a_key_that_is_no_text_is_a_mistake(redis):
    """A number, as ids are, is refused with words that say where it came from."""
    limit = RateLimit(redis, "2/minute", name="login")
    with pytest.raises(TypeError, match="the key of RateLimit\\('2/minute', name='login'\\) is 7; it has to say who"):
        await limit.take(7)
