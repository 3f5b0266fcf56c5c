"""For each rule of HTTP, of headers and of messages a play that breaks it, and one beside it that does not."""

from __future__ import annotations

from typing import Any

from conformance_plays import HTTP, Case, Line, received, sent

BODY = "http.response.body"
PART, LAST = sent(BODY, body=b"he", more_body=True), sent(BODY, body=b"llo")
END = sent(BODY)
REQUEST = received("http.request", body=b"", more_body=False)
LEFT = received("http.disconnect")


def start(*headers: Any, status: Any = 200, **fields: Any) -> Line:
    return sent("http.response.start", status=status, headers=list(headers), **fields)


def offering(*names: str, method: str = "GET") -> dict[str, Any]:
    return {**HTTP, "method": method, "extensions": {f"http.response.{name}": {} for name in names}}


START = start()
FIVE = start((b"content-length", b"5"))
ANNOUNCED = start(trailers=True)
PATHSEND, COPY, TRAILERS, HINTS, PUSH, DEBUG = (
    offering(name) for name in ("pathsend", "zerocopysend", "trailers", "early_hint", "push", "debug")
)
TRAILER = sent("http.response.trailers", headers=[(b"etag", b'"1"')])
HINT = sent("http.response.early_hint", links=[b"</a.css>; rel=preload"])
NOTE = sent("http.response.debug", info={"template": object()})
FILE = sent("http.response.pathsend", path="/srv/a.txt")


def copy(**fields: Any) -> Line:
    return sent("http.response.zerocopysend", **{"file": 3, **fields})


MESSAGES = [
    Case(
        "message-dict",
        "a message is [('type', 'http.response.start')] (list)",
        [Line("sent", [("type", "http.response.start")])],
        [START, END],
    ),
    Case("message-type", "a message has no type: {'status': 200} (dict)", [Line("sent", {"status": 200})], [START, END]),
    Case("message-type", "a message has the type b'http' (bytes)", [Line("sent", {"type": b"http"})], [START, END]),
    Case("message-type", "a message has the type None (NoneType)", [Line("received", {"type": None})], [REQUEST, START, END]),
    Case(
        "message-known",
        "the application sent 'http.response.begin', on a scope of the type http",
        [sent("http.response.begin")],
        [START, END],
    ),
    Case("message-known", "the application sent 'http.disconnect', on a scope of the type http", [sent("http.disconnect")], [START, END]),
    Case(
        "message-known",
        "the application received 'http.response.start', on a scope of the type http",
        [received("http.response.start", status=200)],
        [REQUEST, START, END],
    ),
    Case(
        "message-values",
        "http.response.start: 'context' is <object object> (object)",
        [start(context=type("object", (), {"__repr__": lambda self: "<object object>"})())],
        [start(context={"took": 0.5, "tags": ["a", ("b", None)], "count": 2**63 - 1}), END],
    ),
    Case("message-values", "http.response.body: 'took' is nan (float)", [START, sent(BODY, took=float("nan"))], [START, sent(BODY, took=1.0)]),
    Case("message-values", "http.response.body: 'n' is 9223372036854775808 (int)", [START, sent(BODY, n=2**63)], [START, sent(BODY, n=-(2**63))]),
    Case("message-values", "http.response.body: 'of' is {1: 2} (dict)", [START, sent(BODY, of={1: 2})], [START, sent(BODY, of={"1": 2})]),
    Case("message-values", "http.request has the key 7 (int)", [Line("received", {"type": "http.request", 7: 1})], [REQUEST, START, END]),
]  # fmt: skip

HEADERS = [
    Case("header-pairs", "http.response.start: headers is None (NoneType)", [sent("http.response.start", status=200, headers=None)], [START, END]),
    Case(
        "header-pairs",
        "http.response.start: headers is {b'a': b'b'} (dict)",
        [sent("http.response.start", status=200, headers={b"a": b"b"})],
        [sent("http.response.start", status=200, headers={b"a": b"b"}.items()), END],
    ),
    Case("header-pairs", "http.response.start: headers is [7] (list)", [start(7)], [start([b"a", b"b"]), END]),
    Case("header-pairs", "http.response.start: headers has (b'a',) (tuple)", [start((b"a",))], [start((b"a", b"")), END]),
    Case("header-pairs", "http.response.start: headers has 'ab' (str)", [start("ab")], [start(), END]),
    Case("header-bytes", "http.response.start: the header 'etag' (str) has a name that is not bytes", [start(("etag", b"1"))], [start((b"etag", b"1")), END]),
    Case("header-bytes", "http.response.start: the header 'etag' has the value '1' (str)", [start((b"etag", "1"))], [start((b"etag", b"1")), END]),
    Case("header-lower-case", "http.response.start: a header has the name b'ETag' (bytes)", [start((b"ETag", b"1"))], [start((b"etag", b"1")), END]),
    Case("header-pseudo", "http.response.start: a header has the name b':status' (bytes)", [start((b":status", b"1"))], [start((b"status", b"1")), END]),
    Case("header-name", "http.response.start: a header has the name b'e tag' (bytes)", [start((b"e tag", b"1"))], [start((b"e-tag", b"1")), END]),
    Case("header-name", "http.response.start: a header has the name b'' (bytes)", [start((b"", b"1"))], [start((b"!#$%&'*+-.^_`|~", b"1")), END]),
    Case("header-value", r"http.response.start: the header 'a' has the value b'1\r\nb: 2' (bytes)", [start((b"a", b"1\r\nb: 2"))], [start((b"a", b"1\t\xff")), END]),
    Case("header-value", r"http.response.start: the header 'a' has the value b'\x00' (bytes)", [start((b"a", b"\x00"))], [start((b"a", b"0")), END]),
    Case("header-value", r"http.response.early_hint: the header 'link' has the value b'a\n' (bytes)", [sent("http.response.early_hint", links=[b"a\n"])], [HINT, START, END], HINTS),
    Case("header-lower-case", "http.response.trailers: a header has the name b'ETag' (bytes)", [ANNOUNCED, END, sent("http.response.trailers", headers=[(b"ETag", b"1")])], [ANNOUNCED, END, TRAILER], TRAILERS),
]  # fmt: skip

RESPONSES = [
    Case("http-start-first", "http.response.body was sent without a start", [LAST], [START, LAST]),
    Case("http-start-once", "http.response.start was sent twice, first with 200", [START, START], [START, END]),
    Case("http-start-once", "http.response.start was sent twice, first with 404", [start(status=404), END, START], [START, END]),
    Case("http-status-type", "http.response.start: status is '200' (str)", [start(status="200")], [START, END]),
    Case("http-status-type", "http.response.start: status is True (bool)", [start(status=True)], [START, END]),
    Case("http-status-type", "http.response.start: status is None (NoneType)", [sent("http.response.start", headers=[])], [sent("http.response.start", status=200), END]),
    Case("http-status-final", "http.response.start: status is 100 (int)", [start(status=100)], [start(status=200), END]),
    Case("http-status-final", "http.response.start: status is 600 (int)", [start(status=600)], [start(status=599), END]),
    Case("http-body-bytes", "http.response.body: body is 'hello' (str)", [START, sent(BODY, body="hello")], [START, LAST]),
    Case("http-body-bytes", "http.response.body: body is bytearray(b'hello') (bytearray)", [START, sent(BODY, body=bytearray(b"hello"))], [START, LAST]),
    Case("http-body-bytes", "http.response.body: body is None (NoneType)", [START, sent(BODY, body=None)], [START, sent(BODY)]),
    Case("http-more-body", "http.response.body: more_body is 1 (int)", [START, sent(BODY, more_body=1)], [START, sent(BODY, more_body=True), END]),
    Case("http-after-end", "http.response.body was sent after the last part of the content", [START, LAST, LAST], [START, PART, LAST]),
    Case("http-no-content", "http.response.body has 3 bytes, and the status is 204", [start(status=204), LAST], [start(status=204), END]),
    Case("http-no-content", "http.response.body has 3 bytes, and the status is 205", [start(status=205), LAST], [start(status=200), LAST]),
    Case("http-no-content", "http.response.body has 2 bytes, and the status is 304", [start(status=304), PART], [start((b"content-length", b"5"), status=304), END]),
    Case("http-no-content", "http.response.pathsend has content, and the status is 304", [start(status=304), FILE], [START, FILE], PATHSEND),
    Case("http-content-length", "http.response.start: content-length is b'5' (bytes), before it 5", [start((b"content-length", b"5"), (b"content-length", b"5"))], [FIVE, PART, LAST]),
    Case("http-content-length", "http.response.start: content-length is b'-1' (bytes), before it None", [start((b"content-length", b"-1"))], [start((b"content-length", b"0")), END]),
    Case("http-content-longer", "http.response.body makes it 6 bytes, content-length is 5", [FIVE, PART, PART, PART], [FIVE, PART, PART, sent(BODY, body=b"o")]),
    Case("http-content-shorter", "http.response.body ends at 3 bytes, content-length is 5", [FIVE, LAST], [FIVE, PART, LAST]),
    Case("http-content-shorter", "http.response.zerocopysend ends at 4 bytes, content-length is 5", [FIVE, copy(count=4)], [FIVE, copy(count=5)], COPY),
    Case("http-unanswered", "the application returned without http.response.start", [REQUEST], [REQUEST, START, END]),
    Case("http-unfinished", "the application returned after 0 bytes of content", [START], [START, END]),
    Case("http-unfinished", "the application returned after 2 bytes of content", [START, PART], [START, PART, LAST]),
]  # fmt: skip

EXTENSIONS = [
    Case("http-extension", "http.response.pathsend was sent, and scope['extensions'] is {} (dict)", [START, FILE], [START, END]),
    Case("http-extension", "http.response.start announces trailers, and 'http.response.trailers' is not offered", [ANNOUNCED], [start(trailers=False), END]),
    Case("http-extension", "http.response.trailers was sent, and scope['extensions'] is {'http.response.push': {}} (dict)", [START, END, TRAILER], [START, END], PUSH),
    Case("http-pathsend-path", "http.response.pathsend: path is 'a.txt' (str)", [START, sent("http.response.pathsend", path="a.txt")], [START, FILE], PATHSEND),
    Case("http-pathsend-path", "http.response.pathsend: path is b'/a' (bytes)", [START, sent("http.response.pathsend", path=b"/a")], [START, FILE], PATHSEND),
    Case("http-pathsend-alone", "http.response.pathsend was sent after http.response.body", [START, PART, FILE], [FIVE, FILE], PATHSEND),
    Case("http-after-end", "http.response.body was sent after the last part of the content", [START, FILE, END], [START, FILE], PATHSEND),
    Case("http-start-first", "http.response.pathsend was sent without a start", [FILE], [START, FILE], PATHSEND),
    Case("http-zerocopysend-fields", "http.response.zerocopysend: file is '/a' (str)", [START, copy(file="/a")], [START, copy()], COPY),
    Case("http-zerocopysend-fields", "http.response.zerocopysend: offset is '1' (str)", [START, copy(offset="1")], [START, PART, copy(offset=1)], COPY),
    Case("http-zerocopysend-fields", "http.response.zerocopysend: count is -1 (int)", [START, copy(count=-1)], [FIVE, copy(more_body=True), END], COPY),
    Case("http-zerocopysend-fields", "http.response.zerocopysend: more_body is 0 (int)", [START, copy(more_body=0)], [START, copy(more_body=False)], COPY),
    Case("http-trailers-flag", "http.response.start: trailers is 'yes' (str)", [start(trailers="yes")], [ANNOUNCED, END, TRAILER], TRAILERS),
    Case("http-trailers-announced", "http.response.trailers was sent, and the start had no trailers=True", [START, END, TRAILER], [ANNOUNCED, END, TRAILER], TRAILERS),
    Case("http-trailers-last", "http.response.trailers was sent before the last part of the content", [ANNOUNCED, PART, TRAILER], [ANNOUNCED, PART, LAST, TRAILER], TRAILERS),
    Case("http-start-first", "http.response.trailers was sent without a start", [TRAILER], [ANNOUNCED, END, TRAILER], TRAILERS),
    Case("http-after-end", "http.response.trailers was sent after the last trailers", [ANNOUNCED, END, TRAILER, TRAILER], [ANNOUNCED, END, sent("http.response.trailers", headers=[], more_trailers=True), TRAILER], TRAILERS),
    Case("http-after-end", "http.response.body was sent after the last part of the content", [ANNOUNCED, END, END], [ANNOUNCED, END, TRAILER], TRAILERS),
    Case("http-trailers-more", "http.response.trailers: more_trailers is None (NoneType)", [ANNOUNCED, END, sent("http.response.trailers", headers=[], more_trailers=None)], [ANNOUNCED, END, TRAILER], TRAILERS),
    Case("http-trailers-missing", "the application returned without http.response.trailers", [ANNOUNCED, END], [ANNOUNCED, END, TRAILER], TRAILERS),
    Case("http-early-hint-links", "http.response.early_hint: links is b'</a>' (bytes)", [sent("http.response.early_hint", links=b"</a>")], [sent("http.response.early_hint", links=iter([b"</a>"])), START, END], HINTS),
    Case("http-early-hint-links", "http.response.early_hint: links has '</a>' (str)", [sent("http.response.early_hint", links=["</a>"])], [HINT, HINT, START, END], HINTS),
    Case("http-early-hint-first", "http.response.early_hint was sent after the start, with 200", [START, HINT], [HINT, START, END], HINTS),
    Case("http-push-path", "http.response.push: path is None (NoneType)", [sent("http.response.push", headers=[])], [START, sent("http.response.push", path="/a.css", headers=[]), END], PUSH),
    Case("http-after-end", "http.response.push was sent after the end of the response", [START, END, sent("http.response.push", path="/")], [sent("http.response.push", path="/"), START, END], PUSH),
    Case("http-debug-info", "http.response.debug: info is 'x' (str)", [sent("http.response.debug", info="x")], [NOTE, START, END], DEBUG),
    Case("http-debug-first", "http.response.debug was sent after the start", [START, NOTE], [NOTE, START, END], DEBUG),
    Case("http-debug-first", "http.response.debug was sent twice", [NOTE, NOTE], [NOTE, START, END], DEBUG),
]  # fmt: skip

REQUESTS = [
    Case("http-request-body", "http.request: body is 'x' (str)", [received("http.request", body="x")], [REQUEST, START, END]),
    Case("http-request-more-body", "http.request: more_body is None (NoneType)", [received("http.request", more_body=None)], [received("http.request"), START, END]),
    Case("http-request-after-end", "http.request came after one without more_body", [REQUEST, REQUEST], [received("http.request", body=b"x", more_body=True), REQUEST, LEFT]),
    Case("http-request-after-disconnect", "http.request came after http.disconnect", [LEFT, REQUEST], [REQUEST, LEFT, LEFT]),
]  # fmt: skip

CASES = [*MESSAGES, *HEADERS, *RESPONSES, *EXTENSIONS, *REQUESTS]
