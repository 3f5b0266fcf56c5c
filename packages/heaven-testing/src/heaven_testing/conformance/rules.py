"""The rules of ASGI 3.0, each with a name, a sentence and the place where it is written."""

from __future__ import annotations

from dataclasses import dataclass

from heaven_testing.errors import ConformanceError


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that the specification asks of an application or of a server.

    Args:
        id: what it is called: `http-start-once`.
        text: what it asks, in one sentence.
        source: where it is written; a section of the ASGI specification, or of an RFC.
    """

    id: str
    text: str
    source: str


# Messages of every kind of connection
_MESSAGES = (
    Rule("message-dict", "a message is a dict", "ASGI, Events"),
    Rule("message-type", "a message says what it is by a str under the key 'type'", "ASGI, Events"),
    Rule(
        "message-known",
        "only messages that the specification has for this kind of connection, and for this direction, are sent",
        "ASGI, Events",
    ),
    Rule(
        "message-values",
        "keys of a message are str, and values bytes, str, int of 64 bits, finite float, bool, None, or lists and "
        "dicts of these",
        "ASGI, Events",
    ),
)

# What the application is called with
_SCOPES = (
    Rule("scope-type", "an application is called with a dict whose type is http, websocket or lifespan", "ASGI, Scope"),
    Rule("scope-asgi", "scope['asgi'] is a dict that has the version as a str", "ASGI, Connection Scope"),
    Rule("scope-http-version", "the version of HTTP is '1.0', '1.1', '2' or '3'", "ASGI HTTP, Connection Scope"),
    Rule("scope-method", "the method is a str in upper case", "ASGI HTTP, Connection Scope"),
    Rule("scope-scheme", "the scheme, where it is given, is a str that is not empty", "ASGI HTTP, Connection Scope"),
    Rule("scope-path", "the path is a str, decoded", "ASGI HTTP, Connection Scope"),
    Rule("scope-raw-path", "the raw path, where it is given, is bytes or None", "ASGI HTTP, Connection Scope"),
    Rule("scope-query-string", "the query string is bytes, percent-encoded", "ASGI HTTP, Connection Scope"),
    Rule("scope-root-path", "the root path, where it is given, is a str", "ASGI HTTP, Connection Scope"),
    Rule(
        "scope-headers",
        "the request's headers are an iterable of pairs of bytes, with names in lower case and no pseudo headers",
        "ASGI HTTP, Connection Scope",
    ),
    Rule("scope-client", "the client is None, or a pair of host and port: str and int", "ASGI HTTP, Connection Scope"),
    Rule(
        "scope-server",
        "the server is None, a pair of host and port, str and int, or a pair of a socket's path and None",
        "ASGI HTTP, Connection Scope",
    ),
    Rule("scope-subprotocols", "the subprotocols are an iterable of str", "ASGI WebSocket, Connection Scope"),
    Rule("scope-state", "the state, where the server supports it, is a dict with keys of str", "ASGI Lifespan, State"),
    Rule("scope-extensions", "the extensions, where there are any, are a dict by their names", "ASGI, Extensions"),
)

# Headers of a response, a handshake, a push, and trailers
_HEADERS = (
    Rule("header-pairs", "headers are an iterable of pairs of a name and a value", "ASGI HTTP, Response Start"),
    Rule("header-bytes", "names and values of headers are bytes", "ASGI HTTP, Response Start"),
    Rule("header-lower-case", "names of headers are in lower case", "ASGI HTTP, Response Start"),
    Rule("header-pseudo", "pseudo headers, which begin with a colon, are the server's", "ASGI HTTP, Response Start"),
    Rule("header-name", "the name of a header is a token: letters, digits and !#$%&'*+-.^_`|~", "RFC 9110 5.1"),
    Rule("header-value", "the value of a header has no line break and no NUL in it", "RFC 9110 5.5"),
)

_HTTP = (
    # From the application
    Rule("http-start-first", "http.response.start is sent before anything of the content", "ASGI HTTP, Response Start"),
    Rule("http-start-once", "a response starts once", "ASGI HTTP, Response Start"),
    Rule("http-status-type", "the status is an int, and a bool is none", "ASGI HTTP, Response Start"),
    Rule("http-status-final", "a response that starts has a final status, 200 to 599", "RFC 9110 15"),
    Rule("http-body-bytes", "the body is bytes", "ASGI HTTP, Response Body"),
    Rule("http-more-body", "more_body is a bool", "ASGI HTTP, Response Body"),
    Rule("http-after-end", "nothing is sent after the end of a response", "ASGI HTTP, Response Body"),
    Rule(
        "http-no-content",
        "responses with 204, 205 and 304 have no content",
        "RFC 9110 15.3.5, 15.3.6 and 15.4.5",
    ),
    Rule("http-content-length", "Content-Length is given once, as digits", "RFC 9110 8.6"),
    Rule("http-content-longer", "the content has no more bytes than Content-Length says", "RFC 9110 8.6"),
    Rule("http-content-shorter", "the content has all the bytes that Content-Length says", "RFC 9110 8.6"),
    Rule("http-unanswered", "an application does not return before it has started a response", "ASGI HTTP"),
    Rule(
        "http-unfinished",
        "an application does not return before the last part of a body, the one without more_body",
        "ASGI HTTP, Response Body",
    ),
    # From the application, to a server with extensions
    Rule(
        "http-extension",
        "what belongs to an extension is sent only where scope['extensions'] offers it",
        "ASGI, Extensions",
    ),
    Rule(
        "http-pathsend-path", "the path to send a file from is an absolute one, as a str", "ASGI Extensions, Path Send"
    ),
    Rule("http-pathsend-alone", "a file sent by its path is the whole content", "ASGI Extensions, Path Send"),
    Rule(
        "http-zerocopysend-fields",
        "a file to copy has a descriptor; offset and count, where given, are int, and more_body is a bool",
        "ASGI Extensions, Zero Copy Send",
    ),
    Rule("http-trailers-flag", "trailers, in the start of a response, is a bool", "ASGI Extensions, HTTP Trailers"),
    Rule(
        "http-trailers-announced",
        "trailers are sent where the start of the response announced them",
        "ASGI Extensions, HTTP Trailers",
    ),
    Rule("http-trailers-last", "trailers are sent after the content", "ASGI Extensions, HTTP Trailers"),
    Rule("http-trailers-more", "more_trailers is a bool", "ASGI Extensions, HTTP Trailers"),
    Rule("http-trailers-missing", "trailers that were announced are sent", "ASGI Extensions, HTTP Trailers"),
    Rule("http-early-hint-links", "the links of an early hint are an iterable of bytes", "ASGI Extensions, Early Hint"),
    Rule("http-early-hint-first", "an early hint is sent before the response starts", "RFC 8297 2"),
    Rule("http-push-path", "the path to push is a str", "ASGI Extensions, HTTP/2 Server Push"),
    Rule("http-debug-info", "debug information is a dict", "ASGI Extensions, Debug"),
    Rule("http-debug-first", "debug information is sent once, before the response starts", "ASGI Extensions, Debug"),
    # From the server
    Rule("http-request-body", "the body of a request is bytes", "ASGI HTTP, Request"),
    Rule("http-request-more-body", "more_body of a request is a bool", "ASGI HTTP, Request"),
    Rule("http-request-after-end", "after the last part of a request only http.disconnect comes", "ASGI HTTP, Request"),
    Rule(
        "http-request-after-disconnect", "after http.disconnect there is nothing else to come", "ASGI HTTP, Disconnect"
    ),
)

_WEBSOCKET = (
    # From the application
    Rule("websocket-accept-first", "a message is sent after the handshake was accepted", "ASGI WebSocket, Connect"),
    Rule("websocket-accept-once", "a handshake is accepted once", "ASGI WebSocket, Accept"),
    Rule("websocket-subprotocol-str", "the subprotocol is a str or None", "ASGI WebSocket, Accept"),
    Rule("websocket-subprotocol-offered", "the subprotocol is one of those the client offered", "RFC 6455 4.2.2"),
    Rule(
        "websocket-subprotocol-header",
        "the subprotocol is not among the headers, it has a key of its own",
        "ASGI WebSocket, Accept",
    ),
    Rule("websocket-send-one", "a message has either bytes or text that is not None", "ASGI WebSocket, Send"),
    Rule(
        "websocket-send-type",
        "bytes are bytes or None, and text is a str that UTF-8 can encode, or None",
        "ASGI WebSocket, Send; RFC 6455 5.6",
    ),
    Rule(
        "websocket-close-code",
        "the code to close with is an int that may be sent: 1000 to 1003, 1007 to 1014, 3000 to 4999",
        "RFC 6455 7.4",
    ),
    Rule("websocket-close-reason", "the reason to close for is a str, of at most 123 bytes as UTF-8", "RFC 6455 5.5"),
    Rule("websocket-after-close", "nothing is sent after a close, or after a refusal", "ASGI WebSocket, Close"),
    Rule(
        "websocket-unanswered",
        "an application does not return before it accepted or refused",
        "ASGI WebSocket, Connect",
    ),
    # From the application: a refusal with a response
    Rule(
        "websocket-denial-extension",
        "a handshake is refused by a response only where scope['extensions'] has websocket.http.response",
        "ASGI Extensions, WebSocket Denial Response",
    ),
    Rule(
        "websocket-denial-early",
        "a response refuses a handshake that has not been accepted",
        "ASGI Extensions, WebSocket Denial Response",
    ),
    Rule(
        "websocket-denial-alone",
        "after the start of a refusal its content is sent, and nothing else",
        "ASGI Extensions, WebSocket Denial Response",
    ),
    # From the server
    Rule(
        "websocket-connect-first", "websocket.connect is what an application receives first", "ASGI WebSocket, Connect"
    ),
    Rule("websocket-connect-once", "websocket.connect comes once", "ASGI WebSocket, Connect"),
    Rule("websocket-receive-early", "no message comes before the handshake was accepted", "ASGI WebSocket, Receive"),
    Rule("websocket-receive-one", "a message has either bytes or text that is not None", "ASGI WebSocket, Receive"),
    Rule(
        "websocket-receive-type",
        "bytes are bytes or None, and text is a str that UTF-8 can encode, or None",
        "ASGI WebSocket, Receive",
    ),
    Rule("websocket-disconnect-code", "the code of a disconnect is an int", "ASGI WebSocket, Disconnect"),
    Rule("websocket-disconnect-reason", "the reason of a disconnect is a str or None", "ASGI WebSocket, Disconnect"),
    Rule("websocket-after-disconnect", "after websocket.disconnect nothing else comes", "ASGI WebSocket, Disconnect"),
)

_LIFESPAN = (
    # From the application
    Rule("lifespan-early", "an event is answered after it was received", "ASGI Lifespan"),
    Rule("lifespan-once", "an event is answered once", "ASGI Lifespan"),
    Rule("lifespan-message", "the message of a failure is a str", "ASGI Lifespan, Startup Failed"),
    Rule(
        "lifespan-unanswered", "an event that was received is answered before the application returns", "ASGI Lifespan"
    ),
    # From the server
    Rule("lifespan-startup-first", "lifespan.startup is what an application receives first", "ASGI Lifespan, Startup"),
    Rule("lifespan-startup-once", "lifespan.startup comes once", "ASGI Lifespan, Startup"),
    Rule("lifespan-shutdown-order", "lifespan.shutdown comes after the startup is complete", "ASGI Lifespan, Shutdown"),
    Rule("lifespan-shutdown-last", "after lifespan.shutdown nothing comes", "ASGI Lifespan, Shutdown"),
)

RULES: tuple[Rule, ...] = (*_MESSAGES, *_SCOPES, *_HEADERS, *_HTTP, *_WEBSOCKET, *_LIFESPAN)
"""Every rule that is held against messages and scopes."""

_BY_ID = {rule.id: rule for rule in RULES}


def broken(rule_id: str, detail: str) -> ConformanceError:
    """The error to raise where a rule is broken.

    Args:
        rule_id: which rule.
        detail: what was seen that breaks it.

    Example:
        >>> str(broken("http-start-once", "http.response.start was sent twice"))
        'http.response.start was sent twice; a response starts once (ASGI HTTP, Response Start) [http-start-once]'
    """
    return ConformanceError(_BY_ID[rule_id], detail)
