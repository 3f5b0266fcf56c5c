"""Decorated functions: what they say, what they keep, and what is refused where it is decorated."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import AsyncIterator
from dataclasses import FrozenInstanceError
from typing import Annotated, Any, NoReturn

import pytest

import heaven
from heaven import WebSocket
from heaven_contrib.routing import (
    BackgroundTask,
    BasePermission,
    HandlerDeclaration,
    ImproperlyConfigured,
    Response,
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
from heaven_contrib.routing.declarations.declaring import check_returned
from heaven_contrib.routing.declarations.handler_parameters import HandlerParameters

VERBS = {"get": get, "head": head, "post": post, "put": put, "patch": patch, "delete": delete}
VERBS |= {"options": options, "trace": trace}


class IsAdmin(BasePermission):
    """Refuses everybody."""

    def has_permission(self, request, apiview):
        return False


def here(offset: int = 0) -> str:
    """The file and line of the caller, some lines on."""
    frame = inspect.currentframe().f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno + offset}"


@pytest.mark.parametrize("word", VERBS)
def test_a_verb_declares_a_handler_for_its_method(word):
    """The status is 201 for POST, 204 for DELETE and 200 for all others."""

    @VERBS[word]("/users/{key:int}")
    async def serve(key: int): ...

    assert (word.upper(),) == serve.methods
    assert "/users/:key:int" == serve.path
    assert {"post": 201, "delete": 204}.get(word, 200) == serve.status_code
    assert f"@{word}" == repr(VERBS[word])


@pytest.mark.parametrize(
    ("methods", "declared", "status"),
    [
        (["GET"], ("GET",), 200),
        (["post"], ("POST",), 201),
        (("DELETE",), ("DELETE",), 204),
        (["PUT", "patch", "Put"], ("PUT", "PATCH"), 200),
        (["POST", "DELETE"], ("POST", "DELETE"), 200),
        (["GET", "POST"], ("GET", "POST"), 200),
        (["QUERY"], ("QUERY",), 200),
    ],
)
def test_route_declares_a_handler_for_several_methods(methods, declared, status):
    """Methods are written in upper case, each once; where their statuses differ it is 200."""

    @route("/users", methods=methods)
    async def serve(): ...

    assert declared == serve.methods
    assert status == serve.status_code


def test_what_was_not_said_follows_from_the_function():
    """The description is the docstring; the rest is silent."""

    @get()
    async def list_users() -> list[str]:
        """All users.

        In no order.
        """

    assert "" == list_users.path
    assert "All users.\n\nIn no order." == list_users.description
    assert "list_users" == list_users.function_name
    assert list[str] == list_users.returns
    silent = ("name", "summary", "media_type", "background", "operation_id", "sync_to_thread")
    assert [None] * len(silent) == [getattr(list_users, each) for each in silent]
    assert {} == list_users.responses
    assert not list_users.is_socket
    assert "handler" == list_users.level.kind


def test_everything_can_be_said():
    """What was passed is what the declaration has, and the level has what every level can say."""
    task = BackgroundTask(print)
    responses = {404: dict}

    @post(
        "/users",
        name="create",
        summary="Create a user",
        description="With a name.",
        status_code=202,
        media_type="application/vnd.user+json",
        background=task,
        responses=responses,
        operation_id="createUser",
        sync_to_thread=False,
        tags=["users"],
        permissions=[IsAdmin],
        deprecated=True,
        include_in_schema=False,
        dependencies={"clock": lambda: 0},
    )
    def create_user(data: dict) -> dict: ...

    responses[500] = dict
    said = ("name", "summary", "description", "status_code", "media_type", "background", "operation_id")
    assert ["create", "Create a user", "With a name.", 202, "application/vnd.user+json", task, "createUser"] == [
        getattr(create_user, each) for each in said
    ]
    assert {404: dict} == create_user.responses
    assert create_user.sync_to_thread is False
    assert ("users",) == create_user.level.tags
    assert create_user.level.deprecated
    assert not create_user.level.include_in_schema
    assert ["clock"] == list(create_user.level.dependencies)
    assert 1 == len(create_user.level.permissions)


def test_none_is_as_good_as_silence():
    """Every parameter may be None."""
    serve = get("/", **dict.fromkeys(HandlerParameters.__annotations__))(lambda: None)
    assert 200 == serve.status_code


def test_a_declaration_says_where_it_was_decorated():
    """Messages and people find it by file and line."""
    place = here(+2)

    @get("/users")
    async def list_users(): ...

    assert place == list_users.place == list_users.level.place
    assert f"@get {__name__}.{test_a_declaration_says_where_it_was_decorated.__name__}" in list_users.label
    assert f"<{list_users.label} at {place}>" == repr(list_users)


async def test_a_declared_function_can_be_called():
    """A test of the function needs no request."""

    @get("/double")
    async def double(number: int) -> int:
        return 2 * number

    @post("/double")
    def double_inline(number: int) -> int:
        return 2 * number

    assert 14 == await double(7)
    assert 14 == double_inline(number=7)
    assert ["number"] == list(inspect.signature(double).parameters)
    assert double.function is inspect.unwrap(double)


async def test_a_declared_method_can_be_called():
    """On an instance it is bound, on the class it is the declaration."""

    class Calculator:
        factor = 3

        @get("/times/{number:int}")
        async def times(self, number: int) -> int:
            return self.factor * number

    assert 21 == await Calculator().times(7)
    assert isinstance(Calculator.times, HandlerDeclaration)
    assert Calculator.times.function_name == "times"


def test_a_declaration_never_changes():
    """It can stand in many Gateways, and none of them leaves a trace."""

    @get("/users")
    async def list_users(): ...

    with pytest.raises(FrozenInstanceError):
        list_users.path = "/people"
    with pytest.raises((FrozenInstanceError, TypeError)):
        list_users.parent = object()
    with pytest.raises(TypeError):
        list_users.responses[404] = dict
    assert list_users is not copy.copy(list_users)
    assert list_users != copy.copy(list_users)


class Greeter:
    """Greets."""

    async def __call__(self, name: str) -> str:
        return f"Hello, {name}"


def greet(greeting: str, name: str) -> str:
    """Greet somebody."""
    return f"{greeting}, {name}"


@pytest.mark.parametrize(
    ("function", "name", "description"),
    [
        (Greeter(), "Greeter", "Greets."),
        (functools.partial(greet, "Hello"), "greet", "Greet somebody."),
        (functools.partial(functools.partial(greet), greeting="Hello"), "greet", "Greet somebody."),
        (Greeter().__call__, "__call__", None),
        (lambda name: f"Hello, {name}", "<lambda>", None),
        (len, "len", "Return the number of items in a container."),
    ],
    ids=["object", "partial", "nested", "method", "lambda", "builtin"],
)
def test_whatever_can_be_called_can_be_declared(function, name, description):
    """Partials and objects are named and described by what they stand for."""
    declared = get("/greetings/{name}")(function)
    assert name == declared.function_name
    assert description == declared.description
    assert declared.returns in (str, None)


def test_a_function_without_a_signature_can_be_declared():
    """What is written in C may have none that can be read; binding says what can't be served."""

    class Written:
        __signature__ = "unreadable"

        def __call__(self): ...

    assert "Written" == get()(Written()).function_name


def refusal(declare) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        declare()
    return str(caught.value)


async def serve_plainly(): ...


@pytest.mark.parametrize(
    ("given", "cure"),
    [
        ({"status_code": "200"}, "status_code='200'; give a status of a response, 200 to 599"),
        ({"status_code": 100}, "status_code=100; give a status of a response"),
        ({"status_code": 600}, "status_code=600; give a status of a response"),
        ({"media_type": "json"}, "media_type='json'; give a str such as 'text/html'"),
        ({"media_type": "a/b\r\nx: y"}, "give a str such as 'text/html'"),
        ({"name": ""}, "name=''; give a str that is not empty"),
        ({"name": 7}, "name=7; give a str that is not empty"),
        ({"summary": 7}, "summary=7; give a str"),
        ({"description": 7}, "description=7; give a str"),
        ({"operation_id": ""}, "operation_id=''; give a str that is not empty"),
        ({"background": print}, "background=<built-in function print>; give a BackgroundTask(function)"),
        ({"responses": [404]}, "responses=[404]; give what is answered for each status, as in {404: Problem}"),
        ({"responses": {"404": dict}}, "give what is answered for each status"),
        ({"sync_to_thread": 1}, "sync_to_thread=1; give True or False"),
        ({"sync_to_thread": True}, "sync_to_thread=True and is async; leave it out"),
        ({"statuscode": 200}, "got statuscode: nothing is taken as 'statuscode'; did you mean 'status_code'"),
        ({"permissions": [print]}, "print"),
        ({"tags": "users"}, "got tags='users'; give a list of str"),
        ({"path": "/{key"}, "got the path '/{key'"),
    ],
    ids=lambda value: "-".join(f"{name}={each}" for name, each in value.items()) if isinstance(value, dict) else "",
)
def test_parameters_that_cannot_work_are_refused(given, cure):
    """The message has the handler's name, the line of its decorator, and what would be accepted."""
    place = here(+1)
    message = refusal(lambda: get(**given)(serve_plainly))
    assert message.startswith(f"@get {__name__}.serve_plainly at {place} ")
    assert cure in message


@pytest.mark.parametrize("word", VERBS)
def test_a_decorator_without_brackets_is_refused(word):
    """`@get` above a function takes the function for a path; the message says to write `@get()`."""
    message = refusal(lambda: VERBS[word](serve_plainly))
    assert f"@{word} at {__file__}:" in message
    assert f"got {__name__}.serve_plainly (" in message
    assert f"write @{word}() above a function" in message


@pytest.mark.parametrize(
    ("methods", "cure"),
    [
        ([], "got methods=[]; give some of GET, HEAD, POST"),
        ("GET", "got methods='GET'; give a list, as in ['GET', 'POST']"),
        (["GET", "FETCH"], "got methods=['GET', 'FETCH']; give some of GET"),
        ([7], "got methods=[7]; give some of GET"),
        (None, "got methods=None; give a list"),
    ],
    ids=str,
)
def test_methods_that_nobody_knows_are_refused(methods, cure):
    """They are a list of names that HTTP has."""
    place = here(+1)
    message = refusal(lambda: route("/", methods=methods))
    assert message.startswith(f"@route at {place} ")
    assert cure in message


class Whole:
    """Has what is no method."""

    @staticmethod
    def static(): ...


def yields():
    """Is a generator, which is no value of a response."""
    yield "one"


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (None, "got None; it declares functions, so give one"),
        (Whole, "Whole; it declares functions, so give one"),
        ("users.read", "got 'users.read'; it declares functions"),
        (vars(Whole)["static"], "got a staticmethod or classmethod; give a function of the module, or a method"),
        (classmethod(greet), "got a staticmethod or classmethod"),
        (yields, "which yields; make it async, or return StreamingResponse(...) of what yields"),
        (get("/")(serve_plainly), "which is declared already; write @route(methods=[...]) for several methods"),
    ],
    ids=["None", "class", "str", "staticmethod", "classmethod", "generator", "declared"],
)
def test_what_is_no_function_is_refused(function, why):
    """The message says what a handler is made of."""
    assert why in refusal(lambda: post("/")(function))


def with_data(data: dict): ...
def with_payload(payload: dict): ...
def with_both(data: dict, payload: dict): ...
def with_socket(socket: WebSocket): ...
async def with_both_async(socket: WebSocket, data: dict): ...


@pytest.mark.parametrize("function", [with_data, with_payload], ids=["data", "payload"])
@pytest.mark.parametrize("word", ["get", "head", "options", "trace"])
def test_a_body_where_it_means_nothing_is_refused(word, function):
    """GET, HEAD, OPTIONS and TRACE have none (RFC 9110 9.3)."""
    message = refusal(lambda: VERBS[word]("/")(function))
    name = function.__name__.removeprefix("with_")
    assert f"takes {name}, and a body of {word.upper()} means nothing (RFC 9110 9.3.1); use @post" in message


def test_methods_with_and_without_a_body_have_handlers_of_their_own():
    """One without a body among them is enough for a refusal."""
    assert ("PUT", "POST") == route(methods=["PUT", "POST"])(with_data).methods
    message = refusal(lambda: route(methods=["POST", "GET"])(with_data))
    assert "takes data, and a body of GET means nothing" in message


@pytest.mark.parametrize("word", VERBS)
def test_data_and_payload_at_once_are_refused(word):
    """They are two names of the same body."""
    assert "takes both data and payload, which are the same body" in refusal(lambda: VERBS[word]("/")(with_both))


def test_a_path_parameter_with_the_name_of_a_dependency_is_refused():
    """The name could be bound to either."""
    message = refusal(lambda: get("/users/{key}", dependencies={"key": lambda: 7})(lambda key: None))
    assert "has 'key' in its path '/users/:key' and as a dependency of @get" in message
    assert "give one of them another name" in message


async def returns_dict() -> dict: ...
async def returns_optional() -> dict | None: ...
async def returns_annotated() -> Annotated[int, "a count"]: ...
async def yields() -> AsyncIterator[bytes]:
    yield b""


async def returns_nothing() -> None: ...
async def returns_unannotated(): ...
async def never_returns() -> NoReturn: ...
async def returns_any() -> Any: ...
async def returns_response() -> Response: ...
async def returns_core_response() -> heaven.Response | None: ...


BODIES = [returns_dict, returns_optional, returns_annotated, yields]
NO_BODIES = [returns_nothing, returns_unannotated, never_returns, returns_any, returns_response, returns_core_response]


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("function", BODIES, ids=lambda each: each.__name__)
def test_a_body_annotation_with_a_status_without_one_is_refused(function, status):
    """204 and 304 have no body (RFC 9110 15.3.5, 15.4.5); None among others is one."""
    message = refusal(lambda: get("/", status_code=status)(function))
    assert f"and a {status} has no body; return None, or say another status, as in status_code=200" in message
    assert 200 == delete("/", status_code=200)(function).status_code


def test_delete_has_no_body_by_default():
    """Its status is 204 unless it says another one."""
    assert "@delete" in refusal(lambda: delete("/")(returns_dict))


@pytest.mark.parametrize("function", NO_BODIES, ids=lambda each: each.__name__)
def test_no_body_goes_with_a_status_without_one(function):
    """A response decides itself; what says nothing, or anything, is not known to have a body."""
    assert 204 == delete("/")(function).status_code


def test_an_annotation_may_name_what_comes_later():
    """A class that is not there yet can't be judged when decorated, and is judged when the handler gets its place."""

    @delete("/")
    async def remove() -> Later: ...  # noqa: F821

    with pytest.raises(ImproperlyConfigured, match="'Later', which can't be resolved: name 'Later' is not defined"):
        _ = remove.returns
    check_returned(remove)
    globals()["Later"] = dict
    try:
        with pytest.raises(ImproperlyConfigured, match="a 204 has no body"):
            check_returned(remove)
    finally:
        del globals()["Later"]


def test_websocket_declares_a_handler_for_websockets():
    """It has a level of its own, like any other."""

    @websocket("/rooms/{room}", name="chat", summary="Chat", tags=["rooms"])
    async def chat(socket: WebSocket, room: str):
        """Talk."""

    assert ("WEBSOCKET",) == chat.methods
    assert chat.is_socket
    assert ("/rooms/:room", "chat", "Chat", "Talk.") == (chat.path, chat.name, chat.summary, chat.description)
    assert ("rooms",) == chat.level.tags
    assert 101 == chat.status_code


@pytest.mark.parametrize(
    ("function", "given", "why"),
    [
        (with_socket, {}, "is not async; write it as `async def name(socket: WebSocket)`"),
        (serve_plainly, {}, "does not take socket; write it as"),
        (with_both_async, {}, "takes data, and a WebSocket has no body; read from socket"),
        (
            serve_plainly,
            {"status_code": 200},
            "got status_code: nothing is taken as 'status_code'; known: after_request, ",
        ),
    ],
    ids=["sync", "without socket", "data", "status_code"],
)
def test_websocket_handlers_that_cannot_work_are_refused(function, given, why):
    """They are async, take the socket, and read from nothing else."""
    assert why in refusal(lambda: websocket("/", **given)(function))


@pytest.mark.parametrize("word", VERBS)
def test_a_socket_outside_of_a_websocket_is_refused(word):
    """A request has none."""
    assert "takes socket, and a request has none; declare it with @websocket" in refusal(
        lambda: VERBS[word]("/")(with_socket)
    )
