"""Database URLs: where a database is, and how to treat it; every part is checked before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from typing import Any, Final, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from heaven.errors import RegistrationError

MEMORY: Final = ":memory:"
"""The path of an SQLite database that lives in memory, as SQLite itself calls it."""

_SQLITE: Final = "sqlite:///orders.db (beside the process), sqlite:////var/lib/orders.db, or sqlite://:memory:"
_MYSQL: Final = "mysql://user:password@host:3306/database"


class Secret:
    """A password: whoever needs it says so, and it is not in any repr, log or traceback.

    Example:
        >>> secret = Secret("open sesame")
        >>> secret, secret.reveal()
        (Secret(***), 'open sesame')
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The password itself."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a database's URL says; times are in seconds.

    Each option is one of the URL's query: `mysql://.../shop?pool_size=20&ssl=verify`.
    """

    scheme: Literal["sqlite", "mysql"]
    path: str = ""
    host: str = ""
    port: int = 3306
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    database: str = ""

    pool_size: int = field(default=10, metadata={"above": 0})
    acquire_timeout: float = field(default=5.0, metadata={"above": 0})
    """Waiting for a connection, connecting, and the handshake together."""
    timeout: float = field(default=30.0, metadata={"above": 0})
    """One statement, where its call says nothing else."""
    recycle: float = field(default=1800.0, metadata={"above": 0})
    """The age at which a connection is replaced, give or take a tenth."""
    check_after: float = field(default=5.0, metadata={"from": 0})
    """How long a connection is idle before it is asked for a sign of life when it is taken."""
    start_timeout: float = field(default=30.0, metadata={"from": 0})
    """How long `connect` tries again while the database is not there."""
    drain_timeout: float = field(default=10.0, metadata={"from": 0})
    """How long `disconnect` waits for connections that are in use."""

    driver: Literal["aiomysql", "asyncmy"] = field(default="aiomysql", metadata={"only": "mysql"})
    charset: str = field(default="utf8mb4", metadata={"only": "mysql"})
    ssl: Literal["off", "verify"] = field(default="off", metadata={"only": "mysql"})
    """"verify": TLS with a certificate that is checked, or no connection at all."""
    ssl_ca: str = field(default="", metadata={"only": "mysql"})
    """A file with the authorities to trust, PEM; the system's without one."""

    busy_timeout: float = field(default=5.0, metadata={"only": "sqlite", "from": 0})
    """How long SQLite waits for another writer."""

    @property
    def safe_url(self) -> str:
        """The URL without user, password and options, for logs and messages."""
        if self.scheme == "sqlite":
            return f"sqlite://{self.path}" if self.path == MEMORY else f"sqlite:///{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mysql://{host}:{self.port}/{self.database}"


_CHOICES: Final = {"driver": ("aiomysql", "asyncmy"), "ssl": ("off", "verify")}
_OPTIONS: Final = {each.name: each for each in fields(Settings) if each.name not in
                   ("scheme", "path", "host", "port", "user", "password", "database")}  # fmt: skip


def parse(url: str) -> Settings:
    """Read a database's URL.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://:memory:` or
            `mysql://user:password@host:3306/database`, with options in the query; user and password
            percent-encoded (RFC 3986 2.1).

    Raises:
        RegistrationError: a part of it is wrong; the message shows that part, and never the password.

    Example:
        >>> parse("mysql://shop:secret@db.test/orders?pool_size=20").safe_url
        'mysql://db.test:3306/orders'
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(f"a database's URL is a str, not {type(url).__name__}; write {_MYSQL}")
    scheme, separator, rest = url.partition("://")
    if scheme == "sqlite" and separator:
        settings = _sqlite(rest)
    elif scheme == "mysql" and separator:
        settings = _mysql(url)
    else:
        shown = f"{scheme}://..." if separator else "no scheme"
        raise RegistrationError(
            f"a database's URL begins with sqlite:// or mysql://, and this one has {shown}; MariaDB's is mysql://, "
            "a driver is an option (mysql://...?driver=asyncmy), others go by heaven_contrib.sql.sqlalchemy"
        )
    return settings


def _sqlite(rest: str) -> Settings:
    place, _, query = rest.partition("?")
    if place == MEMORY or place.strip("/") == MEMORY:
        path = MEMORY
    elif place.startswith("/") and len(place) > 1:
        path = unquote(place[1:])
    else:
        raise RegistrationError(f"an SQLite URL has three slashes before its file, and got {place!r}: {_SQLITE}")
    return _with_options(Settings("sqlite", path=path), query)


def _mysql(url: str) -> Settings:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise RegistrationError(
            "the host and port of a MySQL URL can't be read (a port is a number up to 65535, brackets enclose IPv6); "
            f"write {_MYSQL}, with what is special in user and password percent-encoded"
        ) from None
    database = unquote(parts.path.removeprefix("/"))
    _check_mysql(parts, database)
    settings = Settings(
        "mysql",
        host=parts.hostname or "",
        port=port or 3306,
        user=unquote(parts.username or ""),
        password=Secret(unquote(parts.password or "")),
        database=database,
    )
    return _with_options(settings, parts.query)


def _check_mysql(parts: SplitResult, database: str) -> None:
    if not parts.hostname:
        raise RegistrationError(f"a MySQL URL names a host; write {_MYSQL}")
    if not database or "/" in database:
        raise RegistrationError(f"a MySQL URL names one database after the host; write {_MYSQL}")
    if parts.fragment:
        raise RegistrationError(
            "a MySQL URL has a '#' in it; write %23 where it belongs to the user, the password or the database"
        )


def _with_options(settings: Settings, query: str) -> Settings:
    given: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name in given:
            raise RegistrationError(f"the option {name!r} is in the database's URL twice")
        given[name] = _option(settings.scheme, name, text)
    if "ssl_ca" in given and given.get("ssl") != "verify":
        raise RegistrationError("ssl_ca says whom to trust and ssl=verify is missing; without it there is no TLS")
    return replace(settings, **given)


def _option(scheme: str, name: str, text: str) -> str | int | float:
    known = [each for each, option in _OPTIONS.items() if option.metadata.get("only", scheme) == scheme]
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise RegistrationError(f"the database's URL has the option {name!r}, which {scheme} does not have; {hint}")
    if name in _CHOICES and text not in _CHOICES[name]:
        raise RegistrationError(f"the option {name} is {' or '.join(_CHOICES[name])}, not {text!r}")
    option = _OPTIONS[name]
    kind: Any = type(option.default)  # pyright: ignore[reportUnknownVariableType]
    if kind is str:
        if not text:
            raise RegistrationError(f"the option {name} of the database's URL is empty; leave it out")
        return text
    return _number(name, text, kind, option.metadata)


def _number(name: str, text: str, kind: Any, limits: Any) -> int | float:
    lowest = limits.get("above", limits.get("from", 0))
    try:
        value: int | float = kind(text) if text.isascii() and "_" not in text else kind("")
    except ValueError:
        value = float("nan")
    if not (value > lowest or ("from" in limits and value == lowest)) or value == float("inf"):
        unit = "a whole number" if kind is int else "a number of seconds"
        bound = f"above {lowest}" if "above" in limits else f"{lowest} or more"
        raise RegistrationError(f"the option {name} of the database's URL is {unit}, {bound}, not {text!r}")
    return value
