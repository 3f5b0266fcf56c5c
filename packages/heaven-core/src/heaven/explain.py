"""What a concrete request would meet, in words: route and why, neighbours and why not, hooks in order, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from heaven.callables import name_of, place_of
from heaven.hosts import host_name, subdomain_of
from heaven.registrations import OTHER, SOCKET

if TYPE_CHECKING:
    from heaven.wiring import Entry, Tables, Wiring


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A route that came near, and why it was not taken."""

    method: str
    route: str
    place: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Step:
    """One function on the way: a hook or the handler, `file:line` of where it was written, and the pattern it is for."""

    kind: str
    name: str
    place: str
    pattern: str

    def __str__(self) -> str:
        return f"{self.kind:7} {self.name}  ({self.pattern})  {self.place}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `app.explain(...)` found; print it to read it.

    `route` is None where no route matches; `status` then says what is answered instead, and `allow` which methods
    the path has.
    """

    method: str
    url: str
    subdomain: str | None
    table: str
    route: str | None
    why: str
    status: int | None = None
    allow: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    neighbours: tuple[Neighbour, ...] = ()
    steps: tuple[Step, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = [f"{self.method} {self.url}", f"  subdomain  {self.subdomain or 'none'}: {self.table}"]
        lines.append(f"  route      {self.route or f'none, so {self.status}'}: {self.why}")
        if self.allow:
            lines.append(f"  allow      {', '.join(self.allow)}")
        if self.params:
            lines.append(f"  params     {dict(self.params)!r}")
        lines += [f"  {step}" for step in self.steps]
        lines += [f"  {name:10} {value}" for name, value in self.limits.items()]
        lines += [f"  not        {each.method} {each.route}: {each.why_not}  {each.place}" for each in self.neighbours]
        return "\n".join(lines)


def explain(wiring: Wiring, method: str, url: str) -> Explanation:
    """What a request with this method and URL would meet.

    Args:
        wiring: the application, compiled.
        method: the HTTP method, or `"WEBSOCKET"`.
        url: a whole URL, or a path.
    """
    parts = urlsplit(url)
    raw_path = (parts.path or "/").encode()
    path = unquote(parts.path or "/")
    name = host_name(parts.netloc.rpartition("@")[2]) if parts.netloc else None
    if wiring.hosts is not None and name is not None and name not in wiring.hosts:
        return Explanation(method, url, None, "no table", None, f"the host {name!r} is not among App(hosts=...)", 400)
    subdomain = subdomain_of(name, wiring.domain) if name is not None else None
    chosen, tables = _tables(wiring, subdomain)
    found = tables.routes.find(method, path, raw_path) or tables.routes.find(OTHER, path, raw_path)
    if found is not None and hasattr(found[0], "wiring"):
        return explain(found[0].wiring, method, url)
    entry = next((each for each in wiring.entries if found is not None and each.endpoint is found[0]), None)
    neighbours = _neighbours(wiring, tables, path, raw_path, entry)
    if found is None or entry is None:
        return _unmatched(tables, method, url, subdomain, chosen, path, raw_path, neighbours)
    return Explanation(
        method=method,
        url=url,
        subdomain=subdomain,
        table=chosen,
        route=entry.pattern.text,
        why=_why(entry),
        params=found[1],
        neighbours=neighbours,
        steps=_steps(entry),
        limits={"max_body_size": entry.max_body_size, "timeout": entry.timeout},
    )


def _tables(wiring: Wiring, subdomain: str | None) -> tuple[str, Tables]:
    if subdomain in wiring.by_subdomain and subdomain is not None:
        return f"its own routes ({subdomain})", wiring.by_subdomain[subdomain]
    if subdomain is not None and "*" in wiring.by_subdomain:
        return 'the routes of "*", which take subdomains that no route names', wiring.by_subdomain["*"]
    return "the routes without a subdomain", wiring.default


def _why(entry: Entry) -> str:
    place = f"registered at {entry.route.place}"
    if entry.pattern.is_static:
        return f"the path is exactly this one; {place}"
    if entry.pattern.rest is not None:
        return f"nothing more specific takes the rest of the path; {place}"
    return f"its parameters convert, and nothing more specific matches; {place}"


def _steps(entry: Entry) -> tuple[Step, ...]:
    before = [Step("BEFORE", name_of(hook.function), place_of(hook.function), hook.pattern.text) for hook in entry.before]
    handler = Step("HANDLER", name_of(entry.route.function), place_of(entry.route.function), entry.pattern.text)
    after = [Step("AFTER", name_of(hook.function), place_of(hook.function), hook.pattern.text) for hook in entry.after]
    return (*before, handler, *after)


def _neighbours(
    wiring: Wiring, tables: Tables, path: str, raw_path: bytes, chosen: Entry | None
) -> tuple[Neighbour, ...]:
    by_endpoint = {id(each.endpoint): each for each in wiring.entries}
    neighbours: list[Neighbour] = []
    for candidate in tables.routes.candidates(path, raw_path):
        entry = by_endpoint.get(id(candidate.target))
        if entry is None or entry is chosen or candidate.method in ("HEAD", OTHER):
            continue
        why_not = candidate.why_not or (f"it is for {candidate.method}" if chosen is None or candidate.method != chosen.method else "")
        neighbours.append(Neighbour(candidate.method, candidate.pattern.text, entry.route.place, why_not))
    return tuple(neighbours)


def _unmatched(
    tables: Tables,
    method: str,
    url: str,
    subdomain: str | None,
    chosen: str,
    path: str,
    raw_path: bytes,
    neighbours: tuple[Neighbour, ...],
) -> Explanation:
    methods = sorted({each for each in tables.routes.methods(path, raw_path) if each not in (OTHER, SOCKET)})
    if method == SOCKET:
        status, why, methods = 403, "no WebSocket route has this path", []
    elif methods and method == "OPTIONS":
        status, why = 204, "OPTIONS is answered with the methods there are"
    elif methods:
        status, why = 405, f"the path is there, and not for {method}"
    else:
        status, why = 404, "no route matches the path"
    allow = tuple(sorted({*methods, "OPTIONS"})) if methods else ()
    return Explanation(
        method, url, subdomain, chosen, None, why, status=status, allow=allow, neighbours=neighbours
    )
