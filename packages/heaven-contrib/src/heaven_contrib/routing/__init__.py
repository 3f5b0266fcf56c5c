"""Routes declared with Include, Gateway and their family, compiled to what the core serves.

Example:
    >>> from heaven_contrib.routing import Gateway, Include, Router, get
    >>> @get("/{name}")
    ... async def greet(name: str, times: int = 1) -> dict[str, str]:
    ...     return {"said": "Hello, " * times + name}
    >>> app = Router(routes=[Include("/api", routes=[Gateway("/greetings", handler=greet)])])
"""

from __future__ import annotations

from heaven.routing.converters import register_converter
from heaven_contrib.routing.app_options import AppOptions
from heaven_contrib.routing.binding.reserved import State
from heaven_contrib.routing.declarations.declaration import HandlerDeclaration
from heaven_contrib.routing.declarations.gateways import Gateway, WebhookGateway, WebSocketGateway
from heaven_contrib.routing.declarations.handler_parameters import HandlerParameters, SocketParameters
from heaven_contrib.routing.declarations.handlers import (
    delete,
    get,
    head,
    options,
    patch,
    post,
    put,
    route,
    trace,
    websocket,
)
from heaven_contrib.routing.declarations.hosts import Host
from heaven_contrib.routing.declarations.includes import Include
from heaven_contrib.routing.declarations.views import APIView
from heaven_contrib.routing.dependencies.factory import Factory
from heaven_contrib.routing.dependencies.inject import Inject
from heaven_contrib.routing.dependencies.injects import Injects
from heaven_contrib.routing.errors import ImproperlyConfigured, NoMatchFound, PermissionDenied
from heaven_contrib.routing.levels.interceptors import Interceptor
from heaven_contrib.routing.levels.level import LevelParameters
from heaven_contrib.routing.levels.middleware import DefineMiddleware
from heaven_contrib.routing.levels.permissions import BasePermission
from heaven_contrib.routing.responding.background import BackgroundTask, BackgroundTasks
from heaven_contrib.routing.responding.cookies import Cookie
from heaven_contrib.routing.responding.headers import ResponseHeader
from heaven_contrib.routing.responding.responses import (
    EventStreamResponse,
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    ResponseOptions,
    StreamingResponse,
)
from heaven_contrib.routing.router import Application, ChildRouter, Router

__all__ = [
    "APIView",
    "AppOptions",
    "Application",
    "BackgroundTask",
    "BackgroundTasks",
    "BasePermission",
    "ChildRouter",
    "Cookie",
    "DefineMiddleware",
    "EventStreamResponse",
    "Factory",
    "FileResponse",
    "Gateway",
    "HTMLResponse",
    "HandlerDeclaration",
    "HandlerParameters",
    "Host",
    "ImproperlyConfigured",
    "Include",
    "Inject",
    "Injects",
    "Interceptor",
    "JSONResponse",
    "LevelParameters",
    "NoMatchFound",
    "PermissionDenied",
    "PlainTextResponse",
    "RedirectResponse",
    "Response",
    "ResponseHeader",
    "ResponseOptions",
    "Router",
    "SocketParameters",
    "State",
    "StreamingResponse",
    "WebSocketGateway",
    "WebhookGateway",
    "delete",
    "get",
    "head",
    "options",
    "patch",
    "post",
    "put",
    "register_converter",
    "route",
    "trace",
    "websocket",
]
