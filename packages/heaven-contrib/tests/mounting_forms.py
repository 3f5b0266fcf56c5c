"""Every way a declared handler can come to be served, with what can be said on each level on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from heaven import App
from heaven_contrib.routing import APIView, Application, Gateway, Host, Include, Router, WebSocketGateway

Said = Mapping[str, Mapping[str, Any]]
"""What each level says: its name, and the parameters it is given."""


@dataclass(frozen=True)
class Form:
    """One way: the levels that there are, the outermost first, and what makes the application.

    `build(said, gateway)` gets a function that makes the Gateway for the handler. `url` is the path of the Gateway's
    place, below which the handler has `/leaf`.
    """

    name: str
    levels: tuple[str, ...]
    url: str
    build: Callable[[Said, Callable[[], Any]], App]
    host: str = "testserver"

    def __str__(self) -> str:
        return self.name


def _constructor(said: Said, gateway: Callable[[], Any]) -> App:
    return Router(routes=[gateway()], **said["application"])


def _with_path(said: Said, gateway: Callable[[], Any]) -> App:
    return Router("/root", routes=[gateway()], **said["application"])


def _include(said: Said, gateway: Callable[[], Any]) -> App:
    return Router(routes=[Include("/include", routes=[gateway()], **said["include"])], **said["application"])


def _add_include(said: Said, gateway: Callable[[], Any]) -> App:
    router = Router(**said["application"])
    router.add_include(Include("/include", routes=[gateway()], **said["include"]))
    return router


def _nested(said: Said, gateway: Callable[[], Any]) -> App:
    inner = Include("/inner", routes=[gateway()], **said["inner include"])
    return Router(routes=[Include("/include", routes=[inner], **said["include"])], **said["application"])


def _namespace(said: Said, gateway: Callable[[], Any]) -> App:
    module = ModuleType("declared_routes_of_a_module")
    module.route_patterns = [gateway()]  # type: ignore[attr-defined]
    sys.modules[module.__name__] = module
    try:
        include = Include("/include", namespace=module.__name__, **said["include"])
    finally:
        del sys.modules[module.__name__]
    return Router(routes=[include], **said["application"])


def _include_router(said: Said, gateway: Callable[[], Any]) -> App:
    inner = Router("/router", routes=[gateway()], **said["router"])
    return Router(routes=[Include("/include", app=inner, **said["include"])], **said["application"])


def _add_router(said: Said, gateway: Callable[[], Any]) -> App:
    router = Router(**said["application"])
    router.add_router(Router("/router", routes=[gateway()], **said["router"]))
    return router


def _router_with_app(said: Said, gateway: Callable[[], Any]) -> App:
    child = Application(routes=[gateway()], **said["child"])
    return Router("/router", app=child, **said["application"])


def _parent(said: Said, gateway: Callable[[], Any]) -> App:
    router = Router(**said["application"])
    Router("/router", parent=router, routes=[gateway()], **said["router"])
    return router


def _child(said: Said, gateway: Callable[[], Any]) -> App:
    application = Application(**said["application"])
    application.add_child("/child", Application(routes=[gateway()], **said["child"]), **said["include"])
    return application


def _host(said: Said, gateway: Callable[[], Any]) -> App:
    return Router(routes=[Host("{tenant}.example.com", routes=[gateway()])], **said["application"])


def _host_app(said: Said, gateway: Callable[[], Any]) -> App:
    child = Application(routes=[gateway()], **said["child"])
    return Router(routes=[Host("api.example.com", app=child)], **said["application"])


def _core_mount(said: Said, gateway: Callable[[], Any]) -> App:
    app = App()
    app.mount(Router(routes=[gateway()], **said["router"]), prefix="/v2")
    return app


FORMS: tuple[Form, ...] = (
    Form("constructor", ("application",), "/gateway", _constructor),
    Form("path", ("application",), "/root/gateway", _with_path),
    Form("Include of routes", ("application", "include"), "/include/gateway", _include),
    Form("add_include", ("application", "include"), "/include/gateway", _add_include),
    Form("nested Includes", ("application", "include", "inner include"), "/include/inner/gateway", _nested),
    Form("Include of a namespace", ("application", "include"), "/include/gateway", _namespace),
    Form("Include of a Router", ("application", "include", "router"), "/include/router/gateway", _include_router),
    Form("add_router", ("application", "router"), "/router/gateway", _add_router),
    Form("parent", ("application", "router"), "/router/gateway", _parent),
    Form("Router with an app", ("application", "child"), "/router/gateway", _router_with_app),
    Form("child application", ("application", "include", "child"), "/child/gateway", _child),
    Form("Host of routes", ("application",), "/gateway", _host, "acme.example.com"),
    Form("Host of an app", ("application", "child"), "/gateway", _host_app, "api.example.com"),
    Form("mount of the core", ("router",), "/v2/gateway", _core_mount),
)


@dataclass(frozen=True)
class Way:
    """A form of mounting, and whether the handler is a function or a method of a view."""

    form: Form
    kind: str

    def __str__(self) -> str:
        return f"{self.form} - {self.kind}"

    @property
    def levels(self) -> tuple[str, ...]:
        """The levels there are, the outermost first."""
        return (*self.form.levels, "gateway", *(("view",) if self.kind == "view" else ()), "handler")

    @property
    def url(self) -> str:
        """The path of the handler."""
        return self.form.url + ("/view" if self.kind == "view" else "") + "/leaf"

    def build(self, declare: Callable[..., Any], said: Said, *, socket: bool = False) -> App:
        """The application.

        Args:
            declare: gives the declared handler; called with what the handler's level says.
            said: what each level says.
            socket: the handler is for WebSockets.
        """
        full = {level: said.get(level, {}) for level in self.levels}
        gateway = WebSocketGateway if socket else Gateway

        def made() -> Any:
            handler = declare(**full["handler"])
            if self.kind == "view":
                handler = type("View", (APIView,), {"path": "/view", "leaf": handler, **full["view"]})
            return gateway("/gateway", handler=handler, **full["gateway"])

        return self.form.build(full, made)


WAYS: tuple[Way, ...] = tuple(Way(form, kind) for form in FORMS for kind in ("function", "view"))
