"""Heaven: a Python ASGI framework of three objects and one function shape, `async def handler(req, res, ctx)`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from heaven.app import App, Battery
from heaven.callables import threaded
from heaven.declaring.config import Config
from heaven.declaring.event_words import SHUTDOWN, STARTUP
from heaven.declaring.steps import Observer, Step
from heaven.declaring.store import Key
from heaven.declaring.verbs import RouteOptions
from heaven.errors import (
    BackgroundError,
    BadRequest,
    BodyTooLarge,
    ClientDisconnected,
    HeaderError,
    HeavenError,
    HTTPError,
    NoSuchURL,
    NotFound,
    RegistrationError,
    UnsupportedMediaType,
    ValidationError,
    WebSocketDisconnected,
    WebSocketStateError,
)
from heaven.routing.converters import register_converter
from heaven.types import ASGIApp, Deliverable, Handler, Message, Outcome, Receive, Scope, Send

if TYPE_CHECKING:
    from heaven.bodies.forms import FormData, Upload
    from heaven.bodies.multipart import Part
    from heaven.http.headers import Headers, ResponseHeaders
    from heaven.looking.check import Finding
    from heaven.looking.explain import Explanation
    from heaven.messages.context import Context
    from heaven.messages.request import Request
    from heaven.messages.response import Response
    from heaven.messages.websocket import WebSocket
    from heaven.serving.assets import Assets

Router = App
Application = App

# Imported when they are asked for (PEP 562): what only serves is not loaded by what only writes down.
_LATER = {
    "Assets": "heaven.serving.assets",
    "Context": "heaven.messages.context",
    "Explanation": "heaven.looking.explain",
    "Finding": "heaven.looking.check",
    "FormData": "heaven.bodies.forms",
    "Headers": "heaven.http.headers",
    "Part": "heaven.bodies.multipart",
    "Request": "heaven.messages.request",
    "Response": "heaven.messages.response",
    "ResponseHeaders": "heaven.http.headers",
    "Upload": "heaven.bodies.forms",
    "WebSocket": "heaven.messages.websocket",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'heaven' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_LATER[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "SHUTDOWN",
    "STARTUP",
    "ASGIApp",
    "App",
    "Application",
    "Assets",
    "BackgroundError",
    "BadRequest",
    "Battery",
    "BodyTooLarge",
    "ClientDisconnected",
    "Config",
    "Context",
    "Deliverable",
    "Explanation",
    "Finding",
    "FormData",
    "HTTPError",
    "Handler",
    "HeaderError",
    "Headers",
    "HeavenError",
    "Key",
    "Message",
    "NoSuchURL",
    "NotFound",
    "Observer",
    "Outcome",
    "Part",
    "Receive",
    "RegistrationError",
    "Request",
    "Response",
    "ResponseHeaders",
    "RouteOptions",
    "Router",
    "Scope",
    "Send",
    "Step",
    "UnsupportedMediaType",
    "Upload",
    "ValidationError",
    "WebSocket",
    "WebSocketDisconnected",
    "WebSocketStateError",
    "register_converter",
    "threaded",
]
