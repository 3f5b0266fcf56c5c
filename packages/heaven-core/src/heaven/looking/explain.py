"""What a concrete request would meet, in words: route and why, neighbours and why not, hooks in order, limits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from heaven.callables import name_of
from heaven.declaring.registrations import METHODS, OTHER, SOCKET
from heaven.declaring.steps import Step
from heaven.errors import BadRequest, ValidationError
from heaven.http.hosts import host_name, subdomain_of
from heaven.http.queries import converted, parse_query
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
class Explanation:
    """What `app.explain(...)` found; print it to read it.

    `route` is None where no route matches; `status` then says what is answered instead (None where a fallback takes the
    request), `allow` which methods the path has, and `why` what to do about it. With a `route`, `status` is None, or
    what is answered because the query does not convert: then the handler is none of the `steps`. `levels` are what was
    declared around the route, the outermost first. `host` is the pattern of hosts that matched, where an application is
    mounted under one.
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
    levels: tuple[str, ...] = ()
    host: str | None = None
    steps: tuple[Step, ...] = ()
    limits: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __str__(self) -> str:
        answer = f", so {self.status}" if self.status is not None else ""
        lines = [
            f"{self.method} {self.url}",
            f"  host       {self.host}: {self.table}"
            if self.host is not None
            else f"  subdomain  {self.subdomain or 'none'}: {self.table}",
            f"  route      {self.route or 'none'}{answer}: {self.why}",
        ]
        if self.allow:
            lines.append(f"  allow      {', '.join(self.allow)}")
        if self.params:
            lines.append(f"  params     {dict(self.params)!r}")
        lines += [f"  LEVEL   {level}" for level in self.levels]
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
    query: bytes
    host: str | None
    """Its name, in the form that hosts are compared in; None for a path alone."""
    subdomain: str | None


def explain(wiring: Wiring, method: str, url: str) -> Explanation:
    """What a request with this method and URL would meet.

    Args:
        wiring: the application, compiled.
        method: the HTTP method, or `"WEBSOCKET"`.
        url: a whole URL, or a path.
    """
    parts = urlsplit(url)
    path = parts.path or "/"
    name = host_name(parts.netloc.rpartition("@")[2])
    if wiring.hosts is not None and parts.netloc and name not in wiring.hosts:
        why = f"the host of {url!r} is not among App(hosts=...)"
        return Explanation(method, url, None, "no table", None, why, status=400, steps=_wraps(wiring, "/*"))
    subdomain = subdomain_of(name, wiring.domain) if name is not None else None
    asked = _Asked(method, url, unquote(path), path.encode(), parts.query.encode(), name, subdomain)
    return _explained(wiring, asked, _wraps(wiring, "/*"))


def _explained(wiring: Wiring, asked: _Asked, wraps: tuple[Step, ...]) -> Explanation:
    """What a request meets in this wiring, once it is through the middleware around it."""
    host, table, tables, given = _tables(wiring, asked)
    found = tables.find(asked.method, asked.path, asked.raw_path)
    if found is not None and isinstance(found[0], Island):
        inner = found[0].wiring
        return _explained(inner, asked, (*wraps, *_wraps(inner, _below(tables, asked, found[0]))))
    entry = next((each for each in wiring.entries if found is not None and each.endpoint is found[0]), None)
    neighbours = _neighbours(wiring, tables, asked, entry)
    if found is None or entry is None:
        status, why, allow = _answer(wiring, tables, asked)
        return Explanation(
            method=asked.method,
            url=asked.url,
            subdomain=asked.subdomain,
            host=host,
            table=table,
            route=None,
            why=why,
            status=status,
            allow=tuple(allow),
            neighbours=neighbours,
            steps=wraps,
        )
    refused = _refused(entry, asked.query)
    handler = Step.of("HANDLER", entry.route.function, entry.pattern.text)
    return Explanation(
        method=asked.method,
        url=asked.url,
        subdomain=asked.subdomain,
        host=host,
        table=table,
        route=entry.pattern.text,
        why=_why(entry) if refused is None else f"{refused[1]}; registered at {entry.route.place}",
        status=None if refused is None else refused[0],
        params={**found[1], **given},
        neighbours=neighbours,
        levels=entry.folded.lines if entry.folded is not None else (),
        steps=(
            *wraps,
            *_hooks(entry.before, asked.path, asked.subdomain),
            *(() if refused else (handler,)),
            *_hooks(entry.after, asked.path, asked.subdomain),
        ),
        # A WebSocket has neither: its messages have limits of the server's, and it may stay open.
        limits={} if entry.method == SOCKET else {"max_body_size": entry.max_body_size, "timeout": entry.timeout},
    )


def _wraps(wiring: Wiring, pattern: str) -> tuple[Step, ...]:
    """The middleware around a wiring, the outermost first; it sees what no route matches as well."""
    return tuple(Step("WRAP", name_of(wrap.factory), wrap.place, pattern) for wrap in wiring.app.written.wraps)


def _below(tables: Tables, asked: _Asked, island: Island) -> str:
    """The pattern of everything below the prefix of an island, through which a path was found."""
    table = tables.sockets if asked.method == SOCKET else tables.routes
    through = table.candidates(asked.path, asked.raw_path, lambda _, target: target is island)[0].pattern
    return through.text.removesuffix("*").rstrip("/") + "/*"


def _refused(entry: Entry, query: bytes) -> tuple[int, str] | None:
    """Status and reason where the route's query hints let no handler see the query."""
    if not entry.pattern.hints:
        return None
    try:
        converted(parse_query(query), {hint.name: hint for hint in entry.pattern.hints})
    except BadRequest as error:
        return error.status, f"the path matches, and the query can't be read: {error.detail}"
    except ValidationError as error:
        wrong = ", ".join(f"{each['loc'][-1]} ({each['msg']})" for each in error.errors)
        return error.status, f"the path matches, and the query does not convert: {wrong}"
    return None


def _tables(wiring: Wiring, asked: _Asked) -> tuple[str | None, str, Tables, dict[str, Any]]:
    """The pattern of the host, if any; the name of the tables, and they themselves; the parameters in the host."""
    below = wiring.below_host(asked.host)
    if below is not None:
        pattern, tables, given = below
        return pattern.text, f"the routes of this host ({asked.host}), and no others", tables, given
    subdomain = asked.subdomain
    if subdomain in wiring.by_subdomain and subdomain is not None:
        return None, f"its own routes ({subdomain})", wiring.by_subdomain[subdomain], {}
    if subdomain is not None and "*" in wiring.by_subdomain:
        return None, 'the routes of "*", which take subdomains that no route names', wiring.by_subdomain["*"], {}
    return None, "the routes without a subdomain", wiring.default, {}


def _why(entry: Entry) -> str:
    place = f"registered at {entry.route.place}"
    if entry.pattern.is_static:
        return f"the path is exactly this one; {place}"
    if entry.pattern.rest is not None:
        return f"nothing more specific takes the rest of the path; {place}"
    return f"its parameters convert, and nothing more specific matches; {place}"


def _hooks(hooks: tuple[Hook, ...], path: str, subdomain: str | None) -> list[Step]:
    return [Step.of(hook.when, hook.function, hook.pattern.text) for hook in hooks if hook.runs_at(path, subdomain)]


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


def _answer(wiring: Wiring, tables: Tables, asked: _Asked) -> tuple[int | None, str, list[str]]:
    """Status, reason and Allow of what is answered where no route matched; there is no status where a fallback is."""
    refusal = _refusal(wiring, tables, asked)
    fallback = tables.missing_at(asked.path, asked.raw_path).leads_to
    if refusal[0] == 404 and fallback is not None:
        return None, f"the fallback said at {fallback} takes what no route matches", []
    return refusal


def _refusal(wiring: Wiring, tables: Tables, asked: _Asked) -> tuple[int, str, list[str]]:
    if asked.method == SOCKET:
        return 404, "no WebSocket route has this path; servers without denial responses make it a 403", []
    allow = tables.methods(asked.method, asked.path, asked.raw_path)
    if allow and asked.method == "OPTIONS":
        return 204, "OPTIONS is answered with the methods there are", allow
    if allow:
        return 405, f"the path is there, and not for {asked.method}", allow
    toggled = wiring.toggled(tables, asked.method, asked.path, asked.raw_path)
    if toggled is not None:
        who = "App(slashes='redirect')" if wiring.slashes == "redirect" else "its redirect_slashes"
        return 307, f"there is a route for {toggled!r}, and {who} leads there", []
    return 404, "no route matches the path", []
