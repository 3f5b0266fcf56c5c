"""From levels to what the core runs: decided once for each route, when the application is wired."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from heaven.callables import place_of
from heaven.declaring.registrations import SOCKET
from heaven.routing.converters import CONVERTERS
from heaven.serving.foreign import Foreign
from heaven_contrib.routing.binding.extraction import Binding, bind
from heaven_contrib.routing.declarations.leaves import Leaf
from heaven_contrib.routing.dependencies.resolution import Resolution
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.levels.exception_handlers import rescues
from heaven_contrib.routing.levels.permissions import compile_permissions
from heaven_contrib.routing.levels.request_hooks import compile_after, compile_before
from heaven_contrib.routing.responding.headers import baked_headers
from heaven_contrib.routing.responding.responder import Responder
from heaven_contrib.routing.serving.cleaning import Cleaning, cleaned
from heaven_contrib.routing.serving.documented import Documented
from heaven_contrib.routing.serving.operation import (
    Around,
    Respond,
    answered,
    completed,
    connected,
    connected_between,
    resolved,
    simple,
    surrounded,
    underlaid,
)
from heaven_contrib.routing.serving.stack import INTERCEPTORS, MIDDLEWARE, OnTheWay, Step, Way
from heaven_contrib.routing.threads import called_async

if TYPE_CHECKING:
    from heaven.callables import AsyncFunction
    from heaven.declaring.registrations import Rescue
    from heaven.declaring.surrounds import Placed, Surrounded
    from heaven.routing.converters import Converter
    from heaven.serving.wiring import Runnable
    from heaven.types import ASGIApp
    from heaven_contrib.routing.binding.parameters import Parameter
    from heaven_contrib.routing.dependencies.inject import Inject
    from heaven_contrib.routing.levels.interceptors import InterceptorDeclared
    from heaven_contrib.routing.levels.level import Level
    from heaven_contrib.routing.levels.middleware import DefineMiddleware
    from heaven_contrib.routing.responding.cookies import Cookie
    from heaven_contrib.routing.responding.headers import ResponseHeader
    from heaven_contrib.routing.responding.responses import Response


class Surrounding:
    """A level as the core knows it: what stands around routes, and folds itself with all others into what is run."""

    __slots__ = ("level", "rescues")

    def __init__(self, level: Level) -> None:
        self.level: Level = level
        self.rescues: Mapping[int | type[BaseException], Rescue] = rescues(level.exception_handlers, level.place)

    def fold(self, surrounded: Surrounded) -> FoldedRoute:
        """What all levels together make of a route."""
        return fold(surrounded)

    def shelter(self, placed: tuple[Placed, ...], missing: ASGIApp) -> ASGIApp | None:
        """The middleware of all levels around what answers where no route matched."""
        middleware = _steps(placed, MIDDLEWARE)
        return Way(middleware, (), missing).enter if middleware else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Merged:
    """What all levels around a route come to."""

    dependencies: Mapping[str, Inject]
    response_class: type[Response] | None
    response_headers: Mapping[str, ResponseHeader]
    response_cookies: tuple[Cookie, ...]
    tags: tuple[str, ...]
    security: tuple[Mapping[str, tuple[str, ...]], ...]
    deprecated: bool
    include_in_schema: bool


def merge(levels: Iterable[Level]) -> Merged:
    """Merge levels by the rule of each feature.

    Args:
        levels: the outermost first.
    """
    dependencies: dict[str, Inject] = {}
    headers: dict[str, ResponseHeader] = {}
    cookies: dict[tuple[str, str | None, str | None], Cookie] = {}
    tags: dict[str, None] = {}
    security: list[Mapping[str, tuple[str, ...]]] = []
    response_class: type[Response] | None = None
    deprecated, shown = False, True
    for level in levels:
        dependencies.update(level.dependencies)
        headers.update(level.response_headers)
        cookies.update(((each.key, each.domain, each.path), each) for each in level.response_cookies)
        tags.update(dict.fromkeys(level.tags))
        security += [each for each in level.security if each not in security]
        response_class = level.response_class or response_class
        deprecated = deprecated or level.deprecated
        shown = shown and level.include_in_schema
    return Merged(
        dependencies=dependencies,
        response_class=response_class,
        response_headers=headers,
        response_cookies=tuple(cookies.values()),
        tags=tuple(tags),
        security=tuple(security),
        deprecated=deprecated,
        include_in_schema=shown,
    )


@dataclass(slots=True, kw_only=True, eq=False)
class FoldedRoute:
    """A route, folded: what the core calls, and what stands around its endpoint."""

    call: AsyncFunction
    lines: tuple[str, ...]
    middleware: tuple[Step, ...] = ()
    interceptors: tuple[Step, ...] = ()
    cleans: bool = False
    documented: Documented | None = None
    """What documentation says of it; None for routes that were not declared."""
    merged: Merged | None = None
    """What its levels come to."""
    guarded: bool = False
    """Whether permissions may refuse it."""
    redirect_slashes: bool | None = None
    """Whether a path with a slash too many is redirected: what the innermost level says that says so."""

    def around(self, endpoint: Runnable) -> Runnable:
        """What serves in place of the endpoint; the endpoint itself where nothing has to be around it."""
        if self.cleans:
            endpoint = Cleaning(endpoint)
        if self.middleware or self.interceptors:
            endpoint = OnTheWay(self.middleware, self.interceptors, endpoint)
        return endpoint


def fold(around: Surrounded) -> FoldedRoute:
    """What the levels around a route make of it.

    Raises:
        ImproperlyConfigured: the handler's signature can't be served at this place.
    """
    levels = [each.surround.level for each in around.placed if isinstance(each.surround, Surrounding)]
    folded = _declared(around, levels) if isinstance(around.route.declared, Leaf) else _other(around, levels)
    folded.guarded = any(level.permissions for level in levels)
    folded.redirect_slashes = next(
        (said for level in reversed(levels) if (said := level.redirect_slashes) is not None), None
    )
    folded.middleware = _steps(around.placed, MIDDLEWARE)
    folded.interceptors = _steps(around.placed, INTERCEPTORS)
    return folded


def _steps(placed: tuple[Placed, ...], kind: str) -> tuple[Step, ...]:
    """The middleware, or the interceptors, of all levels; each made once for its place."""
    steps: list[Step] = []
    for each in placed:
        if not isinstance(each.surround, Surrounding) or (each.passed and kind == MIDDLEWARE):
            continue
        level = each.surround.level
        made: list[Step] | None = each.made.get(kind)
        if made is None:
            declared: Sequence[DefineMiddleware | InterceptorDeclared] = (
                level.middleware if kind == MIDDLEWARE else level.interceptors
            )
            made = [Step(one.make, kind, len(steps) + index, each) for index, one in enumerate(declared)]
            each.made[kind] = made
        steps += made
    return tuple(steps)


def _runs(levels: list[Level], view: Any) -> Around:
    """What runs before and after the handler."""
    return Around(
        check=compile_permissions([each for level in levels for each in level.permissions], view),
        before=compile_before([hook for level in levels for hook in level.before_request]),
        after=compile_after([hook for level in reversed(levels) for hook in reversed(level.after_request)]),
    )


def _lines(levels: list[Level]) -> tuple[str, ...]:
    return tuple(f"{level}  {level.place}" for level in levels)


def _other(around: Surrounded, levels: list[Level]) -> FoldedRoute:
    """A route of the core, or of another ASGI application, below levels."""
    route, merged = around.route, merge(levels)
    runs, lines = _runs(levels, None), _lines(levels)
    if route.method == SOCKET:
        return FoldedRoute(call=connected_between(route.call, runs), lines=lines, merged=merged)
    cookies = ((b"set-cookie", each.baked) for each in merged.response_cookies)
    fields = (*baked_headers(merged.response_headers), *cookies)
    if not fields:
        return FoldedRoute(call=surrounded(route.call, runs), lines=lines, merged=merged)
    add = completed if isinstance(getattr(route.function, "__self__", None), Foreign) else underlaid
    call = surrounded(add(route.call, fields), runs, answered(fields))
    return FoldedRoute(call=call, lines=lines, merged=merged)


def _declared(around: Surrounded, levels: list[Level]) -> FoldedRoute:
    """A handler that was declared."""
    leaf: Leaf = around.route.declared
    merged = merge(levels)
    view = _view(around, leaf)
    function = leaf.handler.function if view is None else leaf.handler.__get__(view)
    binder = _Binder(around, leaf)
    cached = around.root.written.made.setdefault(CACHED, {})
    resolution = Resolution(function, merged.dependencies, binder, cached=cached, place=leaf.place)
    _check_stream(around, leaf, resolution)
    _check_names(binder.path, leaf, levels, resolution)
    resolve = resolution.resolve if resolution.names else None
    cleans = resolution.has_cleanup
    called = called_async(function, leaf.handler.sync_to_thread)
    runs = _runs(levels, view)
    if around.route.method == SOCKET:
        call = connected_between(connected(called, resolution.read, resolve), runs)
    else:
        respond = _responder(leaf, merged)
        if resolve is None:
            call = simple(called, resolution.read, respond)
        elif cleans:
            call = resolved(called, resolve, respond)
        else:
            call = resolution.calling(called, respond)
        call = surrounded(call, runs, respond)
    if cleans:
        call = cleaned(call)
    documented = _documented(leaf, resolution.bindings)
    return FoldedRoute(call=call, lines=_lines(levels), merged=merged, cleans=cleans, documented=documented)


def _check_stream(around: Surrounded, leaf: Leaf, resolution: Resolution) -> None:
    """Refuse to read a body whole that is left to the handler piece by piece."""
    if around.route.options.stream and any(binding.needs_body for binding in resolution.bindings):
        raise ImproperlyConfigured(
            f"{leaf.handler.label} at {leaf.handler.place} has stream=True, and it or one of its dependencies takes "
            "the body, a form or a file; read request.stream() or request.parts(), or leave stream out"
        )


def _check_names(path: Collection[str], leaf: Leaf, levels: list[Level], resolution: Resolution) -> None:
    """Refuse a dependency that would stand in place of a parameter of the path, which nobody would notice."""
    for name in resolution.names:
        if name in path:
            level = next(each for each in reversed(levels) if name in each.dependencies)
            raise ImproperlyConfigured(
                f"{leaf.handler.label} at {leaf.handler.place} asks for {name!r}, which is in the path of its route at "
                f"{leaf.place} and a dependency of {level.label} at {level.place}; give one of them another name"
            )


CACHED = "cached dependencies"
"""Where the application keeps the values of dependencies with `use_cache`."""


class _Binder:
    """Gives each callable of a route its binding."""

    def __init__(self, around: Surrounded, leaf: Leaf) -> None:
        self.path: Mapping[str, Converter] = path_parameters(around)
        self._leaf = leaf
        self._socket = around.route.method == SOCKET

    def __call__(self, function: Callable[..., Any], names: Iterable[str]) -> Binding:
        return bind(
            function,
            path=self.path,
            dependencies=frozenset(names),
            socket=self._socket,
            methods=self._leaf.handler.methods,
            place=self._place(function),
        )

    def _place(self, function: Callable[..., Any]) -> str:
        """Where the function is, and the route that it is called for: a mistake is in one of them."""
        written, routed = place_of(function), self._leaf.place
        return written if written == routed else f"{written} for the route at {routed}"


def path_parameters(around: Surrounded) -> Mapping[str, Converter]:
    """The path parameters of a route, those of its host and of the prefixes before it among them, by name."""
    pattern = around.pattern
    found = dict.fromkeys(around.host.names if around.host is not None else (), CONVERTERS["str"])
    for each in pattern.segments:
        if each.name is not None and each.converter is not None:
            found[each.name] = each.converter
    if pattern.rest is not None:
        found[pattern.rest] = CONVERTERS["path"]
    return found


def _view(around: Surrounded, leaf: Leaf) -> Any:
    """The instance of the handler's APIView: one for each mount, which all of its handlers share."""
    if leaf.view is None:
        return None
    made = around.placed[-2].made  # the view's own level stands between the Gateway's and the handler's
    if "view" not in made:
        made["view"] = leaf.view()
    return made["view"]


def _responder(leaf: Leaf, merged: Merged) -> Respond:
    handler = leaf.handler
    return Responder(
        status_code=handler.status_code,
        media_type=handler.media_type,
        response_class=merged.response_class,
        headers=merged.response_headers,
        cookies=merged.response_cookies,
        background=handler.background,
    ).respond


def _distinct(parameters: Iterable[Parameter]) -> tuple[Parameter, ...]:
    """What handler and dependencies read, each once; of two that differ both count."""
    found: list[Parameter] = []
    found += (each for each in parameters if each not in found)
    return tuple(found)


def _documented(leaf: Leaf, bindings: tuple[Binding, ...]) -> Documented:
    handler = leaf.handler
    return Documented(
        name=leaf.name,
        operation_id=leaf.operation_id,
        summary=handler.summary,
        description=handler.description,
        parameters=_distinct(each for binding in bindings for each in binding.parameters),
        returns=handler.returns,
        status_code=handler.status_code,
        media_type=handler.media_type,
        responses=handler.responses,
        handler=handler.function,
    )
