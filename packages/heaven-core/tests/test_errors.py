"""The exceptions a user may catch, and what they say."""

from __future__ import annotations

import copy
import doctest
import pickle
from http import HTTPStatus
from typing import Any

import pytest

from heaven import errors
from heaven.errors import (
    Abort,
    BackgroundError,
    BadRequest,
    BodyTooLarge,
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
    reason_phrase,
)


def test_the_examples_run() -> None:
    """Every example in a docstring gives what it shows."""
    assert 0 == doctest.testmod(errors).failed


def test_everything_raised_on_purpose_has_one_ancestor() -> None:
    """`except HeavenError` catches all that Heaven raises on purpose."""
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]

    assert [] == [each for each in found if not issubclass(each, HeavenError)]


@pytest.mark.parametrize(
    ("kind", "ancestor"),
    [
        (RegistrationError, ValueError),
        (HeaderError, ValueError),
        (NoSuchURL, LookupError),
        (WebSocketStateError, RuntimeError),
    ],
)
def test_errors_are_also_what_python_calls_them(kind: type, ancestor: type) -> None:
    """Who knows only Python's own exceptions catches them as well."""
    assert issubclass(kind, ancestor)


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (BadRequest("x"), 400, "400 Bad Request: x"),
        (NotFound(), 404, "404 Not Found"),
        (BodyTooLarge(), 413, "413 Content Too Large"),
        (UnsupportedMediaType(), 415, "415 Unsupported Media Type"),
        (ValidationError([]), 422, "422 Unprocessable Content: 0 values can't be accepted."),
        (ValidationError([{}]), 422, "422 Unprocessable Content: 1 value can't be accepted."),
        (ValidationError([{}], "x"), 422, "422 Unprocessable Content: x"),
        (HTTPError(HTTPStatus.CONFLICT), 409, "409 Conflict"),
    ],
)
def test_an_answer_has_its_status_and_says_it(error: HTTPError, status: int, text: str) -> None:
    """Its text is what logs and tracebacks show."""
    assert (status, int, text) == (error.status, type(error.status), str(error))


@pytest.mark.parametrize("status", [0, 200, 302, 399, 600])
def test_an_answer_that_is_no_error_is_refused(status: int) -> None:
    """res.status is for those."""
    with pytest.raises(ValueError, match=f"400 to 599, and got {status}; set res.status for others"):
        HTTPError(status)


def test_what_is_given_to_an_error_is_copied() -> None:
    """Nobody changes an error by changing what it was made from."""
    headers, faults = {"a": "1"}, [{"loc": []}]
    error = HTTPError(400, headers=headers, errors=faults)
    headers.clear()
    faults.clear()

    assert ({"a": "1"}, [{"loc": []}]) == (error.headers, error.errors)


@pytest.mark.parametrize("status", [200, 404, 413, 414, 416, 422, 299, 499, 599])
def test_every_status_has_words(status: int) -> None:
    """RFC 9110's, on every Python; neutral ones for codes that it doesn't know."""
    expected = {
        200: "OK",
        404: "Not Found",
        413: "Content Too Large",
        414: "URI Too Long",
        416: "Range Not Satisfiable",
    }
    expected |= {422: "Unprocessable Content", 299: "Unassigned", 499: "Error", 599: "Error"}

    assert expected[status] == reason_phrase(status)


def test_a_background_error_names_its_function() -> None:
    """By its qualified name, or as it is."""

    def send_mail() -> None: ...

    class Odd:
        def __repr__(self) -> str:
            return "odd"

    odd: Any = Odd()
    assert str(BackgroundError(send_mail)).endswith("send_mail failed in the background")
    assert ("odd failed in the background", odd) == (str(BackgroundError(odd)), BackgroundError(odd).function)


def test_a_closed_websocket_says_code_and_reason() -> None:
    """1005 where the other side gave none (RFC 6455 7.1.5)."""
    assert "the client closed the WebSocket (1005)" == str(WebSocketDisconnected())
    assert "the client closed the WebSocket (4000: bye)" == str(WebSocketDisconnected(4000, "bye"))


def test_an_abort_is_caught_like_any_error_of_heavens() -> None:
    """It is an exception, so `except Exception` around res.abort catches it."""
    assert issubclass(Abort, HeavenError)


@pytest.mark.parametrize(
    "error",
    [
        HTTPError(409, "x", headers={"a": "1"}),
        ValidationError([{"msg": "m"}]),
        NotFound("x"),
        WebSocketDisconnected(1001, "x"),
        BackgroundError(len),
    ],
)
def test_errors_can_be_copied_and_pickled(error: Exception) -> None:
    """Process pools hand exceptions over that way."""
    for again in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (type(error), str(error), vars(error)) == (type(again), str(again), vars(again))
