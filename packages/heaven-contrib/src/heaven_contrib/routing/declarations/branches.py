"""What holds routes: the routes themselves, those of a module, or an application; read when it is declared."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, TypeAlias, cast

from heaven import App
from heaven.types import ASGIApp
from heaven_contrib.routing.declarations.declaration import AnyHandler, HandlerDeclaration
from heaven_contrib.routing.declarations.gateways import Gateway, WebhookGateway, WebSocketGateway, checked_text
from heaven_contrib.routing.declarations.immutable import Immutable
from heaven_contrib.routing.declarations.views import APIView
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_contrib.routing.places import shown
from heaven_contrib.routing.shapes import takes


class Branch(Immutable):
    """An Include or a Host: it has either an application or routes.

    Args:
        app: an application, or `"module:attribute"` of one.
        routes: what stands in a list of routes.
        name: goes before the names below.
        place: where it was written, `file:line`.
    """

    __slots__ = ("app", "name", "place", "routes")

    def __init__(self, *, app: ASGIApp | str | None, routes: Routes | None, name: str | None, place: str) -> None:
        where = f"{type(self).__name__} at {place}"
        self.place: str = place
        self.name: str | None = checked_text(name, "name", where)
        self.app: ASGIApp | None = None if app is None else checked_app(app, where)
        self.routes: tuple[Route, ...] = () if routes is None else checked_routes(routes, where)


Route: TypeAlias = Gateway | WebhookGateway | Branch | App
"""What stands in a list of routes, once bare handlers and views have their Gateway; a Router is an App."""

Routes: TypeAlias = Sequence[Route | AnyHandler | type[APIView]]
"""What may be written in a list of routes."""


def check_one_of(where: str, **given: object) -> None:
    """Refuse several, or none, of what excludes each other.

    Args:
        where: which declaration got them, and where.
        **given: what was passed; None stands for what was not.

    Raises:
        ImproperlyConfigured: not exactly one was passed.
    """
    got = [name for name, value in given.items() if value is not None]
    if len(got) != 1:
        *names, last = given
        raise ImproperlyConfigured(
            f"{where} got {' and '.join(got) or 'nothing to serve'}; give exactly one of {', '.join(names)} and {last}"
        )


_ACCEPTED = (
    "a Gateway, WebSocketGateway, WebhookGateway, Include, Host or Router, a decorated handler or a class of APIView"
)


def checked_routes(routes: object, where: str) -> tuple[Route, ...]:
    """The routes of a list, with a Gateway around bare handlers and views.

    Args:
        routes: what was passed.
        where: to which declaration, and where: `"Include /api at shop.py:7"`.

    Raises:
        ImproperlyConfigured: it is no list, or something in it is no route; the message says what would be.

    Example:
        >>> from heaven_contrib.routing.declarations.handlers import get
        >>> @get("/users")
        ... async def list_users() -> list[str]: ...
        >>> checked_routes([list_users], "Include /api at shop.py:7")[0].leaves()[0].name
        'list_users'
        >>> checked_routes(["/users"], "Include /api at shop.py:7")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Include /api at shop.py:7 got '/users' in its routes; \
give a Gateway, WebSocketGateway, WebhookGateway, Include, Host or Router, a decorated handler or a class of APIView
    """
    if not isinstance(routes, list | tuple):
        raise ImproperlyConfigured(f"{where} got routes={shown(routes)}; give a list of {_ACCEPTED}")
    return tuple(_route(each, where) for each in cast("Sequence[Any]", routes))


def _route(each: Any, where: str) -> Route:
    if isinstance(each, Gateway | WebhookGateway | Branch | App):
        return each
    if isinstance(each, HandlerDeclaration):
        return (WebSocketGateway if each.is_socket else Gateway)(handler=cast("AnyHandler", each))
    if isinstance(each, type) and issubclass(each, APIView):
        return Gateway(handler=each)
    cure = _cure(cast("object", each))
    raise ImproperlyConfigured(f"{where} got {shown(each)} in its routes; give {cure}")


def _cure(each: object) -> str:
    """What to write instead of something that is no route."""
    if isinstance(each, list | tuple):
        return "its routes one by one, with a * before the list"
    if isinstance(each, APIView):
        return f"the class: {type(each).__qualname__}"
    if isinstance(each, type) or not callable(each):
        return _ACCEPTED
    if takes(each, "scope", "receive", "send"):
        return "an ASGI application to an Include: Include('/path', app=...)"
    return f"a function with @get() or the like above it, or {_ACCEPTED}"


def checked_app(app: object, where: str, name: str = "app") -> ASGIApp:
    """The application that was meant: itself, or what `"module:attribute"` names.

    Args:
        app: what was passed.
        where: to which declaration, and where.
        name: as which parameter.

    Raises:
        ImproperlyConfigured: it is no ASGI application, or the module has no such attribute.
        ModuleNotFoundError: there is no such module.

    Example:
        >>> checked_app("heaven:App", "Include /v2 at shop.py:7")
        Traceback (most recent call last):
        heaven_contrib.routing.errors.ImproperlyConfigured: Include /v2 at shop.py:7 got the class heaven.app.App \
for its app; give an instance of it
    """
    if isinstance(app, str):
        module, colon, attribute = app.partition(":")
        if not (module and colon and attribute):
            raise ImproperlyConfigured(f"{where} got {name}={app!r}; write 'module:attribute', or give the application")
        app = imported(module, attribute, where)
    if isinstance(app, type):
        raise ImproperlyConfigured(f"{where} got the class {shown(app)} for its {name}; give an instance of it")
    if isinstance(app, HandlerDeclaration):
        raise ImproperlyConfigured(f"{where} got {app!r} for its {name}; give handlers as routes: routes=[...]")
    if not callable(app) or not takes(app, "scope", "receive", "send"):
        raise ImproperlyConfigured(f"{where} got {name}={shown(app)}; give an ASGI application, or 'module:attribute'")
    return cast("ASGIApp", app)


def imported(module: str, attribute: str, where: str) -> Any:
    """An attribute of a module, which is imported.

    Args:
        module: its full name.
        attribute: a name, or several with dots between them.
        where: who asked for it, and where.

    Raises:
        ImproperlyConfigured: the module has no such attribute.
        ModuleNotFoundError: there is no such module.
    """
    found: Any = import_module(module)
    for name in attribute.split("."):
        try:
            found = getattr(found, name)
        except AttributeError:
            raise ImproperlyConfigured(
                f"{where} looks for {attribute!r} in the module {module!r}, which has none; "
                "where it has one, the two import each other"
            ) from None
    return found


__all__ = ["Branch", "Route", "Routes", "check_one_of", "checked_app", "checked_routes", "imported"]
