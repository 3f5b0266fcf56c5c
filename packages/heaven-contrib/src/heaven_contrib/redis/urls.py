"""Redis URLs: where Redis is, and how to treat it; every part is checked before anything is opened."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, unquote

from heaven.errors import RegistrationError

Kind = Literal["memory", "server", "unix", "sentinel", "cluster"]

SCHEMES: Final[dict[str, tuple[Kind, bool]]] = {
    "memory": ("memory", False),
    "redis": ("server", False),
    "rediss": ("server", True),
    "unix": ("unix", False),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
}
"""What a URL may begin with: the kind of Redis, and whether TLS is spoken to it."""

_FORMS: Final[dict[Kind, str]] = {
    "memory": "memory:// or memory://name",
    "server": "redis://user:password@host:6379/0",
    "unix": "unix:///run/redis.sock?db=0",
    "sentinel": "redis+sentinel://:password@host:26379,host:26379/service/0",
    "cluster": "redis+cluster://:password@host:6379,host:6379",
}
_PORTS: Final[dict[Kind, int]] = {"server": 6379, "cluster": 6379, "sentinel": 26379}


@dataclass(frozen=True, slots=True)
class Settings:
    """What a Redis URL says; times are in seconds.

    Each option is one of the URL's query: `redis://cache.test/0?deadline=0.5&pool_size=20`.
    """

    scheme: str
    kind: Kind
    tls: bool
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    """Of the socket; the name of a memory, the service of Sentinels."""
    user: str = ""
    password: str = field(default="", repr=False)
    db: int = 0

    deadline: float = 2.0
    """One call: waiting for a connection, connecting, sending, and the answer."""
    pool_size: int = 50
    start_timeout: float = 30.0
    """How long `connect` tries again while Redis is not there."""
    client_name: str = "heaven"
    """What CLIENT LIST shows, with the process id: `heaven:4711`."""
    ssl_ca: str = ""
    """A file with the authorities to trust, PEM; the system's without one."""

    @property
    def safe_url(self) -> str:
        """The URL without user, password and options, for logs and messages."""
        hosts = ",".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.hosts)
        if self.kind == "server":
            return f"{self.scheme}://{hosts}/{self.db}"
        if self.kind == "sentinel":
            return f"{self.scheme}://{hosts}/{self.path}/{self.db}"
        return f"{self.scheme}://{hosts}{self.path}"


def parse(url: str) -> Settings:
    """Read a Redis URL.

    Args:
        url: `memory://`, `memory://name`, `redis://user:password@host:6379/0`, `unix:///run/redis.sock?db=0`,
            `redis+sentinel://:password@host:26379,host:26379/service/0` or `redis+cluster://host:6379,host:6379`, with
            options in the query; `rediss`, `rediss+sentinel` and `rediss+cluster` speak TLS. User and password are
            percent-encoded (RFC 3986 2.1).

    Raises:
        RegistrationError: a part of it is wrong; the message shows that part, and never the password.

    Example:
        >>> parse("rediss://:secret@cache.test/1?pool_size=20").safe_url
        'rediss://cache.test:6379/1'
    """
    if not isinstance(url, str):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(f"a Redis URL is a str, not {type(url).__name__}; write {_FORMS['server']}")
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES:
        shown = f"{scheme}://..." if separator else "no scheme"
        raise RegistrationError(f"a Redis URL begins with one of {', '.join(SCHEMES)}, and this one has {shown}")
    kind, tls = SCHEMES[scheme]
    if "#" in rest:
        raise RegistrationError("a Redis URL has a '#' in it; write %23 where it belongs to the user or the password")
    place, _, query = rest.partition("?")
    settings = _PARTS[kind](Settings(scheme, kind, tls), place)
    return _with_options(settings, query)


def _memory(settings: Settings, place: str) -> Settings:
    name = unquote(place.rstrip("/"))
    if "/" in name or "@" in name:
        raise RegistrationError(f"memory:// takes a name and nothing else; write {_FORMS['memory']}")
    return replace(settings, path=name)


def _unix(settings: Settings, place: str) -> Settings:
    credentials, _, path = place.rpartition("@")
    if not path.startswith("/") or len(path) == 1:
        raise RegistrationError(f"a unix:// URL has the whole path of the socket; write {_FORMS['unix']}")
    return replace(_known(settings, credentials), path=unquote(path))


def _server(settings: Settings, place: str) -> Settings:
    settings, path = _hosts(settings, place)
    if len(settings.hosts) > 1:
        raise RegistrationError(
            f"{settings.scheme}:// takes one host; several are redis+cluster:// or redis+sentinel:// ones"
        )
    return replace(settings, db=_database(settings, path))


def _sentinel(settings: Settings, place: str) -> Settings:
    settings, path = _hosts(settings, place)
    service, _, database = path.partition("/")
    if not service:
        raise RegistrationError(
            f"a {settings.scheme}:// URL names the service after the hosts; write {_FORMS['sentinel']}"
        )
    return replace(settings, path=unquote(service), db=_database(settings, database))


def _cluster(settings: Settings, place: str) -> Settings:
    settings, path = _hosts(settings, place)
    if path not in ("", "0"):
        raise RegistrationError(f"a cluster has one database, 0, and no path; write {_FORMS['cluster']}")
    return settings


_PARTS: Final = {"memory": _memory, "unix": _unix, "server": _server, "sentinel": _sentinel, "cluster": _cluster}


def _hosts(settings: Settings, place: str) -> tuple[Settings, str]:
    authority, _, path = place.partition("/")
    credentials, _, listed = authority.rpartition("@")
    hosts = tuple(_host(settings, each) for each in listed.split(","))
    return replace(_known(settings, credentials), hosts=hosts), path.rstrip("/")


def _known(settings: Settings, credentials: str) -> Settings:
    user, _, password = credentials.partition(":")
    return replace(settings, user=unquote(user), password=unquote(password))


def _host(settings: Settings, text: str) -> tuple[str, int]:
    if text.startswith("["):
        host, _, port = text[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = text.partition(":")
    if not host or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise RegistrationError(
            f"a host of the Redis URL can't be read (a port is a number up to 65535, brackets enclose IPv6); write "
            f"{_FORMS[settings.kind]}, with what is special in user and password percent-encoded"
        )
    return unquote(host), int(port or _PORTS[settings.kind])


def _database(settings: Settings, text: str) -> int:
    if text and not (text.isascii() and text.isdigit()):
        raise RegistrationError(f"the database of a Redis URL is a number; write {_FORMS[settings.kind]}")
    return int(text or 0)


def _with_options(settings: Settings, query: str) -> Settings:
    given: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if name in given:
            raise RegistrationError(f"the option {name!r} is in the Redis URL twice")
        given[name] = _option(settings, name, text)
    return replace(settings, **given)


def _option(settings: Settings, name: str, text: str) -> object:
    known = ["deadline", "pool_size", "start_timeout", "client_name"]
    known += ["ssl_ca"] * settings.tls + ["db"] * (settings.kind == "unix")
    if name not in known:
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
        raise RegistrationError(f"the Redis URL has the option {name!r}, which {settings.scheme} does not have; {hint}")
    if name == "db":
        return _database(settings, text)
    if name in ("client_name", "ssl_ca"):
        return _word(name, text)
    return _number(name, text)


def _word(name: str, text: str) -> str:
    if not text or (name == "client_name" and not all("!" <= letter <= "~" for letter in text)):
        raise RegistrationError(f"the option {name} of the Redis URL is printable ASCII without spaces, not {text!r}")
    return text


def _number(name: str, text: str) -> float | int:
    whole = name == "pool_size"
    try:
        value = (int if whole else float)(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if not (value > 0 or (value == 0 and name == "start_timeout")) or value == math.inf:
        kind = "a whole number" if whole else "a number of seconds"
        bound = "0 or more" if name == "start_timeout" else "above 0"
        raise RegistrationError(f"the option {name} of the Redis URL is {kind}, {bound}, not {text!r}")
    return value
