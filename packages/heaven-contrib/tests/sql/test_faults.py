"""What the SQL battery promises when MySQL or its users fail; each promise with a variant that breaks it."""

from __future__ import annotations

import asyncio
import math
import random
from contextlib import suppress

import pytest

import chaos_mysql
import chaos_mysql_requests
import chaos_mysql_users
from chaos_mysql import (
    DRIVERS,
    broken_off,
    commit_unanswered,
    cut_before_commit,
    frozen,
    idle_when_killed,
    idle_when_restarted,
    killed,
    late,
    recycled,
    restarted,
)
from chaos_mysql_users import replies, sessions, starved, transfers
from heaven_contrib.sql.drivers import mysql
from heaven_contrib.sql.drivers.mysql import MySQLConnection
from heaven_contrib.sql.errors import ConnectionLost, DatabaseError, LostOutcome
from heaven_contrib.sql.pool import Pool
from heaven_contrib.sql.queries import Queries
from heaven_contrib.sql.transaction import Transaction

COM_QUERY = 0x03

SCENARIOS = chaos_mysql.SCENARIOS | chaos_mysql_requests.SCENARIOS | chaos_mysql_users.SCENARIOS


def flawless(outcome) -> bool:
    """Whether it came back, and nobody lost anything or got what was somebody else's."""
    return outcome.recovered and (outcome.lost, outcome.crossed) == (0, 0)


async def finds(scenario, server, *, repeats=8, driver="aiomysql", **options) -> bool:
    """Whether a scenario is not flawless at one of some moments, as it has to be for a broken variant."""
    for seed in range(repeats):
        if not flawless(await scenario(random.Random(seed), server, driver, **options)):
            return True
    return False


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("fault", SCENARIOS)
async def test_it_comes_through(fault, driver, mysql_server):
    """A fault at any moment loses nothing that was acknowledged, crosses no answers, and is over when its cause is."""
    assert flawless(await SCENARIOS[fault](random.Random(), mysql_server, driver))


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_thousand_cancelled_transfers_keep_the_sum(driver, mysql_server):
    """Users who leave at any moment of a transfer leave the sum of balances as it was, and no transaction open."""
    assert flawless(await transfers(random.Random(), mysql_server, driver, cancels=1000))


# Controls: the same checks, where something is broken on purpose.


@pytest.fixture
def impatient(monkeypatch):
    """What is broken does not come back; a second is enough to see that."""
    monkeypatch.setattr(chaos_mysql, "PATIENCE", 1.0)
    monkeypatch.setattr(chaos_mysql_users, "PATIENCE", 1.0)


@pytest.fixture
def retrying(monkeypatch):
    """Broken: a statement whose answer was lost is sent again."""
    execute = Queries.execute

    async def again(self, sql, values=None, *, timeout=None):
        try:
            return await execute(self, sql, values, timeout=timeout)
        except LostOutcome:
            return await execute(self, sql, values, timeout=timeout)

    monkeypatch.setattr(Queries, "execute", again)


@pytest.fixture
def blind(monkeypatch):
    """Broken: nobody looks whether a connection is still there."""
    monkeypatch.setattr(MySQLConnection, "usable", property(lambda self: True))


@pytest.fixture
def careless(monkeypatch):
    """Broken: the pool gives connections to the next user as they are."""
    monkeypatch.setattr(Pool, "release", lambda self, connection: self._offer(self._lent.pop(connection)))


async def test_a_server_that_forgets_is_found(mysql_server):
    """Writes are missed when the server acknowledges them and never brings them to its disk."""
    # Not innodb_flush_log_at_trx_commit=0: where the log is mapped into memory, as in /dev/shm, a kill loses none of it.
    assert await finds(killed, mysql_server, repeats=1, engine="MEMORY")


async def test_an_answer_before_the_commit_is_found(monkeypatch, mysql_server):
    """An order is missed that was answered with 201 and committed afterwards."""
    end, ends = Transaction.end, set()

    async def later(self, *, keep):
        if keep and self._connection is not None:
            ends.add(asyncio.get_running_loop().create_task(_ended(end(self, keep=keep))))
        else:
            await end(self, keep=keep)

    monkeypatch.setattr(Transaction, "end", later)
    assert await finds(chaos_mysql_requests.killed, mysql_server)


async def _ended(end) -> None:
    with suppress(DatabaseError):
        await end


async def test_writing_twice_is_found_when_connections_break(retrying, mysql_server):
    """A write that is repeated after its connection broke is counted as wrong."""
    assert await finds(broken_off, mysql_server, repeats=20)


async def test_writing_twice_is_found_when_the_answer_is_lost(retrying, mysql_server):
    """A write that is repeated after its answer was lost is counted as wrong."""
    assert await finds(commit_unanswered, mysql_server)


@pytest.mark.parametrize("scenario", [restarted, idle_when_restarted, idle_when_killed])
async def test_lending_dead_connections_is_found(scenario, blind, impatient, mysql_server):
    """A pool that does not look at its connections fails after a restart and after KILL."""
    assert await finds(scenario, mysql_server, repeats=3)


async def test_closing_connections_that_are_in_use_is_found(monkeypatch, mysql_server):
    """Users notice when a connection is closed for its age while they have it."""
    offer = Pool._offer

    def hasty(self, slot):
        if asyncio.get_running_loop().time() >= slot.retire_at:
            slot.retire_at = math.inf
            asyncio.get_running_loop().call_later(0.0005, slot.connection.abandon)
        offer(self, slot)

    monkeypatch.setattr(Pool, "_offer", hasty)
    assert await finds(recycled, mysql_server)


async def test_writing_without_a_transaction_is_found(monkeypatch, mysql_server):
    """What is written before a break is there, unless there was a transaction to roll back."""

    async def begin(self, isolation=None, *, read_only=False):
        pass

    monkeypatch.setattr(MySQLConnection, "begin", begin)
    monkeypatch.setattr(MySQLConnection, "in_transaction", property(lambda self: True))
    assert await finds(cut_before_commit, mysql_server, repeats=1)


async def test_waiting_without_a_deadline_is_found(impatient, mysql_server):
    """Calls that wait for as long as the server stands still are late."""
    assert await finds(frozen, mysql_server, repeats=1, timeout=60, acquire_timeout=60)


async def test_starting_without_patience_is_found(mysql_server):
    """An application that asks once does not start before its database."""
    assert await finds(late, mysql_server, repeats=1, start_timeout=0)


async def test_keeping_what_was_cancelled_is_found(monkeypatch, mysql_server):
    """The sum of balances is wrong when half a transfer is committed."""
    monkeypatch.setattr(MySQLConnection, "rollback", MySQLConnection.commit)
    seed = 0
    while not (await transfers(random.Random(seed), mysql_server, "aiomysql", cancels=200)).lost:
        seed += 1
        assert seed < 60


@pytest.mark.parametrize("driver", DRIVERS)
async def test_reading_the_answer_to_another_question_is_found(
    driver, blind, careless, impatient, monkeypatch, mysql_server
):
    """Answers go to the wrong caller when a connection is used again whose answer nobody has read."""

    async def send(self, statement):
        try:
            await self.raw._execute_command(COM_QUERY, statement)
            await asyncio.sleep(0.05)  # most are cancelled here
            await self.raw._read_query_result()
        except Exception as error:
            raise ConnectionLost("both drivers see some of it by themselves") from error
        return mysql._of(self.raw._result)

    monkeypatch.setattr(MySQLConnection, "_send", send)
    seed = 0
    while not (await replies(random.Random(seed), mysql_server, driver)).crossed:
        seed += 1
        assert seed < 60


async def test_a_pool_that_loses_connections_is_found(impatient, monkeypatch, mysql_server):
    """Callers wait in vain when those who are cancelled keep what they were given."""
    wait = Pool._wait

    async def forgetful(self, loop, now):
        release, self.release = self.release, lambda connection: None
        try:
            return await wait(self, loop, now)
        finally:
            self.release = release

    monkeypatch.setattr(Pool, "_wait", forgetful)
    assert await finds(starved, mysql_server, acquire_timeout=0.3)


async def test_a_session_that_is_not_reset_is_found(careless, impatient, mysql_server):
    """The next user sees what the last one has changed."""
    assert await finds(sessions, mysql_server, repeats=1)
