"""SQLAlchemy for those who want it: its AsyncEngine and sessions, with the life and the URLs of the other batteries."""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any, Final

from heaven import SHUTDOWN, STARTUP, App, Context, Key, Request, Response
from heaven.errors import RegistrationError
from heaven_contrib.errors import missing_extra
from heaven_contrib.sql.drivers.choosing import driver_for
from heaven_contrib.sql.drivers.connection import Credentials
from heaven_contrib.sql.errors import ConnectionFailed
from heaven_contrib.sql.urls import MEMORY, Settings, parse
from heaven_contrib.starting import until_it_answers

try:
    from sqlalchemy import event, text
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError, InvalidRequestError, SQLAlchemyError
    from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
except ImportError:
    raise missing_extra("heaven_contrib.sql.sqlalchemy", "sqlalchemy") from None

SESSION: Final[Key[AsyncSession]] = Key("sqlalchemy session")
"""The session of a request that `begin` covers; `begin.key` where the battery has another key."""

SQLALCHEMY: Final[Key[SQLAlchemy]] = Key("sqlalchemy")
"""What `SQLAlchemy` is kept under, where it is told nothing else."""

START_TIMEOUT: Final = 30.0
"""Seconds that the database has to come up, where the URL is SQLAlchemy's own and can't say so."""

ASK_TIMEOUT: Final = 5.0
"""Seconds that it has for one sign of life meanwhile."""


class SQLAlchemy:
    """A battery: SQLAlchemy's AsyncEngine and sessions, connected at startup and disposed of at shutdown.

    Args:
        url: what `Database` takes, options included (`sqlite:///shop.db`, `mysql://user:pw@host/shop?pool_size=20`), or
            a URL of SQLAlchemy's own with an async driver in it (`postgresql+asyncpg://...`).
        credentials: gives `(user, password)` for each new connection in place of those of a mysql:// URL.
        key: what it is kept under in the application's store.
        **options: passed on to `sqlalchemy.ext.asyncio.create_async_engine`, before what the URL says.

    Raises:
        RegistrationError: the URL can't be used.
        ImportError: the driver is not installed.

    Example:
        >>> async def count():
        ...     alchemy = SQLAlchemy("sqlite://:memory:")
        ...     await alchemy.connect()
        ...     async with alchemy.session() as session:
        ...         answer = await session.scalar(text("SELECT 6 * 7"))
        ...     await alchemy.disconnect()
        ...     return answer
        >>> asyncio.run(count())
        42
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        key: Key[SQLAlchemy] = SQLALCHEMY,
        **options: Any,
    ) -> None:
        settings = None if "+" in url.partition("://")[0] else parse(url)
        self.engine: AsyncEngine = _engine(url, settings, credentials, options)
        self.begin: Begin = Begin(self, SESSION if key is SQLALCHEMY else Key(f"{key.name} session"))
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)
        self._start_timeout = settings.start_timeout if settings else START_TIMEOUT
        self._key = key

    def __repr__(self) -> str:
        url = self.engine.url
        place = url.database or "" if url.host is None else f"{url.host}:{url.port}/{url.database}"
        return f"SQLAlchemy({url.drivername}://{place})"

    def session(self) -> AsyncSession:
        """A session, to be used as `async with alchemy.session() as session:`; what is not committed is rolled back."""
        return self._sessions()

    def install(self, app: App) -> None:
        """Connect when the application starts, be there under the key, and disconnect when it stops."""

        async def start(app: App) -> None:
            await self.connect()
            app.keep(self._key, self)

        async def stop(app: App) -> None:
            app.unkeep(self._key, None)
            await self.disconnect()

        app.ON(STARTUP, start)
        app.ON(SHUTDOWN, stop)

    async def connect(self) -> None:
        """Wait until the database answers, trying again with growing pauses.

        Raises:
            ConnectionFailed: it did not by the deadline, `start_timeout` in the URL (30 s).
        """
        try:
            await until_it_answers(self._ask, repr(self), self._start_timeout)
        except BaseException:
            await self.disconnect()
            raise

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(ASK_TIMEOUT), self.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (OSError, SQLAlchemyError, ConnectionFailed) as error:
            raise ConnectionFailed("The database can't be reached.") from error

    async def disconnect(self) -> None:
        """Close every connection; it can be connected again afterwards."""
        await self.engine.dispose()


class Begin:
    """The hook `alchemy.begin`: one session a request, committed before the response is sent.

    `app.BEFORE("/orders/*", alchemy.begin)` covers requests, and `ctx.peek(SESSION)` is the session there, or
    `ctx.peek(alchemy.begin.key)` where the battery has another key. It connects with the first statement. What it did
    is kept when the handler went well and answers with less than 400, and undone otherwise; when it can't be committed,
    the response is a 500.
    """

    def __init__(self, alchemy: SQLAlchemy, key: Key[AsyncSession]) -> None:
        self._alchemy = alchemy
        self.key: Final[Key[AsyncSession]] = key

    def __repr__(self) -> str:
        return f"<begin of {self._alchemy!r}>"

    async def __call__(self, req: Request, res: Response, ctx: Context) -> None:  # noqa: ARG002 - a hook has them
        """Open the session; a WebSocket gets none, since it would stay open as long as that does."""
        if req.scope["type"] == "http":
            ctx.keep(self.key, self._alchemy.session())

    async def after(self, req: Request, res: Response, ctx: Context) -> None:  # noqa: ARG002 - a hook has them
        """Commit or roll back, and close it."""
        session = ctx.unkeep(self.key, None)
        if session is None:
            return
        async with session:
            if res.outcome != "ok" or res.status >= 400:
                return
            try:
                await session.commit()
            except BaseException:
                # SQLite leaves the transaction open when it refuses a COMMIT, and closing the session does not end it.
                await session.rollback()
                raise


def _engine(
    url: str, settings: Settings | None, credentials: Credentials | None, options: dict[str, Any]
) -> AsyncEngine:
    target, defaults = (_own(url), {}) if settings is None else _translated(settings, credentials)
    try:
        engine = create_async_engine(target, **{"pool_pre_ping": True, **defaults, **options})
    except ModuleNotFoundError as error:
        raise ImportError(f"SQLAlchemy's {target.drivername} needs a library that is not installed: {error}") from error
    except (ArgumentError, InvalidRequestError, TypeError) as error:
        raise RegistrationError(f"SQLAlchemy can't use {target.drivername}: {error}") from error
    if settings is not None and settings.scheme == "sqlite":
        event.listen(engine.sync_engine, "connect", _with_foreign_keys)
    return engine


def _own(url: str) -> URL:
    """SQLAlchemy's own reading of a URL; the error does without the URL, which may hold a password."""
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise RegistrationError(
            "SQLAlchemy can't read this URL; write dialect+driver://user:password@host:port/database, with what is "
            "special in user and password percent-encoded"
        ) from None


def _translated(settings: Settings, credentials: Credentials | None) -> tuple[URL, dict[str, Any]]:
    """SQLAlchemy's URL for one of ours, and the options that make its engine behave as ours do."""
    if settings.scheme == "sqlite":
        options: dict[str, Any] = {"connect_args": {"timeout": settings.busy_timeout}}
        pooled = {} if settings.path == MEMORY else _pooled(settings)
        return URL.create("sqlite+aiosqlite", database=settings.path), options | pooled
    url = URL.create(f"mysql+{settings.driver}", host=settings.host, port=settings.port, database=settings.database)
    driver = driver_for(settings, credentials)

    async def connect() -> Any:
        """Ours, whose handshake gives no password away; with what SQLAlchemy expects of transactions and values."""
        async with asyncio.timeout(settings.acquire_timeout):
            connection = await driver.connect()
            raw = connection.raw
            try:
                await raw.autocommit(False)  # noqa: FBT003 - the driver's
            except BaseException:
                connection.abandon()
                raise
        if settings.driver == "aiomysql":
            raw.decoders = import_module("pymysql.converters").decoders
        else:
            raw._decoders = import_module("asyncmy.converters").conversions  # noqa: SLF001 - has no other name
        return raw

    return url, {"async_creator": connect} | _pooled(settings)


def _pooled(settings: Settings) -> dict[str, Any]:
    return {
        "pool_size": settings.pool_size,
        "max_overflow": 0,
        "pool_timeout": settings.acquire_timeout,
        "pool_recycle": settings.recycle,
        "pool_use_lifo": True,
    }


def _with_foreign_keys(connection: Any, _: Any) -> None:
    """SQLite checks them only where it is told to, on every connection."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
