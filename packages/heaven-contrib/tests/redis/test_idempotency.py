from __future__ import annotations

import asyncio

import pytest

from heaven.errors import HTTPError, RegistrationError
from heaven_contrib.errors import OutcomeUnknown, ServiceUnavailable
from heaven_contrib.redis.battery import Redis
from heaven_contrib.redis.idempotency import Idempotency
from idempotent_shop import ONE, Shop, who_asks
from patience import PATIENT
from redis_patience import PATIENTLY

# What is answered


def shown(response):
    return response.status_code, response.headers.multi_items(), response.content


def created(req, res):
    res.headers["location"] = "/orders/7"
    res.cookie("basket", "empty")
    res.cookie("seen", "yes")
    return {"id": 7}


def refused(req, res):
    raise HTTPError(409, "There are not so many left.")


ANSWERS = {
    "an object": created,
    "text": lambda req, res: "thank you",
    "bytes": lambda req, res: b"\x00\xff",
    "no bytes": lambda req, res: b"",
    "nothing": lambda req, res: None,
    "no content": lambda req, res: res.out(204),
    "a redirect": lambda req, res: res.redirect("/orders/7", 303),
    "an abort": lambda req, res: res.abort({"sold": "out"}, 410),
    "a refusal": refused,
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_a_repeated_request_is_answered_with_the_response_of_the_first(redis_url, kind):
    """Status, headers and body are the same, byte for byte; one header says that it is a repeat."""
    shop = Shop(redis_url, answer=ANSWERS[kind])
    async with shop.client() as client:
        first, again, third = [await client.post("/orders", json={"item": "mug"}, headers=ONE) for _ in range(3)]
    replayed = ("idempotency-replayed", "true")
    status, headers, content = shown(first)
    assert replayed not in headers
    for response in (again, third):
        assert (status, content) == (response.status_code, response.content)
        assert sorted([*headers, replayed]) == sorted(response.headers.multi_items())
    assert 1 == shop.orders


async def test_requests_without_a_key_are_carried_out_each_time(redis_url):
    """Without the header nothing is remembered."""
    shop = Shop(redis_url)
    async with shop.client() as client:
        answers = [(await client.post("/orders", content=b"x")).json()["order"] for _ in range(2)]
        keys = await shop.redis.client.keys("*")
    assert ([1, 2], []) == (answers, keys)


async def test_a_missing_key_is_refused_where_one_is_required(redis_url):
    """400 says which header to send."""
    shop = Shop(redis_url, required=True, header="X-Once")
    async with shop.client() as client:
        response = await client.post("/orders", headers=ONE)
        accepted = await client.post("/orders", headers={"x-once": "one"})
    assert (400, 201, 1) == (response.status_code, accepted.status_code, shop.orders)
    assert "Send the header X-Once, with a value that this request alone has." == response.json()["detail"]


async def test_websockets_have_no_keys(redis_url):
    """Where the hook covers one it lets it pass: there is no response to keep."""

    async def greet(req, ws, ctx):
        await ws.accept()
        await ws.send_text("hello")

    shop = Shop(redis_url, hook=False, required=True)
    shop.app.BEFORE("/*", shop.idempotency)
    shop.app.WS("/chat", greet)
    async with shop.client() as client:
        for headers in ({}, ONE, ONE):
            async with client.ws("/chat", headers=headers) as ws:
                assert "hello" == await ws.receive_text()


@pytest.mark.parametrize("key", ["", "a b", "a" * 256, '"', '"a', '""', 'a, "b"', "käse".encode(), '"a";x=1', r'"\a"'])
async def test_what_is_no_key_is_refused(redis_url, key):
    """400 says what one is."""
    shop = Shop(redis_url)
    async with shop.client() as client:
        response = await client.post("/orders", headers={"idempotency-key": key})
    assert (400, 0) == (response.status_code, shop.orders)
    assert "Idempotency-Key is 1 to 255 visible ASCII characters, in quotes or not." == response.json()["detail"]


@pytest.mark.parametrize(
    ("bare", "quoted"), [("8e03978e-40d5", '"8e03978e-40d5"'), (r"a\b", r'"a\\b"'), ("a" * 255, f'"{"a" * 255}"')]
)
async def test_a_key_is_the_same_in_quotes(redis_url, bare, quoted):
    """A structured field's string and the bare value are one key."""
    shop = Shop(redis_url)
    async with shop.client() as client:
        for key in (bare, quoted):
            assert 201 == (await client.post("/orders", headers={"idempotency-key": key})).status_code
    assert 1 == shop.orders


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("PUT", "/orders", b"mug"),
        ("POST", "/baskets", b"mug"),
        ("POST", "/orders?gift=1", b"mug"),
        ("POST", "/orders", b"pen"),
    ],
)
async def test_a_key_stands_for_one_request(redis_url, method, url, body):
    """With another method, path, query or body it is a 422; the first response stays."""
    shop = Shop(redis_url)
    async with shop.client() as client:
        first = await client.post("/orders", content=b"mug", headers=ONE)
        other = await client.request(method, url, content=body, headers=ONE)
        again = await client.post("/orders", content=b"mug", headers=ONE)
    assert (422, 1) == (other.status_code, shop.orders)
    assert "This Idempotency-Key was used for another request; use a new one." == other.json()["detail"]
    assert first.content == again.content


async def test_users_never_meet(redis_url):
    """The same key of another user is another key, and so is one that would be the same when both were joined."""
    shop = Shop(redis_url)
    async with shop.client() as client:
        for user, key in (("ada", "one"), ("bob", "one"), ("adao", "ne")):
            headers = {"x-user": user, "idempotency-key": key}
            assert "idempotency-replayed" not in (await client.post("/orders", headers=headers)).headers
    assert 3 == shop.orders


async def test_a_user_who_is_nobody_is_a_mistake():
    """Strangers would share their responses, so None is not taken for a user."""
    shop = Shop("memory://" + PATIENTLY, user=lambda req, ctx: ctx.peek("user"))
    async with shop.client(raise_app_exceptions=False) as client:
        assert 500 == (await client.post("/orders", headers=ONE)).status_code
        assert 201 == (await client.post("/orders")).status_code
    assert 1 == shop.orders


# Headers of other hooks


async def test_hooks_outside_have_their_own_say_each_time(redis_url):
    """What they set is theirs, what was set inside is replayed, and what was replaced inside stays replaced."""
    seen = 0

    def outside(req, res, ctx):
        nonlocal seen
        seen += 1
        res.headers["x-request"] = str(seen)
        res.headers["cache-control"] = "private"
        res.headers.add("vary", "origin")

    def inside(req, res):
        res.headers["cache-control"] = "no-store"
        res.headers.add("vary", "accept")
        return "done"

    def appending(req, res, ctx):
        res.headers.add("x-after", "once")

    shop = Shop(redis_url, answer=inside, before=[outside], after=[appending])
    async with shop.client() as client:
        responses = [await client.post("/orders", headers=ONE) for _ in range(2)]
    for number, response in enumerate(responses, 1):
        assert [str(number)] == response.headers.get_list("x-request")
        assert ["no-store"] == response.headers.get_list("cache-control")
        assert ["origin", "accept"] == response.headers.get_list("vary")
        assert ["once"] == response.headers.get_list("x-after")


# What is not kept


async def test_a_cookie_that_is_taken_back_takes_no_other_along(redis_url):
    """Where one of several headers of a name was changed inside, the others are sent, the first time and again."""

    def outside(req, res, ctx):
        res.cookie("theme", "dark")
        res.cookie("basket", "full")

    def empty(req, res):
        res.headers.raw[:] = [pair for pair in res.headers.raw if not pair[1].startswith(b"basket=")]
        res.cookie("basket", "empty")

    shop = Shop(redis_url, answer=empty, before=[outside])
    async with shop.client() as client:
        for _ in range(2):
            response = await client.post("/orders", headers=ONE)
            sent = [value.partition(";")[0] for value in response.headers.get_list("set-cookie")]
            assert ["theme=dark", "basket=empty"] == sent
    assert 1 == shop.orders


async def slow(req, res):
    await asyncio.sleep(60)


FAILURES = {
    "an exception": lambda req, res: 1 / 0,
    "no JSON": lambda req, res: object(),
    "503": lambda req, res: res.abort("later", 503),
    "a service that is down": lambda req, res: raising(ServiceUnavailable("Later.")),
    "500 that was returned": lambda req, res: res.out(500, "oh"),
    "401": lambda req, res: raising(HTTPError(401)),
    "429": lambda req, res: raising(HTTPError(429)),
    "a timeout": slow,
}


def raising(error):
    raise error


@pytest.mark.parametrize("kind", FAILURES)
async def test_a_failure_lets_go_of_the_key(redis_url, kind):
    """The next try is a first one."""
    shop = Shop(redis_url, answer=FAILURES[kind], route={"timeout": 0.5} if kind == "a timeout" else None)
    async with shop.client() as client, asyncio.timeout(PATIENT):
        while not shop.orders:  # or the time was over before the handler had begun
            await shop.redis.client.flushdb()
            assert (await client.post("/orders", headers=ONE)).status_code >= 400
        assert [] == await shop.redis.client.keys("*")
        shop.answer = None  # and PUT has no timeout
        assert (201, 2) == ((await client.put("/orders", headers=ONE)).status_code, shop.orders)


async def test_an_outcome_that_is_not_known_is_kept(redis_url):
    """What may have happened is not tried again: the repeat gets the same 500."""
    shop = Shop(redis_url, answer=lambda req, res: raising(OutcomeUnknown("The answer to COMMIT was lost.")))
    async with shop.client() as client:
        first, again = [await client.post("/orders", headers=ONE) for _ in range(2)]
    assert (500, 500, 1) == (first.status_code, again.status_code, shop.orders)
    assert (first.content, "true") == (again.content, again.headers["idempotency-replayed"])


async def pieces():
    yield b"piece"


@pytest.mark.parametrize(
    "answer", [lambda req, res: res.stream(pieces()), lambda req, res: pieces(), lambda req, res: b"x" * 101]
)
async def test_a_response_that_can_not_be_kept_is_not_carried_out_again(redis_url, answer, caplog):
    """Of a stream, or more than max_size, the fact is kept: the repeat is a 409 that says so."""
    shop = Shop(redis_url, answer=answer, max_size=100)
    async with shop.client() as client:
        first, again = [await client.post("/orders", headers=ONE) for _ in range(2)]
    assert (200, 409, 1) == (first.status_code, again.status_code, shop.orders)
    assert (
        "This request was carried out, with status 200; its response was not kept to be sent again."
        == (again.json()["detail"])
    )
    assert "POST '/orders': the response is a stream, or too large to be kept for a repeat" in caplog.text


async def test_a_response_is_kept_for_its_time(redis_url):
    """`ttl` seconds after the response, `lease` seconds while the request is carried out."""
    ttls = []

    async def look(req, res):
        ttls.append(await shop.redis.client.pttl((await shop.redis.client.keys("*"))[0]))

    shop = Shop(redis_url, answer=look, ttl=6000, lease=2000)
    async with shop.client() as client:
        await client.post("/orders", headers=ONE)
        await look(None, None)
    assert 1_900_000 < ttls[0] <= 2_000_000
    assert 5_900_000 < ttls[1] <= 6_000_000


async def test_what_is_no_record_is_no_response(redis_url, caplog):
    """What somebody else has written under the key is an error that names it."""
    shop = Shop(redis_url)
    async with shop.client() as client:
        await client.post("/orders", headers=ONE)
        (key,) = await shop.redis.client.keys("*")
        await shop.redis.client.set(key, b"?")
        assert (500, 1) == ((await client.post("/orders", headers=ONE)).status_code, shop.orders)
    assert f"what is stored under '{key.decode()}' is no record of a request" in caplog.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ttl": 0}, "ttl=0; give 1 or more"),
        ({"lease": 0.01}, "lease=0.01; give 0.1 or more"),
        ({"wait": -1}, "wait=-1; give 0 or more"),
        ({"max_size": -1}, "max_size=-1; give 0 or more"),
        ({"user": "ada"}, r"user='ada'; give a function \(req, ctx\) -> str"),
    ],
)
def test_what_can_not_work_is_refused_where_it_is_made(options, message):
    """The message says what was given, and what to give."""
    with pytest.raises(RegistrationError, match=message):
        Idempotency(Redis(), **{"user": who_asks} | options)


def test_it_shows_its_header():
    """Its repr is what messages call it."""
    assert "Idempotency('X-Once')" == repr(Idempotency(Redis(), user=who_asks, header="X-Once"))
