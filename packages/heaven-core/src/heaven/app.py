"""The application: it writes down what it is told, and serves what that was compiled to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import cached_property
from os import PathLike
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Unpack

from heaven.callables import resolve, said_at
from heaven.declaring.config import Config
from heaven.declaring.event_words import EventWords
from heaven.declaring.hook_words import HookWords
from heaven.declaring.options import checked_app_options
from heaven.declaring.registrations import (
    DEFAULT_BODY_SIZE,
    DUPLICATE,
    Fallback,
    Mount,
    Options,
    Route,
    Wrap,
    Written,
    checked_host,
    checked_limit,
    checked_origins,
    checked_prefix,
    checked_subdomain,
    everything_below,
)
from heaven.declaring.steps import Observer
from heaven.declaring.store import Keeping, Store
from heaven.declaring.verbs import Verbs
from heaven.errors import RegistrationError

# What serves is imported when it is needed: an application that is only written down, by a tool or a migration say,
# loads neither the event loop nor the parsers, and starts in a third of the time.
if TYPE_CHECKING:
    from heaven.declaring.options import AppOptions
    from heaven.declaring.surrounds import Surround
    from heaven.liveness import Stopping
    from heaven.looking.check import Finding
    from heaven.looking.explain import Explanation
    from heaven.serving.assets import AssetsOptions
    from heaven.serving.foreign import Foreign
    from heaven.serving.wiring import Wiring
    from heaven.types import ASGIApp, Receive, Scope, Send, Slashes


class Battery(Protocol):
    """Whatever `app.plugin` takes: an object that registers itself."""

    def install(self, app: App) -> Any:
        """Register events, routes and hooks, and keep what handlers will ask for."""
        ...


class App(Verbs, HookWords, EventWords, Keeping):
    """An ASGI application: routes, hooks, a store and a life; `Router` and `Application` are the same class.

    Args:
        config: the settings, read with `app.CONFIG(name)`: a mapping, an object, or a callable (see `Config`).
        domain: the domain whose subdomains count, such as `"shop.co.uk"`; without it the first label of a host of
            three or more is its subdomain.
        hosts: the hosts that are served, such as `["shop.test", "*.shop.test"]`; others get a 400. None for all.
        trusted_proxies: addresses and networks whose Forwarded and X-Forwarded-* headers count.
        slashes: what a slash at the end of a path means: "ignore" it, "redirect" to the route without or with it, or
            "strict": another path.
        debug: show tracebacks to the client.
        max_body_size: bytes a request's body may have where its route doesn't say otherwise; None for no limit.
        timeout: seconds for the body to arrive, and again for hooks and handler, where a route doesn't say otherwise.
        lifespan: an async context manager function: `async with lifespan(app)` is the application's life.
        monitor: report what holds the event loop for longer than this many seconds.
        origins: the Origins whose pages may open WebSockets, where a route doesn't say otherwise. None for all.

    Raises:
        RegistrationError: an option can't work.

    Example:
        >>> app = App({"greeting": "Hello"})
        >>> async def greet(req, res, ctx):
        ...     return {"message": f"{req.app.CONFIG('greeting')}, {req.params['name']}"}
        >>> _ = app.GET("/greetings/:name", greet)
    """

    settles: ClassVar[frozenset[str]] = frozenset()
    """The options that applications of a class settle in a way of their own, so that nobody misses them in a mount."""
    speaks_from: ClassVar[tuple[str, ...]] = ()
    """Folders of subclasses that call these methods in somebody's name: messages tell the line of that somebody."""

    def __init__(
        self,
        config: Any = None,
        *,
        domain: str | None = None,
        hosts: Sequence[str] | None = None,
        trusted_proxies: Sequence[str] = (),
        slashes: Slashes = "ignore",
        debug: bool = False,
        max_body_size: int | None = DEFAULT_BODY_SIZE,
        timeout: float | None = None,
        lifespan: Callable[[App], AbstractAsyncContextManager[Any]] | None = None,
        monitor: float | None = None,
        origins: Sequence[str] | None = None,
    ) -> None:
        place = said_at(*self.speaks_from)
        checked_limit("max_body_size", max_body_size, "App", place, whole=True)
        checked_limit("timeout", timeout, "App", place)
        self.CONFIG = Config(config)
        self.store: Store = Store()
        self.settled: AppOptions = checked_app_options(
            domain=domain,
            hosts=hosts,
            trusted_proxies=trusted_proxies,
            slashes=slashes,
            debug=debug,
            lifespan=lifespan,
            monitor=monitor,
            place=place,
        )
        self.defaults: Options = Options(
            max_body_size=max_body_size, timeout=timeout, origins=checked_origins(origins, "App", place)
        )
        self.default_subdomain: str | None = None
        self.path: str = ""
        """What stands before its routes wherever it is mounted."""
        self.written: Written = Written()
        self.startup_error: BaseException | None = None
        """What the last start failed with; None after one that went well, and before the first."""
        self._parents: list[App] = []
        self._wiring: Wiring | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve what the server brings (ASGI 3.0): a request, a WebSocket or a lifespan."""
        kind = scope["type"]
        if kind == "http" or kind == "websocket":  # noqa: PLR1714
            wiring = self._wiring
            if wiring is None:
                wiring = self.wire()
            if wiring.outermost is None:
                await wiring.serve(scope, receive, send)
            else:
                await wiring.outermost(scope, receive, send)
        elif kind == "lifespan":
            from heaven.running.lifespan import Lifespan

            await Lifespan(self).run(receive, send)
        else:
            raise ValueError(f"Heaven serves the scopes http, websocket and lifespan, and was called with {kind!r}")

    # Routes

    def register(self, route: Route) -> None:
        """Write a route down; the verbs do it.

        Raises:
            RegistrationError: there is one for the same method and path.
        """
        key = (route.subdomain, route.method, route.pattern.shape(self.settled.slashes))
        taken = self.written.claimed.get(key)
        if taken is not None:
            raise RegistrationError(
                f"{route.method or 'HTTP'} {route.pattern.text} at {route.place} is the same route as "
                f"{taken.pattern.text} at {taken.place}; {DUPLICATE}"
            )
        self.written.claimed[key] = route
        self.written.routes.append(route)
        self.changed()

    def subdomain(self, name: str) -> Subdomain:
        """The same verbs for one subdomain: `app.subdomain("api").GET("/orders", handler)`."""
        return Subdomain(self, name)

    def ASSETS(
        self,
        folder: str | PathLike[str],
        route: str = "/",
        *,
        subdomain: str | None = None,
        **options: Unpack[AssetsOptions],
    ) -> None:
        """Serve the files below a folder.

        Args:
            folder: the folder; it has to exist.
            route: the path it is served under.
            subdomain: limits the match to hosts of this subdomain.
            **options: what `Assets` takes: `index`, `fallback` (for single-page applications), `cache`,
                `precompressed`.

        Raises:
            RegistrationError: the folder is missing, or the route is taken.
        """
        from heaven.serving.assets import Assets

        assets = Assets(folder, **options)
        prefix = checked_prefix(route, "ASSETS", said_at())
        for url in everything_below(prefix, self.settled.slashes):
            self.GET(url, assets, subdomain=subdomain)

    def WRAP(self, factory: Callable[..., ASGIApp], **options: Any) -> None:
        """Put ASGI middleware around everything, also around what no route matches; the first one is outermost.

        Args:
            factory: `factory(app, **options)` gives the ASGI application that is called in place of `app`.
            **options: passed on.

        Raises:
            RegistrationError: the factory can't be called.
        """
        place = said_at()
        self.written.stacks.clear()
        self.written.wraps.append(Wrap(resolve(factory, "WRAP", place), options, place))
        self.changed()

    # Batteries and observers

    def plugin(self, battery: Battery) -> None:
        """Install a battery: an object that registers itself with `install(app)`.

        Raises:
            RegistrationError: it has no `install`.
        """
        if not callable(getattr(battery, "install", None)):
            raise RegistrationError(f"plugin at {said_at()} got {battery!r}, which has no install(app) method")
        battery.install(self)

    def observe(self, observer: Observer) -> None:
        """Have every function that requests run shown to an observer, which may put another one around it.

        It is asked when the application is compiled, once for each place of a handler, BEFORE or AFTER hook and error
        handler, of this application and of all that is mounted on it. A request pays for what it gave back, and
        nothing where it gave back what it got. Of a hook that runs for some requests of a route it sees only those.

        Args:
            observer: `observer(step, call)` gives an async function that takes what `call` takes, `(req, res, ctx)`
                and for error handlers the error as well. The first observer is the outermost. One that is there
                already, here or around a mount, counts once.

        Raises:
            RegistrationError: it can't be called.

        Example:
            >>> app = App()
            >>> def announce(step, call):
            ...     async def announced(*arguments):
            ...         print(step.kind, step.pattern)
            ...         return await call(*arguments)
            ...     return announced
            >>> app.observe(announce)
        """
        if not callable(observer):
            raise RegistrationError(f"observe at {said_at()} got {observer!r}; give a function (step, call) -> call")
        if observer not in self.written.observers:
            self.written.observers.append(observer)
            self.changed()

    # Other applications

    def mount(
        self,
        child: App | ASGIApp,
        prefix: str = "",
        subdomain: str | None = None,
        isolated: bool = True,
        name: str | None = None,
        *,
        surrounds: Sequence[Surround] = (),
        transparent: bool = False,
        host: str | None = None,
        place: str | None = None,
    ) -> None:
        """Serve another application below a prefix.

        Args:
            child: an App, or any ASGI application.
            prefix: the path it is found under, such as `"/blog"`.
            subdomain: the subdomain it is found under.
            isolated: an App keeps its own store and config; False lets it share this one's.
            name: goes before the names of its routes: `url_for("blog:post")`.
            surrounds: what stands around its routes, the outermost first; heaven-contrib's levels are such.
            transparent: what it serves is this application's: `req.app` is, and names are found from here outwards.
            host: the hosts it is found under, such as `"{tenant}.shop.test"`, in place of a subdomain; its parameters
                are among `req.params`.
            place: where it was said, `file:line`, for what mounts in somebody's name; without it the caller's.

        Raises:
            RegistrationError: it is no application, or it contains this one.
        """
        place = place or said_at()
        if not callable(child):
            raise RegistrationError(f"mount at {place} got {child!r}; give an App or an ASGI application")
        mounted = child if isinstance(child, App) else _foreign(child)
        below = checked_prefix(prefix, "mount", place)
        below_subdomain = checked_subdomain(subdomain, "mount", place)
        below_host = checked_host(host, subdomain, "mount", place)
        mount = Mount(
            mounted,
            below,
            below_subdomain,
            isolated,
            name,
            place,
            surrounds=tuple(surrounds),
            transparent=transparent,
            host=below_host,
        )
        if isinstance(child, App):
            self._adopt(child, isolated, place)
        self.written.mounts.append(mount)
        self.changed()

    def fallback(self, application: ASGIApp) -> None:
        """Have another ASGI application answer what no route of this one matched, in place of 404.

        Methods that a path does not have stay 405. What a mounted App has no route for is its own to answer. The
        fallback gets the scope as a mounted application does, and has its lifespan; hooks do not run around it.

        Args:
            application: any ASGI application: pages that are not found, or what this one will replace one day.

        Raises:
            RegistrationError: it is no application, or there is a fallback already.

        Example:
            >>> async def not_here(scope, receive, send):
            ...     await send({"type": "http.response.start", "status": 404, "headers": []})
            ...     await send({"type": "http.response.body", "body": b"Nothing here."})
            >>> app = App()
            >>> app.fallback(not_here)
        """
        place = said_at(*self.speaks_from)
        if not callable(application):
            raise RegistrationError(f"fallback at {place} got {application!r}; give an ASGI application")
        if isinstance(application, App) and application in self._ancestors():
            raise RegistrationError(f"fallback at {place} would lead an application back to itself")
        known = self.written.fallback
        if known is not None:
            raise RegistrationError(f"fallback at {place} is a second one, after that at {known.place}; leave one out")
        self.written.fallback = Fallback(_foreign(application), place)
        self.changed()

    def _adopt(self, child: App, isolated: bool, place: str) -> None:
        if child in self._ancestors():
            raise RegistrationError(f"mount at {place} would put an application inside itself")
        if not isolated:
            both = [key for key in child.store if key in self.store and self.store is not child.store]
            if both:
                raise RegistrationError(
                    f"mount at {place} with isolated=False would lose a value: "
                    f"both applications keep {', '.join(both)}; keep it on one of them"
                )
            for key in child.store:
                self.store.keep(key, child.store.peek(key))
            child._share(self)
        child._parents.append(self)

    def _share(self, parent: App) -> None:
        """Use a parent's store and config, and let those that use this one's follow."""
        self.store = parent.store
        self.CONFIG = parent.CONFIG  # pyright: ignore[reportConstantRedefinition]
        for mount in self.written.mounts:
            if not mount.isolated and isinstance(mount.child, App):
                mount.child._share(self)  # noqa: SLF001

    def _ancestors(self) -> list[App]:
        return [self, *(each for parent in self._parents for each in parent._ancestors())]  # noqa: SLF001

    @property
    def is_mounted(self) -> bool:
        """Whether it is mounted on another application."""
        return bool(self._parents)

    @property
    def outermost(self) -> App:
        """The application that this one is mounted on, or that one's, and so on; itself where it is not mounted."""
        return self._ancestors()[-1]

    def _kept(self) -> dict[str, Any]:
        return self.store.values

    # What it came to

    @cached_property
    def stopping(self) -> Stopping:
        """Says that the server begins to stop, to whatever keeps a connection open for long."""
        from heaven.liveness import Stopping

        return Stopping()

    @property
    def wiring(self) -> Wiring:
        """What the application was compiled to: print it to see every route with its place and hooks."""
        return self.wire()

    def wire(self) -> Wiring:
        """Compile what was registered, unless that was done since the last change.

        Raises:
            RegistrationError: two registrations contradict each other; both places are named.
        """
        if self._wiring is None:
            from heaven.serving.compiling import compile_app

            self._wiring = compile_app(self)
        return self._wiring

    def url_for(self, name: str, /, **params: Any) -> str:
        """The path of a named route, with the prefixes this application is mounted under.

        Args:
            name: the route's `name=`, after those of the mounts on the way: `"blog:post"`.
            **params: its path parameters; that of a trailing star is given as `**{"*": "a/b"}`.

        Raises:
            NoSuchURL: there is no such route, or the parameters don't fit it.
        """
        return self.outermost.wire().url_for(self, name, params)

    def explain(self, method: str, url: str) -> Explanation:
        """What a request would meet: the route and why, what came near, hooks in order, limits.

        Args:
            method: the HTTP method, or `"WEBSOCKET"`.
            url: a whole URL, or a path.

        Example:
            >>> app = App()
            >>> _ = app.GET("/orders/:id:int", lambda req, res, ctx: None)
            >>> app.explain("GET", "https://shop.test/orders/7").params
            {'id': 7}
        """
        from heaven.looking.explain import explain

        return explain(self.wire(), method, url)

    def check(self) -> list[Finding]:
        """What looks wrong: routes that never match, hooks that cover nothing, bodies without a limit ..."""
        from heaven.looking.check import check

        return check(self)

    def changed(self) -> None:
        """Have this application, and those it is mounted on, compiled anew before the next request."""
        for app in self._ancestors():
            app._wiring = None  # noqa: SLF001


class Subdomain(Verbs):
    """The verbs of an application, limited to one subdomain."""

    def __init__(self, app: App, name: str) -> None:
        self.default_subdomain: str | None = checked_subdomain(name, "subdomain", said_at())
        self.defaults: Options = app.defaults
        self._app = app

    def register(self, route: Route) -> None:
        """Write a route down, at the application."""
        self._app.register(route)


def _foreign(child: ASGIApp) -> Foreign:
    from heaven.serving.foreign import Foreign

    return Foreign(child)
