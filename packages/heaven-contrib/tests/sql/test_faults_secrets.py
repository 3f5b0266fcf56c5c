"""A password is in nothing that is shown, logged or raised, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest

from chaos_mysql import DRIVERS
from faults_app import make
from heaven_contrib.sql import Database
from heaven_contrib.sql.errors import DatabaseError
from heaven_testing import Client, LiveServer, StartupFailed
from heaven_testing.errors import ServerDidNotStart
from patience import PATIENT

CANARY = "tweety-7c2f"


@pytest.fixture
def canary_url(mysql_url, mysql_server):
    """`canary_url("aiomysql")`: the URL of a user whose password is the canary."""
    mysql_server.execute(f"CREATE OR REPLACE USER canary@'127.0.0.1' IDENTIFIED BY '{CANARY}'")
    mysql_server.execute("GRANT ALL ON *.* TO canary@'127.0.0.1'")
    yield lambda *driver, **options: mysql_url(*driver, **options).replace("//root@", f"//canary:{CANARY}@")
    mysql_server.heal()
    mysql_server.execute("DROP USER canary@'127.0.0.1'")


async def shown(url, server, caplog) -> str:
    """Everything that can be seen of a database in use, and of everything that fails."""
    caplog.set_level(logging.DEBUG)
    database = Database(url)
    seen = [repr(database), repr(database.settings), str(database.settings), database.settings.safe_url]
    seen += [f"{value!r} {value}" for value in (database._driver, database.begin, database.settings.password)]

    async def fails(call) -> None:
        try:
            await call
        except DatabaseError as error:
            seen.append("".join(traceback.format_exception(error)) + repr(error) + str(vars(error)))

    await database.connect()
    await fails(database.execute("NONSENSE"))
    await fails(database.fetch_value("SELECT SLEEP(60)", timeout=0.1))
    server.execute("ALTER USER canary@'127.0.0.1' IDENTIFIED BY 'another'")
    await fails(asyncio.wait_for(_two_at_once(database), PATIENT))
    server.stop()
    await fails(database.execute("SELECT 1"))
    seen.append(repr(database) + repr(database.statistics))
    await database.disconnect()
    await fails(Database(url + "&start_timeout=0").connect())
    assert len(seen) > 10
    return "\n".join(seen) + caplog.text


async def _two_at_once(database: Database) -> None:
    """Which needs a new connection, with a password that is not good any more."""
    async with database.transaction() as tx:
        await tx.fetch_value("SELECT 1")
        await database.fetch_value("SELECT 1")


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_password_is_nowhere_to_be_seen(driver, canary_url, mysql_server, caplog):
    """Not in a repr, a log at level DEBUG, a message or a traceback."""
    text = await shown(canary_url(driver), mysql_server, caplog)

    assert "Access denied" in text
    assert CANARY not in text


async def test_a_password_that_is_shown_is_found(canary_url, mysql_server, caplog, monkeypatch):
    """The check above fails where the URL is in the repr."""
    monkeypatch.setattr(Database, "__repr__", lambda self: f"<Database {self.settings.password.reveal()}>")

    assert CANARY in await shown(canary_url(), mysql_server, caplog)


async def test_a_startup_that_fails_shows_no_password(canary_url, mysql_server):
    """Not to the server's log, and not to who runs the application in a test."""
    url = canary_url(start_timeout=0.3)
    mysql_server.stop()
    with pytest.raises(StartupFailed) as failure:
        async with Client(make(url)):
            pass
    with pytest.raises(ServerDidNotStart) as printed:
        with LiveServer("faults_app:make()", env={"DATABASE_URL": url}):
            pass
    text = "".join(traceback.format_exception(failure.value)) + str(printed.value)

    assert "can't be used yet" in text
    assert CANARY not in text
