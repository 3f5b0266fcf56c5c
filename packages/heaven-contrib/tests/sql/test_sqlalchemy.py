from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import uuid
from datetime import datetime
from decimal import Decimal

import pytest
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.dialects.mysql import BIT, DATETIME
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from heaven import App, Key
from heaven.errors import RegistrationError
from heaven_contrib.sql.errors import ConnectionFailed
from heaven_contrib.sql.sqlalchemy import SESSION, SQLALCHEMY, SQLAlchemy
from heaven_testing import Client
from patience import PATIENT


class Base(DeclarativeBase):
    pass


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(sqlalchemy.String(20))


@pytest.fixture(params=["sqlite", "memory", "aiomysql", "asyncmy", "own url"])
def url(request, tmp_path):
    """A URL of an empty database: each that `Database` takes, and one of SQLAlchemy's own."""
    if request.param == "memory":
        return "sqlite://:memory:"
    if request.param == "own url":
        return f"sqlite+aiosqlite:///{tmp_path}/own.db"
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/notes.db?pool_size=3&busy_timeout={PATIENT}"
    server = request.getfixturevalue("mysql_server")
    database = f"alchemy_{uuid.uuid4().hex[:12]}"
    server.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
    return f"mysql://root@{server.host}:{server.port}/{database}?driver={request.param}&acquire_timeout={PATIENT}"


@contextlib.asynccontextmanager
async def with_tables(url, **options):
    """The battery, connected, with its table made."""
    alchemy = SQLAlchemy(url, **options)
    await alchemy.connect()
    try:
        async with alchemy.engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield alchemy
    finally:
        await alchemy.disconnect()


async def titles(alchemy):
    """What is in the table, seen from a session of its own."""
    async with alchemy.session() as session:
        return list(await session.scalars(sqlalchemy.select(Note.title).order_by(Note.id)))


async def test_sessions_keep_what_they_commit_and_nothing_else(url) -> None:
    """A session that is left without a commit has changed nothing; text comes back as it went, emoji as well."""
    async with with_tables(url) as alchemy:
        async with alchemy.session() as session:
            session.add(Note(title="Grüße 🎀"))
            await session.commit()
        async with alchemy.session() as session:
            session.add(Note(title="forgotten"))
            await session.flush()
        assert ["Grüße 🎀"] == await titles(alchemy)


async def test_it_lives_as_long_as_the_application(url) -> None:
    """It is kept from startup to shutdown, and no connection is left then; a second start works as the first."""
    app = App()
    alchemy = SQLAlchemy(url)
    app.plugin(alchemy)

    async def answer(req, res, ctx):
        async with req.app.peek(SQLALCHEMY).session() as session:
            return str(await session.scalar(text("SELECT 6 * 7")))

    app.GET("/", answer)
    for _ in range(2):
        async with Client(app) as client:
            assert "42" == (await client.get("/")).text
            assert alchemy is app.peek(SQLALCHEMY)
        assert app.peek(SQLALCHEMY) is None
    assert "0" == str(getattr(alchemy.engine.pool, "checkedin", lambda: 0)())


def notes_app(alchemy, hook=None):
    """POST /notes/:title adds a note in the request's session, and then goes wrong in the way that is asked for."""
    app = App()
    app.plugin(alchemy)

    async def add(req, res, ctx):
        session = ctx.peek(SESSION)
        session.add(Note(title=req.params["title"]))
        await session.flush()
        match req.queries.get("then"):
            case "raise":
                raise OSError("the disk is full")
            case "abort":
                res.abort({"stopped": True}, 200)
            case "refuse":
                res.status = 409
        return {"added": req.params["title"]}

    app.BEFORE("/notes/*", hook or alchemy.begin)
    app.POST("/notes/:title", add)
    app.POST("/other", lambda req, res, ctx: {"session": ctx.peek(SESSION) is not None})
    return app


@pytest.mark.parametrize(("then", "status"), [("raise", 500), ("abort", 200), ("refuse", 409)])
async def test_begin_commits_what_went_well_and_undoes_the_rest(url, then, status) -> None:
    """One session a request: a handler that fails, aborts or answers with 400 and more has changed nothing."""
    async with with_tables(url) as alchemy:
        async with Client(notes_app(alchemy), raise_app_exceptions=False) as client:
            assert 200 == (await client.post("/notes/kept")).status_code
            assert status == (await client.post(f"/notes/undone?then={then}")).status_code
            assert {"session": False} == (await client.post("/other")).json()
            assert ["kept"] == await titles(alchemy)


async def test_two_batteries_have_two_sessions(tmp_path) -> None:
    """Each under a key of its own, and what was done in either is kept."""
    app = App()
    async with contextlib.AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(with_tables(f"sqlite:///{tmp_path}/{name}.db", key=Key(name)))
            for name in ("first", "second")
        ]

        async def add(req, res, ctx):
            for alchemy in (first, second):
                ctx.peek(alchemy.begin.key).add(Note(title=alchemy.begin.key.name))

        for alchemy in (first, second):
            app.BEFORE("/*", alchemy.begin)
        app.POST("/", add)
        async with Client(app) as client:
            assert 200 == (await client.post("/")).status_code
        assert [[each.begin.key.name] for each in (first, second)] == [await titles(each) for each in (first, second)]


DEFERRED = [
    "CREATE TABLE authors (id INTEGER PRIMARY KEY)",
    "CREATE TABLE papers (author INTEGER REFERENCES authors DEFERRABLE INITIALLY DEFERRED)",
]


class Later:
    """What must not be: a hook that commits when the response is on its way."""

    def __init__(self, alchemy):
        self.alchemy = alchemy

    async def __call__(self, req, res, ctx):
        session = self.alchemy.session()
        ctx.keep(SESSION, session)

        async def commit():
            async with session:
                await session.commit()

        res.defer(commit)


@pytest.mark.parametrize(("variant", "status"), [("begin", 500), ("control: commits after the response", 200)])
async def test_a_commit_that_fails_is_no_success(tmp_path, variant, status) -> None:
    """What the database refuses at COMMIT is a 500, since the response waits for it."""
    alchemy = SQLAlchemy(f"sqlite:///{tmp_path}/papers.db")
    async with alchemy.engine.begin() as connection:
        for statement in DEFERRED:
            await connection.execute(text(statement))
    app = App()
    app.plugin(alchemy)

    async def add(req, res, ctx):
        await ctx.peek(SESSION).execute(text("INSERT INTO papers VALUES (7)"))
        return {"added": True}

    app.BEFORE("/papers", alchemy.begin if variant == "begin" else Later(alchemy))
    app.POST("/papers", add)
    async with Client(app, raise_app_exceptions=False) as client:
        with contextlib.suppress(sqlalchemy.exc.IntegrityError, ExceptionGroup):
            response = await client.post("/papers")
            await client.settled()
    with contextlib.closing(sqlite3.connect(tmp_path / "papers.db")) as file:
        assert [(0,)] == file.execute("SELECT count(*) FROM papers").fetchall()
    assert status == response.status_code


@pytest.mark.parametrize("driver", ["aiomysql", "asyncmy"])
async def test_mysql_is_strict_and_speaks_utc(mysql_server, driver) -> None:
    """As with `Database`: a value that is too long is an error, and the session's time is UTC."""
    alchemy = SQLAlchemy(f"{mysql_server.url}?driver={driver}&acquire_timeout={PATIENT}")
    async with alchemy.session() as session:
        await session.execute(text("CREATE TEMPORARY TABLE short (x VARCHAR(3))"))
        with pytest.raises(sqlalchemy.exc.DataError):
            await session.execute(text("INSERT INTO short VALUES ('four')"))
        assert 0 == await session.scalar(text("SELECT timestampdiff(MINUTE, utc_timestamp(), now())"))
    await alchemy.disconnect()


@pytest.mark.parametrize("driver", ["aiomysql", "asyncmy"])
async def test_values_are_those_of_sqlalchemy(mysql_server, driver) -> None:
    """A DATETIME has no time zone, as everywhere in SQLAlchemy, and its own types find what they decode."""
    alchemy = SQLAlchemy(f"{mysql_server.url}?driver={driver}&acquire_timeout={PATIENT}")
    metadata = sqlalchemy.MetaData()
    values = {
        "at": datetime.fromisoformat("2026-02-03 04:05:06"),
        "bits": 5,
        "price": Decimal("1.50"),
        "more": {"a": [1]},
    }
    types = [DATETIME, BIT(9), sqlalchemy.Numeric(5, 2), sqlalchemy.JSON]
    columns = [sqlalchemy.Column(name, kind) for name, kind in zip(values, types, strict=True)]
    table = sqlalchemy.Table("kinds", metadata, *columns, prefixes=["TEMPORARY"])
    async with alchemy.engine.connect() as connection:
        await connection.run_sync(metadata.create_all, checkfirst=False)
        await connection.execute(table.insert().values(values))
        (row,) = await connection.execute(table.select())
    await alchemy.disconnect()
    assert values == row._asdict()


async def test_credentials_are_asked_for_with_each_connection(mysql_server) -> None:
    """So that a password can change while the application runs."""
    asked = []

    async def credentials():
        asked.append("asked")
        return mysql_server.user, mysql_server.password

    url = f"mysql://nobody:wrong@127.0.0.1:{mysql_server.port}/{mysql_server.database}"
    alchemy = SQLAlchemy(url, credentials=credentials)
    for _ in range(2):
        await alchemy.connect()
        await alchemy.disconnect()
    assert 2 == len(asked)


# A server's greeting: version, thread, salt, capabilities without TLS (0x0800 of 0xffff), charset, status, more salt.
GREETING = (
    b"\x0a8.0.0\0" + bytes(4) + b"saltsalt\0" + b"\xff\xf7\x21\x02\0\x08\0\x15" + bytes(10)
    + b"saltsaltsalt\0mysql_native_password\0"
)  # fmt: skip


@pytest.mark.parametrize("driver", ["aiomysql", "asyncmy"])
async def test_a_server_without_tls_hears_nothing_where_tls_is_asked_for(driver) -> None:
    """With ssl=verify not even the user is named; the control, without it, gets user and password's proof."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader, writer):
        writer.write(len(GREETING).to_bytes(3, "little") + b"\0" + GREETING)
        try:
            await heard.put(await reader.read(1000))
        except ConnectionError:
            await heard.put(b"")
        writer.close()

    async with asyncio.timeout(2 * PATIENT), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        place = f"mysql://canary:secret@127.0.0.1:{server.sockets[0].getsockname()[1]}/x?start_timeout=0&acquire_timeout={PATIENT}&driver={driver}"
        for url, expected in ((f"{place}&ssl=verify", False), (place, True)):
            with pytest.raises(ConnectionFailed):
                await SQLAlchemy(url).connect()
            assert expected == (b"canary" in await heard.get())


async def test_the_start_waits_for_the_database(mysql_server) -> None:
    """A database that comes up a moment later is no failure."""
    mysql_server.kill()
    alchemy = SQLAlchemy(f"{mysql_server.url}?start_timeout=60")
    waiting = asyncio.create_task(alchemy.connect())
    await asyncio.to_thread(mysql_server.restart)
    await waiting
    await alchemy.disconnect()


async def test_a_database_that_never_comes_fails_the_start_without_its_password() -> None:
    """The start fails by the deadline; neither the error nor the repr holds the password."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        alchemy = SQLAlchemy(f"mysql://shop:canary@127.0.0.1:{nobody.getsockname()[1]}/shop?start_timeout=0.5")
        with pytest.raises(ConnectionFailed, match="The database can't be reached") as failed:
            async with asyncio.timeout(20):
                await alchemy.connect()
    assert "canary" not in f"{failed.value} {failed.value.__cause__} {alchemy!r} {alchemy.begin!r}"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///x.db?pool=3", "has the option 'pool', which sqlite does not have"),
        ("sqlite+aio sqlite//canary", "SQLAlchemy can't read this URL"),
        ("nothing+nowhere://user:canary@host/db", "SQLAlchemy can't use nothing"),
        ("mysql+pymysql://user:canary@host/db", "SQLAlchemy can't use mysql"),
    ],
)
def test_urls_that_can_not_work_are_refused_without_their_password(url, message) -> None:
    """What is wrong is said when the battery is made."""
    with pytest.raises(RegistrationError, match=message) as refused:
        SQLAlchemy(url)
    assert "canary" not in str(refused.value)


def test_a_driver_that_is_missing_is_named() -> None:
    """The error says what to install."""
    with pytest.raises(ImportError, match=r"mysql\+aiomysql|postgresql\+asyncpg"):
        SQLAlchemy("postgresql+asyncpg://user:pw@host/db")


def test_options_of_the_engine_come_before_those_of_the_url(tmp_path) -> None:
    """What `create_async_engine` takes can be given by name, and a wrong one is refused."""
    alchemy = SQLAlchemy(f"sqlite:///{tmp_path}/x.db?pool_size=3", pool_size=2)
    assert 2 == alchemy.engine.pool.size()
    with pytest.raises(RegistrationError, match="pool_sizes"):
        SQLAlchemy("sqlite:///x.db", pool_sizes=2)
