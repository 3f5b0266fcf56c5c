"""The applications of this style: a Router is a `heaven.App` that takes declarations as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar, Unpack

from heaven.app import App
from heaven.callables import awaitable
from heaven.declaring.event_words import SHUTDOWN, STARTUP
from heaven.declaring.registrations import Event, Part, Route, checked_pattern
from heaven.declaring.surrounds import undeclared
from heaven.declaring.verbs import checked_options
from heaven.errors import NoSuchURL
from heaven_contrib.routing.app_options import AppOptions, check_app_options
from heaven_contrib.routing.declarations.branches import checked_app, checked_routes
from heaven_contrib.routing.declarations.gateways import Gateway, WebhookGateway, WebSocketGateway, checked_text
from heaven_contrib.routing.declarations.hosts import Host
from heaven_contrib.routing.declarations.includes import Include
from heaven_contrib.routing.declarations.paths import to_pattern
from heaven_contrib.routing.decorators import Decorators
from heaven_contrib.routing.errors import ImproperlyConfigured, NoMatchFound
from heaven_contrib.routing.levels.level import LevelParameters, Security, level
from heaven_contrib.routing.places import FOLDERS, declared_at, shown
from heaven_contrib.routing.serving.folding import CACHED, Surrounding
from heaven_contrib.routing.shapes import listed, takes

if TYPE_CHECKING:
    from heaven.types import ASGIApp
    from heaven_contrib.routing.declarations.branches import Routes
    from heaven_contrib.routing.declarations.declaration import AnyHandler
    from heaven_contrib.routing.declarations.leaves import Leaf
    from heaven_contrib.routing.declarations.views import APIView
    from heaven_contrib.routing.dependencies.inject import Inject
    from heaven_contrib.routing.levels.interceptors import Interceptor
    from heaven_contrib.routing.levels.level import Level
    from heaven_contrib.routing.levels.middleware import DefineMiddleware
    from heaven_contrib.routing.levels.permissions import Permission
    from heaven_contrib.routing.responding.cookies import Cookie
    from heaven_contrib.routing.responding.headers import ResponseHeader
    from heaven_contrib.routing.responding.responses import Response

F = TypeVar("F", bound=Callable[..., Any])


class Router(App, Decorators):
    """An application made of declarations; it is a `heaven.App`, so verbs, hooks, store and plugins work on it too.

    Args:
        path: stands before its routes in every form of mounting; begins with `/` and does not end with one.
        app: an ASGI application to serve below the path.
        parent: a Router to be added to.
        on_startup: functions called at the start, with the application or without arguments.
        on_shutdown: functions called at the end.
        redirect_slashes: redirect a path with a slash too many; off unless it is said here or at an Application.
        default: an ASGI application for what nothing matched; middleware is around it, permissions are not.
        routes: Gateway, WebSocketGateway, WebhookGateway, Include, Host, Router, a decorated handler or an APIView.
        name: goes before the names of its routes where another Router takes it; `App.mount` has a `name` of its own.
        dependencies: see `LevelParameters`, as all that follow but the lifespan.
        interceptors: the outermost first.
        permissions: all must allow.
        exception_handlers: by status code or exception class.
        middleware: the outermost first.
        response_class: what a returned value is made into.
        response_cookies: cookies of what handlers answer; errors carry none.
        response_headers: header fields, likewise.
        lifespan: an async context manager function that gets this application; in place of on_startup and on_shutdown.
        tags: for the documentation.
        deprecated: for the documentation.
        security: for the documentation.
        include_in_schema: for the documentation.
        before_request: called with the request, once the permissions allowed it.
        after_request: called with the request and its response.
        **options: what `heaven.App` takes besides, see `AppOptions`.

    Raises:
        ImproperlyConfigured: a parameter can't work; the message names it and where it was said.

    Example:
        >>> from heaven_contrib.routing import Gateway, Include, Router, get
        >>> @get("/{name}")
        ... async def greet(name: str) -> dict[str, str]:
        ...     return {"hello": name}
        >>> router = Router(routes=[Include("/api", routes=[Gateway("/greetings", handler=greet)])])
        >>> router.path_for("greet", name="Ada")
        '/api/greetings/Ada'
    """

    settles: ClassVar[frozenset[str]] = frozenset(("slashes",))  # each level says what it does about them
    speaks_from: ClassVar[tuple[str, ...]] = FOLDERS
    _kind: Literal["router", "application"] = "router"

    def __init__(  # noqa: PLR0917 (what the style's own words are, in their order)
        self,
        path: str | None = None,
        app: ASGIApp | None = None,
        parent: Router | None = None,
        on_startup: Sequence[Callable[..., Any]] | None = None,
        on_shutdown: Sequence[Callable[..., Any]] | None = None,
        redirect_slashes: bool | None = None,
        default: ASGIApp | None = None,
        routes: Routes | None = None,
        name: str | None = None,
        dependencies: Mapping[str, Inject | Callable[..., Any]] | None = None,
        interceptors: Sequence[type[Interceptor] | Interceptor] | None = None,
        permissions: Sequence[Permission] | None = None,
        exception_handlers: Mapping[int | type[Exception], Callable[..., Any]] | None = None,
        middleware: Sequence[DefineMiddleware | Callable[..., Any]] | None = None,
        response_class: type[Response] | None = None,
        response_cookies: Sequence[Cookie] | None = None,
        response_headers: Mapping[str, ResponseHeader] | None = None,
        lifespan: Callable[[App], AbstractAsyncContextManager[Any]] | None = None,
        tags: Sequence[str] | None = None,
        deprecated: bool | None = None,
        security: Sequence[Security] | None = None,
        *,
        include_in_schema: bool | None = None,
        before_request: Sequence[Callable[..., Any]] | None = None,
        after_request: Sequence[Callable[..., Any]] | None = None,
        **options: Unpack[AppOptions],
    ) -> None:
        place = declared_at()
        label = f"{type(self).__name__} {path}" if path else type(self).__name__
        where = f"{label} at {place}"
        if lifespan is not None and (on_startup or on_shutdown):
            raise ImproperlyConfigured(
                f"{where} got lifespan and on_startup or on_shutdown; say it all in the lifespan"
            )
        redirects = redirect_slashes if redirect_slashes is not None else self._kind == "application"
        check_app_options(options, where)
        super().__init__(lifespan=lifespan, slashes="redirect" if redirects else "strict", **options)
        self.path: str = _checked_path(path, where)
        self.name: str | None = checked_text(name, "name", where)
        self.webhooks: list[tuple[WebhookGateway, tuple[Level, ...]]] = []
        """The calls that go out, and the levels that each of them stands below in here, for the documentation."""
        self.level: Level = level(
            self._kind,
            label,
            place,
            dependencies=dependencies,
            interceptors=interceptors,
            permissions=permissions,
            exception_handlers=exception_handlers,
            middleware=middleware,
            response_class=response_class,
            response_cookies=response_cookies,
            response_headers=response_headers,
            tags=tags,
            deprecated=deprecated,
            security=security,
            include_in_schema=include_in_schema,
            before_request=before_request,
            after_request=after_request,
            redirect_slashes=redirect_slashes,
        )
        self.written.surrounds.append(Surrounding(self.level))
        self._listen(STARTUP, on_startup, label, place)
        self._listen(SHUTDOWN, on_shutdown, label, place)
        self.ON(SHUTDOWN, _forget_cached)
        if default is not None:
            self.fallback(checked_app(default, where, "default"))
        for route in checked_routes(routes or (), where):
            self._add(route, _Branch())
        if app is not None:
            self._mount(checked_app(app, where), _Branch(), place)
        if parent is not None:
            if not isinstance(parent, Router):  # pyright: ignore[reportUnnecessaryIsInstance]
                raise ImproperlyConfigured(f"{where} got parent={shown(parent)}; give a Router")
            parent.add_router(self)

    # What is declared later

    def add_route(
        self,
        path: str,
        handler: AnyHandler | type[APIView],
        *,
        name: str | None = None,
        **levels: Unpack[LevelParameters],
    ) -> None:
        """Serve a decorated handler, or an APIView, below a path.

        Args:
            path: stands before the handler's own.
            handler: what `@get` and its siblings made of a function, or a class of APIView.
            name: for `path_for`.
            **levels: what `Gateway` takes.

        Raises:
            ImproperlyConfigured: it is something else, or a parameter can't work.
        """
        self._add(Gateway(path, handler=handler, name=name, **levels), _Branch())

    def add_websocket_route(
        self, path: str, handler: AnyHandler, *, name: str | None = None, **levels: Unpack[LevelParameters]
    ) -> None:
        """Serve a handler that `@websocket` decorated below a path; arguments and errors are those of `add_route`."""
        self._add(WebSocketGateway(path, handler=handler, name=name, **levels), _Branch())

    def add_apiview(self, value: Gateway | type[APIView]) -> None:
        """Serve the handlers of an APIView: a Gateway around one, or the class itself."""
        self._add_all([value], "add_apiview")

    def add_include(self, include: Include) -> None:
        """Serve what an Include holds."""
        self._add_all([include], "add_include")

    def add_router(self, router: App) -> None:
        """Serve the routes of another Router below its path."""
        self._add_all([router], "add_router")

    def add_child(self, path: str, app: ASGIApp, *, name: str | None = None, **levels: Unpack[LevelParameters]) -> None:
        """Serve another application below a path: `Include(path, app=app)`."""
        self._add(Include(path, app=app, name=name, **levels), _Branch())

    def on_event(self, event: Literal["startup", "shutdown"]) -> Callable[[F], F]:
        """Call a function when the application starts or stops; a decorator.

        Raises:
            ImproperlyConfigured: there is no such event.
        """
        if event not in (STARTUP, SHUTDOWN):
            raise ImproperlyConfigured(f"on_event at {declared_at()} got {event!r}; give 'startup' or 'shutdown'")

        def decorate(function: F) -> F:
            self._listen(event, [function], "on_event", declared_at())
            return function

        return decorate

    def path_for(self, name: str, /, **params: Any) -> str:
        """The path of a named route, with the prefixes this application is mounted under.

        Args:
            name: names from the outside in, joined by colons: `"api:v1:create_user"`.
            **params: its path parameters.

        Raises:
            NoMatchFound: there is no such route, or the parameters don't fit it; the message says which.
        """
        try:
            return self.url_for(name, **params)
        except NoSuchURL as error:
            raise NoMatchFound(str(error)) from None

    def serve(self, gateway: Gateway | WebSocketGateway) -> None:
        """Serve what a Gateway holds; the words `router.get(...)` and its family do it."""
        self._add(gateway, _Branch())

    # Folding the tree down to routes of the core

    def _add_all(self, routes: Sequence[Any], said: str) -> None:
        for route in checked_routes(routes, f"{said} at {declared_at()}"):
            self._add(route, _Branch())

    def _add(self, route: Any, branch: _Branch) -> None:
        if isinstance(route, WebhookGateway):
            self.webhooks.append((route, tuple(each.level for each in branch.surrounds)))
        elif isinstance(route, Include):
            self._include(route, branch.into(route.path, route.name, route.level))
        elif isinstance(route, Host):
            app = route.app if route.app is not None else _hosted(route)
            self._mount(app, branch.into("", route.name, route.level), route.place, host=route.host)
        elif isinstance(route, App):
            self._mount(route, branch, declared_at())
        else:
            gateway: Gateway | WebSocketGateway = route
            memory: dict[Level, Surrounding] = {}
            for leaf in gateway.leaves():
                self._declare(leaf, branch, memory)

    def _include(self, include: Include, branch: _Branch) -> None:
        if include.app is not None:
            self._mount(include.app, branch, include.place)
            return
        if include.level.middleware or include.level.exception_handlers:
            self.written.parts.append(Part(branch.path, branch.surrounds))
        for route in include.routes:
            self._add(route, branch)

    def _mount(self, app: ASGIApp, branch: _Branch, place: str, *, host: str | None = None) -> None:
        named = branch.into("", app.name, None) if isinstance(app, Router) else branch
        part = app if isinstance(app, Router) and not isinstance(app, Application) else None
        self.mount(
            app,
            branch.path,
            isolated=part is None or part.is_mounted,
            transparent=part is not None,
            name=named.name,
            surrounds=branch.surrounds,
            host=host,
            place=place,
        )

    def _declare(self, leaf: Leaf, branch: _Branch, memory: dict[Level, Surrounding]) -> None:
        surrounds = [*branch.surrounds]
        for each in leaf.levels:
            surrounds.append(memory.setdefault(each, Surrounding(each)))  # noqa: PERF401
        role = leaf.handler.label
        name: dict[str, Any] = {"name": ":".join((*branch.names, leaf.name)), "implied_name": not leaf.explicit_name}
        for method in leaf.handler.methods:
            self.register(
                Route(
                    method=method,
                    pattern=checked_pattern(branch.path + leaf.path or "/", role, leaf.place),
                    function=leaf.handler.function,
                    call=undeclared,
                    subdomain=self.default_subdomain,
                    options=replace(
                        checked_options(self.defaults, {**leaf.handler.limits}, method, role, leaf.place), **name
                    ),
                    place=leaf.place,
                    surrounds=tuple(surrounds),
                    declared=leaf,
                )
            )

    def _listen(self, event: str, functions: Any, label: str, place: str) -> None:
        for function in listed(functions or (), f"on_{event}", f"{label} at {place}", "[database.connect]"):
            if not callable(function):
                raise ImproperlyConfigured(f"{label} at {place} got on_{event}=[{shown(function)}]; give functions")
            called = function if takes(function, self) else _without_app(function)
            events = self.written.startup if event == STARTUP else self.written.shutdown
            events.append(Event(function, awaitable(called, 1, f"on_{event}", place), place))


class Application(Router):
    """A Router that redirects slashes and keeps what it declares to itself: its store, its 404s and its errors."""

    _kind = "application"


ChildRouter = Application
"""What an Application is called where it is mounted on another one."""


class _Branch:
    """The way to a route inside of one Router: path, names and levels."""

    __slots__ = ("names", "path", "surrounds")

    def __init__(self, path: str = "", names: tuple[str, ...] = (), surrounds: tuple[Surrounding, ...] = ()) -> None:
        self.path = path
        self.names = names
        self.surrounds = surrounds

    @property
    def name(self) -> str | None:
        return ":".join(self.names) or None

    def into(self, path: str, name: str | None, inner: Level | None) -> _Branch:
        """The way, one level further."""
        return _Branch(
            self.path + path,
            self.names if name is None else (*self.names, name),
            self.surrounds if inner is None else (*self.surrounds, Surrounding(inner)),
        )


def _hosted(host: Host) -> Router:
    """What serves the routes of a Host; what is around them is the Host's own level."""
    router = Router(routes=host.routes)
    router.written.surrounds.clear()
    return router


def _checked_path(path: Any, where: str) -> str:
    if path is None or path == "/":
        return ""
    if not isinstance(path, str) or not path.startswith("/") or path.endswith("/"):
        raise ImproperlyConfigured(f"{where} got path={path!r}; begin it with / and end it without, as in '/api'")
    return to_pattern(path, where)


def _without_app(function: Callable[..., Any]) -> Callable[[App], Any]:
    def call(_app: App) -> Any:
        return function()

    return call


def _forget_cached(app: App) -> None:
    """Let go of what dependencies with `use_cache` gave: it belongs to the life that ends."""
    for cell in app.outermost.written.made.get(CACHED, {}).values():
        cell.empty()


__all__ = ["Application", "ChildRouter", "Router"]
