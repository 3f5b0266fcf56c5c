"""MySQL and MariaDB, by aiomysql or asyncmy: the connections of either, never their pools."""

from __future__ import annotations

import asyncio
import inspect
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from importlib import import_module
from types import ModuleType, TracebackType
from typing import Any, Final, Literal

from heaven.errors import RegistrationError
from heaven_contrib.errors import missing_extra
from heaven_contrib.sql.drivers.connection import Connection, Credentials, Driver, Isolation, Result
from heaven_contrib.sql.drivers.mysql_batches import batches
from heaven_contrib.sql.drivers.mysql_errors import CLOSES, connection_failure, refusal
from heaven_contrib.sql.errors import (
    ConnectionFailed,
    ConnectionLost,
    DatabaseError,
    SerializationFailure,
    StatementError,
)
from heaven_contrib.sql.urls import Settings

IN_TRANSACTION: Final = 1
"""The flag in the server's status that says that a transaction is open (SERVER_STATUS_IN_TRANS)."""

GOODBYE: Final = 1.0
"""Seconds that saying goodbye may take."""

BATCH_ROWS: Final = 500
BATCH_BYTES: Final = 64 * 1024
"""What `stream` gives at once: so many rows, or fewer when their text and bytes come to so much."""

TEXTS: Final = frozenset((15, 245, 249, 250, 251, 252, 253, 254, 255))
"""The types of columns whose values are text or bytes, of any length."""

YEN: Final = "\xa5"
"""Which Shift JIS and EUC-JP write as the backslash of ASCII."""

REST: Final = 0.1
"""Seconds that the rest of a query may take which nobody wants any more; what takes longer is hung up on."""


class MySQLConnection(Connection):
    """A connection to MySQL or MariaDB.

    `affected` counts the rows that a change has found, as SQLite does, not those whose values differ afterwards; or the
    rows that came. `last_id` is the id of the first row that an INSERT has made. A connection runs one statement at a
    time: several with semicolons between them are refused, so that nobody can smuggle in a second one.

    The session is in UTC. A datetime is written in UTC, one without a timezone is taken for UTC, and DATETIME and
    TIMESTAMP columns give datetimes in UTC; TIME gives a timedelta, BIT an int, JSON a str, DECIMAL a Decimal.
    """

    __slots__ = ("_driver", "between")

    def __init__(self, raw: Any, driver: MySQLDriver) -> None:
        super().__init__(raw)
        self._driver = driver
        self.between: bool = True
        """Whether the last statement's answer has come, all of it."""

    @property
    def usable(self) -> bool:
        return self.between and self.raw.quiet

    @property
    def in_transaction(self) -> bool:
        return bool(self.raw.server_status & IN_TRANSACTION)

    async def query(self, sql: str, values: Sequence[Any] = ()) -> Result:
        try:
            return await self._send(self._encoded(sql, values))
        except SerializationFailure:
            await self._give_up()
            raise

    async def _give_up(self) -> None:
        """End the transaction: a deadlock has ended it, a lock wait has not, and neither answer says so."""
        if self.in_transaction:
            with suppress(DatabaseError):
                await self._send(b"ROLLBACK")

    async def _send(self, statement: bytes) -> Result:
        raw = self.raw
        with _Answer(self):
            await raw.query(statement)
            result = raw.answer
            if result.has_next:
                await self._drop_more(result)
        return _of(result)

    async def _drop_more(self, result: Any) -> None:
        """A procedure answers several times, and its first answer counts."""
        raw = self.raw
        while not result.unbuffered_active and raw.answer.has_next:
            await raw.next_result()

    def _encoded(self, sql: str, values: Sequence[Any]) -> bytes:
        """The statement as it is sent. Strict: half a surrogate pair is never passed on as some other byte."""
        try:
            if values:
                escape = self.raw.escape
                sql %= tuple([escape(value) for value in values])
            return sql.encode(self._driver.encoding)
        except UnicodeEncodeError as error:
            raise StatementError(
                f"{error.object[error.start : error.end]!r} can't be sent as {error.encoding}"
            ) from None

    async def query_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> Result:
        statements = batches(sql, rows, self._encoded)
        if len(statements) == 1:
            return Result(affected=(await self._send(statements[0])).affected)
        around = ("SAVEPOINT heaven_many", "RELEASE SAVEPOINT heaven_many", "ROLLBACK TO SAVEPOINT heaven_many")
        begin, end, undo = around if self.in_transaction else ("START TRANSACTION", "COMMIT", "ROLLBACK")
        await self.query(begin)
        try:
            affected = sum([(await self._send(statement)).affected for statement in statements])
        except DatabaseError as error:
            if isinstance(error, SerializationFailure):
                await self._give_up()
            elif self.usable:
                await self.query(undo)
            raise
        await self.query(end)
        return Result(affected=affected)

    async def stream(self, sql: str, values: Sequence[Any] = ()) -> AsyncGenerator[Result, None]:
        raw = self.raw
        statement = self._encoded(sql, values)
        with _Answer(self):
            await raw.query(statement, unbuffered=True)
            result = raw.answer
            await self._drop_more(result)
        if not result.unbuffered_active:
            yield _of(result)
            return
        columns = tuple([column[0] for column in result.description])
        texts = [place for place, column in enumerate(result.description) if column[1] in TEXTS]
        try:
            while result.unbuffered_active:
                rows = await self._batch(result, texts)
                yield Result(columns, rows, len(rows))
        finally:
            if not self.between:
                await self._leave(result)

    async def _batch(self, result: Any, texts: Sequence[int]) -> list[tuple[Any, ...]]:
        """The next rows; the connection stays in the middle of its answer until the last ones came."""
        raw = self.raw
        rows: list[tuple[Any, ...]] = []
        size = 0
        with _Answer(self):
            while size < BATCH_BYTES and len(rows) < BATCH_ROWS:
                more = await raw.more_rows(BATCH_ROWS - len(rows))
                if not more:
                    break
                rows += more
                size += sum([len(row[place] or ()) for place in texts for row in more])
            await self._drop_more(result)
        self.between = not result.unbuffered_active
        return rows

    async def _leave(self, result: Any) -> None:
        """Read the rest of what nobody wants, since a query can't be called off; hang up if it is long."""
        try:
            async with asyncio.timeout(REST):
                await self._batch(result, ())
        except (DatabaseError, TimeoutError):
            pass
        if result.unbuffered_active:
            self.abandon()

    async def begin(self, isolation: Isolation | None = None, *, read_only: bool = False) -> None:
        # Two statements, and each waits for its answer: servers in between, as Aurora's, take no pipeline.
        if isolation is not None:
            await self.query(f"SET TRANSACTION ISOLATION LEVEL {isolation.upper()}")
        await self.query("START TRANSACTION READ ONLY" if read_only else "START TRANSACTION")

    async def check(self) -> None:
        with _Answer(self):
            await self.raw.ping(reconnect=False)

    async def reset(self) -> None:
        try:
            with _Answer(self):
                await self.raw.forget(self._driver.settings.database)
            await self.query(self._driver.session)
        except DatabaseError:
            self.abandon()
            raise
        self.tainted = False

    async def close(self) -> None:
        try:
            if self.usable:
                with suppress(TimeoutError, OSError, self._driver.refusal):
                    async with asyncio.timeout(GOODBYE):
                        await self.raw.ensure_closed()
        finally:
            self.abandon()

    def failed(self, error: Exception) -> DatabaseError:
        """What an exception of the driver's says; only after a refusal by the server the connection goes on."""
        failure = refusal(error, self._driver.refusal)
        if isinstance(failure, ConnectionLost) or failure.code == CLOSES:
            self.abandon()
        else:
            self.between = True
        return failure

    def abandon(self) -> None:
        self.between = False
        self.raw.close()


def _of(result: Any) -> Result:
    if result.description is None:
        return Result(affected=result.affected_rows, last_id=result.insert_id or None)
    rows = result.rows
    return Result(tuple([column[0] for column in result.description]), rows, len(rows))


class _Answer:
    """Around a statement and its answer: whatever ends it early, and is no refusal, ends the connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: MySQLConnection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.between = False

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self._connection.between = True
        elif isinstance(error, Exception):
            raise self._connection.failed(error) from error
        else:
            self._connection.abandon()


class MySQLDriver(Driver):
    """Makes connections to a MySQL or MariaDB server."""

    __slots__ = ("_context", "_credentials", "_module", "encoding", "refusal", "session", "settings")

    dialect: Literal["sqlite", "mysql"] = "mysql"

    def __init__(self, settings: Settings, credentials: Credentials | None = None) -> None:
        self.settings: Settings = settings
        self._credentials = credentials
        self._module = _library(settings.driver)
        try:
            self.encoding: str = self._module.encoding_of(settings.charset)
            lookalikes = YEN.encode(self.encoding, "ignore")
        except (LookupError, AttributeError):
            raise RegistrationError(
                f"{settings.driver} knows no charset {settings.charset!r}; leave it out for utf8mb4"
            ) from None
        if b"\\" in lookalikes:
            raise RegistrationError(
                f"the charset {settings.charset!r} makes a backslash of a yen sign, which can end a text in the middle "
                "of it; leave it out for utf8mb4"
            )
        self.refusal: type[Exception] = self._module.Refusal
        self._context = _tls(settings)
        # What strict means is MySQL's to say: TRADITIONAL refuses what does not fit instead of storing something else,
        # on all engines, zero dates and divisions by zero included. It is added, so that ANSI_QUOTES and the like stay.
        self.session: str = (
            f"SET NAMES {settings.charset}, autocommit=1, time_zone='+00:00', "
            "sql_mode=CONCAT(@@sql_mode, ',TRADITIONAL')"
        )
        """How a session begins: in one statement, since each is a round trip."""

    async def connect(self) -> Connection:
        settings = self.settings
        user, password = await self._login()
        raw = self._module.RawConnection(settings, user, password, self._context)
        try:
            await raw.greet()
            await raw.query(self.session.encode(self.encoding))
        except BaseException as error:
            raw.close()
            if isinstance(error, Exception):
                raise connection_failure(error, self.refusal, settings.safe_url) from error
            raise
        return MySQLConnection(raw, self)

    async def _login(self) -> tuple[str, str]:
        if self._credentials is None:
            return self.settings.user, self.settings.password.reveal()
        try:
            given = self._credentials()
            return await given if inspect.isawaitable(given) else given
        except Exception as error:
            raise ConnectionFailed("The database's credentials are not available.") from error


def _library(name: Literal["aiomysql", "asyncmy"]) -> ModuleType:
    """What connects by one of the drivers, which is imported only where it is asked for."""
    try:
        return import_module(f"heaven_contrib.sql.drivers._{name}")
    except ImportError as error:
        extra = "asyncmy" if name == "asyncmy" else "mysql"
        raise missing_extra(f"mysql:// URLs with driver={name}", extra) from error


def _tls(settings: Settings) -> ssl.SSLContext | None:
    if settings.ssl == "off":
        return None
    try:
        return ssl.create_default_context(cafile=settings.ssl_ca or None)
    except OSError as error:
        raise RegistrationError(f"ssl_ca={settings.ssl_ca} is no file with certificates: {error}") from None
