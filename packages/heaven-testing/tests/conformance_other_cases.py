"""For each rule of WebSockets, of lifespan and of scopes what breaks it, and what stands beside it and does not."""

from __future__ import annotations

from typing import Any

from conformance_plays import HTTP, LIFESPAN, WEBSOCKET, Case, Line, received, sent

CONNECT = received("websocket.connect")
ACCEPT = sent("websocket.accept")
HELLO = sent("websocket.send", text="hello")
CLOSE = sent("websocket.close")
LEFT = received("websocket.disconnect", code=1001)
DENIABLE = {**WEBSOCKET, "extensions": {"websocket.http.response": {}}}
DENY = sent("websocket.http.response.start", status=401, headers=[(b"content-length", b"2")])
WHY = sent("websocket.http.response.body", body=b"no")
PART = sent("websocket.http.response.body", body=b"n", more_body=True)


def accept(**fields: Any) -> Line:
    return sent("websocket.accept", **fields)


def ws(rule: str, detail: str, wrong: list[Line], right: list[Line], scope: Any = "websocket") -> Case:
    return Case(f"websocket-{rule}", detail, wrong, right, scope)


WEBSOCKETS = [
    Case("message-known", "the application sent 'websocket.ping', on a scope of the type websocket", [sent("websocket.ping")], [CONNECT, CLOSE], "websocket"),
    Case("message-known", "the application received 'websocket.pong', on a scope of the type websocket", [received("websocket.pong")], [CONNECT, CLOSE], "websocket"),
    Case("message-values", "websocket.send: 'x' is {1} (set)", [CONNECT, ACCEPT, sent("websocket.send", text="", x={1})], [CONNECT, ACCEPT, sent("websocket.send", text="", x=[1])], "websocket"),
    Case("header-bytes", "websocket.accept: the header 'a' (str) has a name that is not bytes", [CONNECT, accept(headers=[("a", "b")])], [CONNECT, accept(headers=[(b"a", b"b")])], "websocket"),
    ws("accept-first", "websocket.send was sent before websocket.accept", [CONNECT, HELLO], [CONNECT, ACCEPT, HELLO]),
    ws("accept-once", "websocket.accept was sent twice", [CONNECT, ACCEPT, ACCEPT], [CONNECT, ACCEPT, CLOSE]),
    ws("subprotocol-str", "websocket.accept: subprotocol is b'chat' (bytes)", [CONNECT, accept(subprotocol=b"chat")], [CONNECT, accept(subprotocol=None)]),
    ws("subprotocol-offered", "websocket.accept: subprotocol is 'mail', of 'chat', 'news'", [CONNECT, accept(subprotocol="mail")], [CONNECT, accept(subprotocol="news")]),
    ws("subprotocol-offered", "websocket.accept: subprotocol is 'chat', of none", [CONNECT, accept(subprotocol="chat")], [CONNECT, accept()], {**WEBSOCKET, "subprotocols": []}),
    ws("subprotocol-header", "websocket.accept: a header 'sec-websocket-protocol' is b'chat' (bytes)", [CONNECT, accept(headers=[(b"sec-websocket-protocol", b"chat")])], [CONNECT, accept(headers=[(b"x-chat", b"1")])]),
    ws("send-one", "websocket.send has neither bytes nor text", [CONNECT, ACCEPT, sent("websocket.send", text=None)], [CONNECT, ACCEPT, sent("websocket.send", text=None, bytes=b"")]),
    ws("send-one", "websocket.send has both bytes and text", [CONNECT, ACCEPT, sent("websocket.send", text="", bytes=b"")], [CONNECT, ACCEPT, sent("websocket.send", text="")]),
    ws("send-type", "websocket.send: bytes is 'hello' (str)", [CONNECT, ACCEPT, sent("websocket.send", bytes="hello")], [CONNECT, ACCEPT, HELLO]),
    ws("send-type", "websocket.send: text has half of a surrogate pair, which UTF-8 can't encode", [CONNECT, ACCEPT, sent("websocket.send", text="\ud800")], [CONNECT, ACCEPT, sent("websocket.send", text="\U0001f600")]),
    ws("send-type", "websocket.send: text is b'hello' (bytes)", [CONNECT, ACCEPT, sent("websocket.send", text=b"hello")], [CONNECT, ACCEPT, HELLO]),
    *(ws("close-code", f"websocket.close: code is {code!r} ({type(code).__name__})", [CONNECT, ACCEPT, sent("websocket.close", code=code)], [CONNECT, ACCEPT, sent("websocket.close", code=good)])
      for code, good in ((999, 1000), (1004, 1003), (1005, 1007), (1006, 1014), (1015, 3000), (2999, 4999), (5000, 4000), ("1000", 1008), (True, 1001), (None, 1002))),
    ws("close-reason", "websocket.close: reason is b'bye' (bytes)", [CONNECT, ACCEPT, sent("websocket.close", reason=b"bye")], [CONNECT, ACCEPT, sent("websocket.close", reason=None)]),
    ws("close-reason", f"websocket.close: reason has 124 bytes: '{'é' * 27 + '...' + 'é' * 27}", [CONNECT, ACCEPT, sent("websocket.close", reason="é" * 62)], [CONNECT, ACCEPT, sent("websocket.close", reason="é" * 61 + "e")]),
    ws("after-close", "websocket.send was sent after the end", [CONNECT, ACCEPT, CLOSE, HELLO], [CONNECT, ACCEPT, HELLO, CLOSE, LEFT, LEFT]),
    ws("after-close", "websocket.close was sent after the end", [CONNECT, CLOSE, CLOSE], [CONNECT, CLOSE]),
    ws("after-close", "websocket.http.response.start was sent after the end", [CONNECT, CLOSE, DENY], [CONNECT, DENY, WHY], DENIABLE),
    ws("after-close", "websocket.accept was sent after the end", [CONNECT, DENY, WHY, ACCEPT], [CONNECT, DENY, PART, sent("websocket.http.response.body", body=b"o")], DENIABLE),
    ws("unanswered", "the application returned without websocket.accept or websocket.close", [CONNECT], [CONNECT, LEFT]),
    ws("denial-extension", "websocket.http.response.start was sent, and 'websocket.http.response' is not offered", [CONNECT, DENY], [CONNECT, CLOSE]),
    ws("denial-early", "websocket.http.response.start was sent after websocket.accept", [CONNECT, ACCEPT, DENY], [CONNECT, ACCEPT], DENIABLE),
    ws("denial-alone", "websocket.accept was sent after websocket.http.response.start", [CONNECT, DENY, ACCEPT], [CONNECT, DENY, WHY], DENIABLE),
    ws("denial-alone", "websocket.http.response.start was sent after websocket.http.response.start", [CONNECT, DENY, DENY], [CONNECT, DENY, WHY], DENIABLE),
    Case("http-start-first", "websocket.http.response.body was sent without a start", [CONNECT, WHY], [CONNECT, DENY, WHY], DENIABLE),
    Case("http-content-longer", "websocket.http.response.body makes it 3 bytes, content-length is 2", [CONNECT, DENY, PART, WHY], [CONNECT, DENY, WHY], DENIABLE),
    Case("http-unfinished", "the application returned after 1 bytes of content", [CONNECT, DENY, PART], [CONNECT, DENY, PART, LEFT], DENIABLE),
    ws("connect-first", "websocket.receive came first", [received("websocket.receive", text="a")], [CONNECT, ACCEPT, received("websocket.receive", text="a")]),
    ws("connect-first", "websocket.disconnect came first", [LEFT], [CONNECT, LEFT]),
    ws("connect-once", "websocket.connect came again", [CONNECT, CONNECT], [CONNECT, CLOSE]),
    ws("receive-early", "websocket.receive came before websocket.accept was sent", [CONNECT, received("websocket.receive", text="a")], [CONNECT, ACCEPT, received("websocket.receive", text="a")]),
    ws("receive-one", "websocket.receive has neither bytes nor text", [CONNECT, ACCEPT, received("websocket.receive")], [CONNECT, ACCEPT, received("websocket.receive", bytes=b"", text=None)]),
    ws("receive-type", "websocket.receive: text is b'' (bytes)", [CONNECT, ACCEPT, received("websocket.receive", text=b"")], [CONNECT, ACCEPT, received("websocket.receive", text="")]),
    ws("disconnect-code", "websocket.disconnect: code is None (NoneType)", [CONNECT, received("websocket.disconnect")], [CONNECT, received("websocket.disconnect", code=1005)]),
    ws("disconnect-reason", "websocket.disconnect: reason is b'' (bytes)", [CONNECT, received("websocket.disconnect", code=1000, reason=b"")], [CONNECT, received("websocket.disconnect", code=1000, reason="")]),
    ws("after-disconnect", "websocket.receive came after websocket.disconnect", [CONNECT, ACCEPT, LEFT, received("websocket.receive", text="a")], [CONNECT, ACCEPT, LEFT, LEFT]),
]  # fmt: skip

STARTUP, STARTED = received("lifespan.startup"), sent("lifespan.startup.complete")
FAILED = sent("lifespan.startup.failed", message="no database")
SHUTDOWN, STOPPED = received("lifespan.shutdown"), sent("lifespan.shutdown.complete")


def life(rule: str, detail: str, wrong: list[Line], right: list[Line]) -> Case:
    return Case(rule, detail, wrong, right, "lifespan")


LIFESPANS = [
    life("message-known", "the application sent 'lifespan.complete', on a scope of the type lifespan", [STARTUP, sent("lifespan.complete")], [STARTUP, STARTED]),
    life("message-known", "the application received 'lifespan.begin', on a scope of the type lifespan", [received("lifespan.begin")], [STARTUP, STARTED]),
    life("message-values", "lifespan.startup.complete: 'message' is Ellipsis (ellipsis)", [STARTUP, sent("lifespan.startup.complete", message=...)], [STARTUP, sent("lifespan.startup.complete", message="hi")]),
    life("lifespan-early", "lifespan.startup.complete was sent before lifespan.startup was received", [STARTED], [STARTUP, STARTED]),
    life("lifespan-early", "lifespan.shutdown.complete was sent before lifespan.shutdown was received", [STARTUP, STARTED, STOPPED], [STARTUP, STARTED, SHUTDOWN, STOPPED]),
    life("lifespan-once", "lifespan.startup.failed was sent after lifespan.startup.complete", [STARTUP, STARTED, FAILED], [STARTUP, FAILED]),
    life("lifespan-message", "lifespan.startup.failed: message is OSError() (OSError)", [STARTUP, sent("lifespan.startup.failed", message=OSError())], [STARTUP, sent("lifespan.startup.failed")]),
    life("lifespan-unanswered", "the application returned without an answer to lifespan.startup", [STARTUP], []),
    life("lifespan-unanswered", "the application returned without an answer to lifespan.shutdown", [STARTUP, STARTED, SHUTDOWN], [STARTUP, STARTED, SHUTDOWN, sent("lifespan.shutdown.failed", message="")]),
    life("lifespan-startup-first", "lifespan.shutdown came first", [SHUTDOWN], [STARTUP, STARTED, SHUTDOWN, STOPPED]),
    life("lifespan-startup-once", "lifespan.startup came again", [STARTUP, STARTUP], [STARTUP, STARTED]),
    life("lifespan-shutdown-order", "lifespan.shutdown came after lifespan.startup.failed", [STARTUP, FAILED, SHUTDOWN], [STARTUP, FAILED]),
    life("lifespan-shutdown-order", "lifespan.shutdown came after no answer to the startup", [STARTUP, SHUTDOWN], [STARTUP, STARTED]),
    life("lifespan-shutdown-last", "lifespan.startup came after lifespan.shutdown", [STARTUP, STARTED, SHUTDOWN, STARTUP], [STARTUP, STARTED, SHUTDOWN, STOPPED]),
]  # fmt: skip

CASES = [*WEBSOCKETS, *LIFESPANS]

GONE = object()
_UNSEEN = [(b"x-unseen", b"1")]


def changed(scope: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A scope with other values; GONE takes a key out."""
    return {key: value for key, value in {**scope, **fields}.items() if value is not GONE}


# Rule, detail, a scope that breaks it, one beside it that does not.
SCOPES: list[tuple[str, str, Any, Any]] = [
    ("scope-type", "the scope is None (NoneType)", None, HTTP),
    ("scope-type", "scope['type'] is 'smtp' (str)", changed(HTTP, type="smtp"), HTTP),
    ("scope-type", "scope['type'] is None (NoneType)", {}, HTTP),
    ("scope-asgi", "scope['asgi'] is missing", changed(LIFESPAN, asgi=GONE), LIFESPAN),
    ("scope-asgi", "scope['asgi'] is '3.0' (str)", changed(HTTP, asgi="3.0"), changed(HTTP, asgi={"version": "3.0"})),
    ("scope-asgi", "scope['asgi'] is {'version': 3} (dict)", changed(HTTP, asgi={"version": 3}), HTTP),
    ("scope-asgi", "scope['asgi'] is {'spec_version': None, 'version': '3.0'} (dict)", changed(HTTP, asgi={"version": "3.0", "spec_version": None}), HTTP),
    ("scope-http-version", "scope['http_version'] is missing", changed(HTTP, http_version=GONE), changed(HTTP, http_version="2")),
    ("scope-http-version", "scope['http_version'] is 'HTTP/1.1' (str)", changed(HTTP, http_version="HTTP/1.1"), changed(HTTP, http_version="1.0")),
    ("scope-method", "scope['method'] is 'get' (str)", changed(HTTP, method="get"), changed(HTTP, method="M-SEARCH")),
    ("scope-method", "scope['method'] is '' (str)", changed(HTTP, method=""), changed(HTTP, method="1")),
    ("scope-method", "scope['method'] is b'GET' (bytes)", changed(HTTP, method=b"GET"), HTTP),
    ("scope-scheme", "scope['scheme'] is empty", changed(HTTP, scheme=""), changed(HTTP, scheme=GONE)),
    ("scope-scheme", "scope['scheme'] is None (NoneType)", changed(HTTP, scheme=None), changed(HTTP, scheme="https")),
    ("scope-path", "scope['path'] is b'/' (bytes)", changed(HTTP, path=b"/"), changed(HTTP, path="/é")),
    ("scope-raw-path", "scope['raw_path'] is '/' (str)", changed(HTTP, raw_path="/"), changed(HTTP, raw_path=None)),
    ("scope-query-string", "scope['query_string'] is missing", changed(HTTP, query_string=GONE), changed(WEBSOCKET, query_string=GONE)),
    ("scope-query-string", "scope['query_string'] is 'a=1' (str)", changed(WEBSOCKET, query_string="a=1"), changed(WEBSOCKET, query_string=None)),
    ("scope-root-path", "scope['root_path'] is None (NoneType)", changed(HTTP, root_path=None), changed(HTTP, root_path=GONE)),
    ("scope-headers", "scope['headers'] is None (NoneType)", changed(HTTP, headers=GONE), changed(HTTP, headers=iter([(b"a", b"b")]))),
    ("scope-headers", "scope['headers'] has ('a', 'b') (tuple)", changed(HTTP, headers=[("a", "b")]), changed(HTTP, headers=([b"a", b"b"],))),
    ("scope-headers", "scope['headers'] has (b'a', 'b') (tuple)", changed(HTTP, headers=[(b"a", "b")]), changed(HTTP, headers=[[b"a", b"b"]])),
    ("scope-headers", "scope['headers'] has the name b'Host' (bytes)", changed(HTTP, headers=[(b"Host", b"b")]), changed(HTTP, headers=_UNSEEN)),
    ("scope-headers", "scope['headers'] has the name b':authority' (bytes)", changed(HTTP, headers=[(b":authority", b"b")]), changed(HTTP, headers=[])),
    ("scope-client", "scope['client'] is '127.0.0.1' (str)", changed(HTTP, client="127.0.0.1"), changed(HTTP, client=None)),
    ("scope-client", "scope['client'] is ('127.0.0.1', None) (tuple)", changed(HTTP, client=("127.0.0.1", None)), changed(HTTP, client=["::1", 1])),
    ("scope-client", "scope['client'] is ('127.0.0.1',) (tuple)", changed(HTTP, client=("127.0.0.1",)), changed(HTTP, client=GONE)),
    ("scope-server", "scope['server'] is ('a', '80') (tuple)", changed(HTTP, server=("a", "80")), changed(HTTP, server=("/run/app.sock", None))),
    ("scope-server", "scope['server'] is 80 (int)", changed(HTTP, server=80), changed(HTTP, server=None)),
    ("scope-subprotocols", "scope['subprotocols'] is 'chat' (str)", changed(WEBSOCKET, subprotocols="chat"), changed(WEBSOCKET, subprotocols=("chat",))),
    ("scope-subprotocols", "scope['subprotocols'] is [b'chat'] (list)", changed(WEBSOCKET, subprotocols=[b"chat"]), changed(WEBSOCKET, subprotocols=GONE)),
    ("scope-state", "scope['state'] is None (NoneType)", changed(HTTP, state=None), changed(HTTP, state={"pool": object()})),
    ("scope-state", "scope['state'] is {1: 2} (dict)", changed(LIFESPAN, state={1: 2}), changed(LIFESPAN, state=GONE)),
    ("scope-extensions", "scope['extensions'] is ['tls'] (list)", changed(HTTP, extensions=["tls"]), changed(HTTP, extensions={"tls": {}})),
    ("scope-extensions", "scope['extensions'] is {b'tls': {}} (dict)", changed(WEBSOCKET, extensions={b"tls": {}}), changed(WEBSOCKET, extensions=None)),
]  # fmt: skip
