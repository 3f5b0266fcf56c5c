"""Test Heaven applications the way a server runs them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heaven_testing.clients.client import Client
    from heaven_testing.clients.response import Response
    from heaven_testing.clients.sync_client import SyncClient
    from heaven_testing.clients.sync_websocket import SyncWebSocketSession
    from heaven_testing.clients.websocket import WebSocketSession
    from heaven_testing.conformance.rules import RULES, Rule
    from heaven_testing.conformance.wrapper import conforming
    from heaven_testing.errors import (
        ApplicationTimeout,
        ConformanceError,
        Disconnected,
        LeakError,
        ServerDidNotStart,
        ServerFailed,
        ServerMissing,
        ShutdownFailed,
        StartupFailed,
        WebSocketClosed,
        WebSocketDenied,
    )
    from heaven_testing.servers.live import LiveServer
    from heaven_testing.servers.mysql import MySQLServer
    from heaven_testing.servers.process import ServerProcess
    from heaven_testing.servers.redis import RedisServer
    from heaven_testing.servers.sentinel import SentinelServer
    from heaven_testing.servers.toxic import ToxicProxy
    from heaven_testing.tracing import Trace, TraceStep
    from heaven_testing.units import Called, call, make_context, make_request, make_response

# Imported when they are asked for (PEP 562): the plugin is loaded by every run of pytest, and costs those nothing that
# test no application.
_LATER = {
    "RULES": "conformance.rules",
    "ApplicationTimeout": "errors",
    "Called": "units",
    "Client": "clients.client",
    "ConformanceError": "errors",
    "Disconnected": "errors",
    "LeakError": "errors",
    "LiveServer": "servers.live",
    "MySQLServer": "servers.mysql",
    "RedisServer": "servers.redis",
    "Response": "clients.response",
    "Rule": "conformance.rules",
    "SentinelServer": "servers.sentinel",
    "ServerDidNotStart": "errors",
    "ServerFailed": "errors",
    "ServerMissing": "errors",
    "ServerProcess": "servers.process",
    "ShutdownFailed": "errors",
    "StartupFailed": "errors",
    "SyncClient": "clients.sync_client",
    "SyncWebSocketSession": "clients.sync_websocket",
    "ToxicProxy": "servers.toxic",
    "Trace": "tracing",
    "TraceStep": "tracing",
    "WebSocketClosed": "errors",
    "WebSocketDenied": "errors",
    "WebSocketSession": "clients.websocket",
    "call": "units",
    "conforming": "conformance.wrapper",
    "make_context": "units",
    "make_request": "units",
    "make_response": "units",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'heaven_testing' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"heaven_testing.{_LATER[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "RULES",
    "ApplicationTimeout",
    "Called",
    "Client",
    "ConformanceError",
    "Disconnected",
    "LeakError",
    "LiveServer",
    "MySQLServer",
    "RedisServer",
    "Response",
    "Rule",
    "SentinelServer",
    "ServerDidNotStart",
    "ServerFailed",
    "ServerMissing",
    "ServerProcess",
    "ShutdownFailed",
    "StartupFailed",
    "SyncClient",
    "SyncWebSocketSession",
    "ToxicProxy",
    "Trace",
    "TraceStep",
    "WebSocketClosed",
    "WebSocketDenied",
    "WebSocketSession",
    "call",
    "conforming",
    "make_context",
    "make_request",
    "make_response",
]
