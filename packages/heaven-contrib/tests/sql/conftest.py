"""Every kind of database that the SQL battery speaks to; a test that asks for `db` runs on all of them."""

from __future__ import annotations

import itertools
from contextlib import suppress
from pathlib import Path

import pytest

from heaven_contrib.sql import Database
from patience import PATIENT

KINDS = ("sqlite", "memory", "aiomysql", "asyncmy")

_numbers = itertools.count(1)


@pytest.fixture
def mysql_url(request):
    """`mysql_url("asyncmy", pool_size=2)`: an empty database of its own on the real server."""

    def make(driver="aiomysql", **options):
        server = request.getfixturevalue("mysql_server")
        name = f"heaven_{next(_numbers)}"
        server.execute(f"CREATE DATABASE {name}")
        request.addfinalizer(lambda: drop(server, name))
        given = {"driver": driver, "acquire_timeout": PATIENT, **options}
        query = "&".join(f"{option}={value}" for option, value in given.items())
        return f"mysql://{server.user}@{server.host}:{server.port}/{name}?{query}"

    return make


def drop(server, name):
    """Drop a database, and first end what was left to run in it: it would be waited for."""
    for (number,) in server.execute(f"SELECT id FROM information_schema.processlist WHERE db = '{name}'"):
        with suppress(RuntimeError):  # it has ended by itself
            server.execute(f"KILL {number}")
    server.execute(f"DROP DATABASE {name}")


@pytest.fixture
def database_url(request, tmp_path, mysql_url):
    """`database_url("sqlite", pool_size=2)`: an empty database of one of the KINDS, with options."""

    def make(kind, **options):
        if kind in ("aiomysql", "asyncmy"):
            return mysql_url(kind, **options)
        query = "&".join(f"{option}={value}" for option, value in {"acquire_timeout": PATIENT, **options}.items())
        place = "sqlite://:memory:" if kind == "memory" else f"sqlite:///{Path(tmp_path) / 'test.db'}"
        return f"{place}?{query}"

    return make


@pytest.fixture(params=KINDS)
def kind(request):
    """Each of the KINDS in turn."""
    return request.param


@pytest.fixture
async def db(kind, database_url):
    """A connected database with a table `notes`."""
    async with Database(database_url(kind, start_timeout=60, drain_timeout=5)) as database:
        key = "INTEGER PRIMARY KEY" if database.dialect == "sqlite" else "INT AUTO_INCREMENT PRIMARY KEY"
        await database.execute(f"CREATE TABLE notes (id {key}, text VARCHAR(200) UNIQUE, size INT)")
        yield database
