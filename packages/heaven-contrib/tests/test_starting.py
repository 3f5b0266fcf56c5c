"""How an application waits for the services it needs."""

from __future__ import annotations

import pytest

from heaven import App, Key
from heaven_contrib.errors import ServiceUnavailable
from heaven_contrib.redis import REDIS, Redis
from heaven_contrib.sql import DATABASE, Database
from heaven_contrib.starting import until_it_answers
from heaven_testing import Client, StartupFailed

NAME = "mysql://db.test:3306/shop"


async def failing(error: Exception, cause: Exception | None = None) -> list[str]:
    """What a start is told of where and why it failed."""

    async def ask() -> None:
        raise error from cause

    with pytest.raises(type(error)) as caught:
        await until_it_answers(ask, NAME, 0)
    assert error is caught.value
    return error.__notes__


@pytest.mark.parametrize("error", [ServiceUnavailable("It is not there."), ValueError("wrong password")])
async def test_a_start_that_fails_says_where_and_why(error):
    """The address and the cause are noted: an answer to a client names neither, and a start is no client's."""
    told = await failing(error, OSError("Connection refused"))
    assert [f"while connecting to {NAME}: Connection refused"] == told


async def test_a_cause_that_is_told_already_is_not_told_again():
    """One that the error's own words repeat adds nothing, nor does none."""
    assert [f"while connecting to {NAME}"] == await failing(
        ValueError("refused: no such user"), OSError("no such user")
    )
    assert [f"while connecting to {NAME}"] == await failing(ServiceUnavailable())


async def test_who_has_said_where_it_was_is_believed():
    """A note of the driver's that names the address stays the only one."""
    error = ServiceUnavailable()
    error.add_note(f"{NAME}: Access denied")
    assert [f"{NAME}: Access denied"] == await failing(error)


MAKERS = [
    (lambda **key: Database("sqlite://:memory:", **key), DATABASE),
    (lambda **key: Redis("memory://", **key), REDIS),
]


@pytest.mark.parametrize(("make", "usual"), MAKERS)
async def test_two_under_one_key_are_refused(make, usual):
    """The second would take the place of the first, which is connected then and found by nobody."""
    app = App()
    app.plugin(make())
    app.plugin(make())
    with pytest.raises(StartupFailed, match=f"is kept as '{usual.name}' already, .* key of its own"):
        async with Client(app):
            pass


@pytest.mark.parametrize(("make", "usual"), MAKERS)
async def test_two_under_keys_of_their_own_are_both_there(make, usual):
    """And again after a restart: a start refuses nothing that the last one has left."""
    app, first, second = App(), make(), make(key=Key("reports"))
    app.plugin(first)
    app.plugin(second)
    for _ in range(2):
        async with Client(app):
            assert (first, second) == (app.peek(usual), app.peek("reports"))
