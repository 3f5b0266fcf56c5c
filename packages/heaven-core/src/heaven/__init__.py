"""Heaven: a Python ASGI framework of three objects and one function shape, `async def handler(req, res, ctx)`."""

from heaven.app import SHUTDOWN, STARTUP, App, Battery
from heaven.assets import Assets
from heaven.callables import threaded
from heaven.check import Finding
from heaven.config import Config
from heaven.context import Context
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
from heaven.explain import Explanation
from heaven.forms import Upload
from heaven.multipart import Part
from heaven.request import Request
from heaven.response import Response
from heaven.store import Key
from heaven.types import ASGIApp, Deliverable, Handler, Message, Outcome, Receive, Scope, Send
from heaven.websocket import WebSocket

Router = App
Application = App

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
    "HTTPError",
    "Handler",
    "HeaderError",
    "HeavenError",
    "Key",
    "Message",
    "NoSuchURL",
    "NotFound",
    "Outcome",
    "Part",
    "Receive",
    "RegistrationError",
    "Request",
    "Response",
    "Router",
    "Scope",
    "Send",
    "UnsupportedMediaType",
    "Upload",
    "ValidationError",
    "WebSocket",
    "WebSocketDisconnected",
    "WebSocketStateError",
    "threaded",
]
