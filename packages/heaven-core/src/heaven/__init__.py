"""Heaven: a Python ASGI framework of three objects and one function shape, `async def handler(req, res, ctx)`."""

from heaven.app import SHUTDOWN, STARTUP, App, Battery
from heaven.bodies.forms import Upload
from heaven.bodies.multipart import Part
from heaven.callables import threaded
from heaven.declaring.config import Config
from heaven.declaring.store import Key
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
from heaven.looking.check import Finding
from heaven.looking.explain import Explanation
from heaven.messages.context import Context
from heaven.messages.request import Request
from heaven.messages.response import Response
from heaven.messages.websocket import WebSocket
from heaven.serving.assets import Assets
from heaven.types import ASGIApp, Deliverable, Handler, Message, Outcome, Receive, Scope, Send

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
