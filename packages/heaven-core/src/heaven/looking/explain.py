"""What a concrete request would meet, in words: route and why, neighbours and why not, hooks in order, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from heaven.callables import name_of, place_of
from heaven.declaring.registrations import METHODS, OTHER, SOCKET
from heaven.http.hosts import host_name, subdomain_of
from heaven.serving.wiring import Island

if TYPE_CHECKING:
    from heaven.declaring.hooks import Hook
    from heaven.serving.wiring import Entry, Runnable, Tables, Wiring


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A route that came near, and why it was not taken."""

    method: str
    route: str
    place: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Step:
    """One function on the way: a hook or the handler, where it was written (`file:line`), and the pattern it is for."""

    kind: str
    name: str
    place: str
    pattern: str

    def __str__(self) -> str:
        return f"{self.kind:7} {self.name}  ({self.pattern})  {self.place}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """What `app.explain(...)` found; print it to read it.

    `route` is None where no route matches; `status` then says what is answered instead, `allow` which methods the path
    has, and `why` what to do about it.
    """

    method: str
    url: str
    subdomain: str | None
    table: str
    route: str | None
    why: str
    status: int | None = None
    allow: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    neighbours: tuple[Neighbour, ...] = ()
    steps: tuple[Step, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        lines = [
            f"{self.method} {self.url}",
            f"  subdomain  {self.subdomain or 'none'}: {self.table}",
            f"  route      {self.route or f'none, so {self.status}'}: {self.why}",
        ]
        if self.allow:
            lines.append(f"  allow      {', '.join(self.allow)}")
        if self.params:
            lines.append(f"  params     {dict(self.params)!r}")
        lines += [f"  {step}" for step in self.steps]
        lines += [f"  {name:10} {value}" for name, value in self.limits.items()]
        lines += [f"  not        {each.method} {each.route}: {each.why_not}  {each.place}" for each in self.neighbours]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the question was."""

    method: str
    url: str
    path: str
    raw_path: bytes


def explain(wiring: Wiring, method: str, url: str) -> Explanation:
    """What a request with this method and URL would meet.

    Args:
        wiring: the application, compiled.
        method: the HTTP method, or `"WEBSOCKET"`.
        url: a whole URL, or a path.
    """
    parts = urlsplit(url)
    asked = _Asked(method, url, unquote(parts.path or "/"), (parts.path or "/").encode())
    name = host_name(parts.netloc.rpartition("@")[2])
    if wiring.hosts is not None and parts.netloc and name not in wiring.hosts:
        why = f"the host of {url!r} is not among App(hosts=...)"
        return Explanation(method, url, None, "no table", None, why, status=400)
    subdomain = subdomain_of(name, wiring.domain) if name is not None else None
    table, tables = _tables(wiring, subdomain)
    found = tables.find(method, asked.path, asked.raw_path)
    if found is not None and isinstance(found[0], Island):
        return explain(found[0].wiring, method, url)
    entry = next((each for each in wiring.entries if found is not None and each.endpoint is found[0]), None)
    neighbours = _neighbours(wiring, tables, asked, entry)
    if found is None or entry is None:
        status, why, allow = _answer(wiring, tables, asked)
        return Explanation(
            method, url, subdomain, table, None, why, status=status, allow=tuple(allow), neighbours=neighbours
        )
    return Explanation(
        method=method,
        url=url,
        subdomain=subdomain,
        table=table,
        route=entry.pattern.text,
        why=_why(entry),
        params=found[1],
        neighbours=neighbours,
        steps=_steps(entry, asked.path),
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


def _steps(entry: Entry, path: str) -> tuple[Step, ...]:
    route = entry.route
    handler = Step("HANDLER", name_of(route.function), place_of(route.function), entry.pattern.text)
    return (*_hooks(entry.before, path), handler, *_hooks(entry.after, path))


def _hooks(hooks: tuple[Hook, ...], path: str) -> list[Step]:
    return [
        Step(hook.when, name_of(hook.function), place_of(hook.function), hook.pattern.text)
        for hook in hooks
        if hook.runs_at(path)
    ]


def _neighbours(wiring: Wiring, tables: Tables, asked: _Asked, chosen: Entry | None) -> tuple[Neighbour, ...]:
    entries = {id(each.endpoint): each for each in wiring.entries}
    method = chosen.method if chosen is not None else asked.method if asked.method in METHODS else OTHER

    def once(candidate_method: str, target: Runnable) -> bool:
        """Of what app.HTTP registers, and of HEAD and GET, the one that this question is about."""
        entry = entries.get(id(target))
        if entry is None:
            return False
        said = entry.route.method
        return candidate_method == (method if said is None or (said, method) == ("GET", "HEAD") else said)

    neighbours: list[Neighbour] = []
    for table in (tables.routes, tables.sockets):
        for candidate in table.candidates(asked.path, asked.raw_path, once):
            entry = entries[id(candidate.target)]
            if entry is not chosen:
                why_not = candidate.why_not or f"it is for {candidate.method}"
                name = entry.route.method or "HTTP"
                neighbours.append(Neighbour(name, candidate.pattern.text, entry.route.place, why_not))
    return tuple(neighbours)


def _answer(wiring: Wiring, tables: Tables, asked: _Asked) -> tuple[int, str, list[str]]:
    """Status, reason and Allow of what is answered where no route matched."""
    if asked.method == SOCKET:
        return 404, "no WebSocket route has this path; servers without denial responses make it a 403", []
    allow = tables.methods(asked.method, asked.path, asked.raw_path)
    if allow and asked.method == "OPTIONS":
        return 204, "OPTIONS is answered with the methods there are", allow
    if allow:
        return 405, f"the path is there, and not for {asked.method}", allow
    toggled = wiring.toggled(tables, asked.path, asked.raw_path)
    if toggled is not None:
        return 307, f"there is a route for {toggled!r}, and App(slashes='redirect') leads there", []
    return 404, "no route matches the path", []
