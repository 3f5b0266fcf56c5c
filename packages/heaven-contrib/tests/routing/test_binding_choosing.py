"""Where a parameter comes from: by its name, then by its marker, else the query."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path as FilePath
from pathlib import PurePath
from typing import Annotated, Any, Literal

import msgspec
import pytest

from binding_case import bound
from heaven import App, Context, Headers, Request, Upload, WebSocket
from heaven.bodies.forms import Repeatable
from heaven.routing.converters import Converter
from heaven_contrib.routing.binding.params import Body, Cookie, File, Form, Header, Path, Query
from heaven_contrib.routing.binding.reserved import State
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_testing import make_context, make_request


class Item(msgspec.Struct):
    """A body."""

    name: str


class Level(IntEnum):
    """Numbers with names."""

    LOW = 1


class Colour(Enum):
    """Words with names."""

    RED = "red"


FOLDER = Converter("folder", 5, "a folder", FilePath, str, (FilePath,), "a")
SLUG = Converter("slug", 5, "a slug", str, str, (str,), "a")


def sources(binding):
    return {each.name: (each.source, each.alias, each.required) for each in binding.parameters}


def test_a_name_decides_first_and_a_marker_next():
    """Reserved names, dependencies, path parameters, markers, and the query for the rest."""

    def function(
        request, db, id: int, x_token: str = Header(), sid: str = Cookie(default=""), q: str = Query(alias="word"), page=1,
        data: Item = None,
    ): ...  # fmt: skip

    assert {
        "request": ("reserved", "request", True),
        "db": ("dependency", "db", True),
        "id": ("path", "id", True),
        "x_token": ("header", "x-token", True),
        "sid": ("cookie", "sid", False),
        "q": ("query", "word", True),
        "page": ("query", "page", False),
        "data": ("body", "data", False),
    } == sources(bound(function, path={"id": "int"}, dependencies=["db"]))


def test_a_reserved_name_and_a_dependency_come_before_the_path():
    """A dependency is not looked for in the path, and nothing else is called request."""

    def function(request, id): ...

    binding = bound(function, path={"id": "int", "request": "str"}, dependencies=["id", "request"])
    assert {"request": ("reserved", "request", True), "id": ("dependency", "id", True)} == sources(binding)


def test_a_path_parameter_may_have_another_name():
    """An alias names the parameter of the path."""

    def function(user_id: int = Path(alias="id", ge=1)): ...

    assert {"user_id": ("path", "id", True)} == sources(bound(function, path={"id": "int"}))


def test_a_type_with_none_is_not_required():
    """`X | None` without a default is None where it is absent."""

    def function(page: int | None, size: int): ...

    assert {"page": ("query", "page", False), "size": ("query", "size", True)} == sources(bound(function))
    assert [None] == [each.default for each in bound(function).parameters if not each.required]


def test_limits_of_a_marker_are_part_of_the_type():
    """The annotation of a parameter is what msgspec is given, None apart from the limits."""

    def function(page: int | None = Query(ge=1), word: str = Query(max_length=3)): ...

    assert [
        Annotated[int, msgspec.Meta(ge=1)] | None,
        Annotated[str, msgspec.Meta(max_length=3)],
    ] == [each.annotation for each in bound(function).parameters]


def test_only_a_body_needs_one():
    """A binding tells whether it reads the body at all."""

    def query(a: int): ...
    def data(data: Item): ...
    def payload(payload): ...
    def form(a: int = Form()): ...
    def file(a: Upload = File()): ...
    def body(a: Item = Body()): ...

    assert [False, True, True, True, True, True] == [
        bound(each).needs_body for each in (query, data, payload, form, file, body)
    ]


def test_a_binding_shows_where_its_parameters_come_from():
    """The repr of a binding is its plan."""

    def function(id: int, page: int = 1): ...

    binding = bound(function, path={"id": "int"})
    assert "Binding(id: path, page: query)" == repr(binding)
    assert "Texts(page)" == repr(binding._texts)


# What is given whole


def test_reserved_names_are_given_the_request_and_its_parts():
    """Each reserved name has its object, with or without a type."""

    def function(
        request: Request, headers: Headers, cookies: dict[str, str], query: Mapping[str, str], state, context
    ): ...

    app = App()
    app.keep("db", "the pool")
    req = make_request("GET", "/?tag=a&tag=b&page=2", headers={"x-a": "1"}, cookies={"sid": "7"}, app=app)
    ctx = make_context(user="ada")
    values = bound(function).read(req, ctx, None)
    assert (req, "1", {"sid": "7"}, "the pool", ctx) == (
        values["request"],
        values["headers"]["X-A"],
        values["cookies"],
        values["state"].db,
        values["context"],
    )
    query = values["query"]
    assert isinstance(query, Repeatable)
    assert ({"tag": "b", "page": "2"}, ["a", "b"], []) == (dict(query), query.getall("tag"), query.getall("none"))


def test_a_websocket_handler_is_given_its_socket():
    """`socket` is the connection that is served."""

    def function(socket: WebSocket, request: Request, context: Context, page: int = 1): ...

    req, ctx = make_request("GET", "/?page=2"), make_context()
    socket = WebSocket({"type": "websocket"}, None, None)
    expected = {"socket": socket, "request": req, "context": ctx, "page": 2}
    assert expected == bound(function, socket=True, methods=()).read(req, ctx, socket)


def test_state_reads_writes_and_forgets_what_the_application_keeps():
    """`state.x` is what the application keeps as x, both ways; the repr has no values."""
    app = App()
    state = State(app)
    assert ("State(empty)", False) == (repr(state), "db" in state)
    state.db = "the pool"
    assert ("the pool", "the pool", True, "State(db)") == (app.peek("db"), state.db, "db" in state, repr(state))
    state.nothing = None
    assert None is state.nothing
    del state.db
    assert "db" not in state
    with pytest.raises(AttributeError, match="nothing is kept as 'nothin'; did you mean 'nothing'"):
        _ = state.nothin
    with pytest.raises(AttributeError, match="nothing is kept as 'db'"):
        del state.db


# The path


@pytest.mark.parametrize(
    ("kind", "annotation", "value"),
    [
        ("int", int, 5),
        ("int", int | None, 5),
        ("int", Any, 5),
        ("int", object, 5),
        ("str", str, "x"),
        ("str", str | None, "x"),
        ("path", str, "a/b"),
        ("date", date, date(2024, 2, 29)),
        (FOLDER, FilePath, FilePath("a")),
        (FOLDER, PurePath | None, FilePath("a")),
        (FOLDER, object, FilePath("a")),
        (FOLDER, Any, FilePath("a")),
    ],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_what_the_path_has_converted_is_looked_up(kind, annotation, value):
    """Where converter and type agree, nothing is converted again."""

    def function(id): ...

    function.__annotations__["id"] = annotation
    binding = bound(function, path={"id": kind})
    assert binding._texts is None
    assert {"id": value} == binding.read(make_request(params={"id": value}), make_context(), None)


@pytest.mark.parametrize(
    ("kind", "annotation", "value", "expected"),
    [
        ("str", int, "5", 5),
        ("str", Level, "1", Level.LOW),
        ("str", Literal["a", "b"], "a", "a"),
        ("int", float, 5, 5.0),
        ("int", Level, 1, Level.LOW),
        ("int", Literal[1, 2], 2, 2),
        ("int", Annotated[int, msgspec.Meta(ge=1)], 5, 5),
        ("float", float | None, 1.5, 1.5),
        ("float", Decimal, 1.5, Decimal("1.5")),
    ],
    ids=str,
)
def test_what_the_path_has_of_another_type_is_converted(kind, annotation, value, expected):
    """A type that the converter's values fit into, is made of them."""

    def function(id): ...

    function.__annotations__["id"] = annotation
    assert {"id": expected} == bound(function, path={"id": kind}).read(
        make_request(params={"id": value}), make_context(), None
    )


def test_limits_hold_in_the_path():
    """A value that the path has converted is held to the limits of marker and type."""

    def function(
        id: int = Path(le=9), size: Annotated[int, msgspec.Meta(ge=1)] = 0, name: str = Path(max_length=3)
    ): ...

    binding = bound(function, path={"id": "int", "size": "int", "name": SLUG})
    assert {"id": 9, "size": 1, "name": "abc"} == binding.read(
        make_request(params={"id": 9, "size": 1, "name": "abc"}), make_context(), None
    )
    assert [
        {"loc": ["path", "id"], "msg": "Expected `int` <= 9", "type": "value"},
        {"loc": ["path", "size"], "msg": "Expected `int` >= 1", "type": "value"},
        {"loc": ["path", "name"], "msg": "Expected `str` of length <= 3", "type": "value"},
    ] == binding.faults(make_request(params={"id": 10, "size": 0, "name": "abcd"}))


# What is refused


def reserved_marked(request=Query()): ...
def reserved_typed(query: str): ...
def reserved_state(state: dict): ...
def no_socket(socket): ...
def marked_dependency(db: int = Query()): ...
def marked_data(data: int = Query()): ...
def marked_path(id: int = Header()): ...
def absent_path(thing: int = Path()): ...
def other_path(id: str): ...
def date_path(day: int): ...
def folder_path(folder: Decimal): ...
def folder_limits(folder: FilePath = Path(ge=1)): ...
def upload(photo: Upload): ...
def struct_query(item: Item): ...
def struct_list(items: list[Item]): ...
def dict_query(items: dict[str, int]): ...
def nested_list(items: list[list[int]]): ...
def custom(where: FilePath): ...
def limits(text: str = Query(ge=1)): ...
def path_limits(id: int = Path(min_length=1)): ...
def list_path(word: list[int]): ...
def list_cookie(ids: list[int] = Cookie()): ...
def both(data: Item, payload: Item): ...
def body_and_form(data: Item, name: str = Form()): ...
def query_twice(a: int = Query(alias="x"), x: int = 1): ...
def header_twice(x_a: int = Header(), b: int = Header(alias="X-A")): ...
def custom_body(data: FilePath): ...
def csv_body(data: Item = Body(media_type="text/csv")): ...
def no_media(data: bytes = Body(media_type="csv")): ...
def number_form(data: int = Form()): ...
def union_form(data: Item | list[int] = Form()): ...


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (reserved_marked, "the parameter 'request' is reserved for Request, and is marked; rename it"),
        (
            reserved_typed,
            "the parameter 'query' is reserved for Repeatable, and is annotated with str; leave",
        ),
        (reserved_state, "the parameter 'state' is reserved for State, and is annotated with dict"),
        (no_socket, "the parameter 'socket' is the WebSocket, and there is none; take request, or declare @websocket"),
        (marked_dependency, r"the parameter 'db' is a dependency, and is marked with Query\(\); rename one of them"),
        (marked_data, r"the parameter 'data' is the body, and is marked with Query\(\); rename it"),
        (marked_path, r"the parameter 'id' is a parameter of the path, and is marked with Header\(\); rename it"),
        (
            absent_path,
            r"the parameter 'thing' is marked with Path\(\), and the path has no parameter 'thing'; it has id, ",
        ),
        (
            other_path,
            "the parameter 'id' is converted to int by the path, and is annotated with str; make them the same",
        ),
        (date_path, "the parameter 'day' is converted to date by the path, and is annotated with int; make"),
        (folder_path, r"the parameter 'folder' is converted to \w+Path by the path, and is annotated with Decimal"),
        (folder_limits, "the parameter 'folder': Can only set `ge` on a numeric type"),
        (upload, r"the parameter 'photo' is an Upload, and comes from the query; mark it with File\(\)"),
        (struct_query, "the query parameter 'item': Item has fields, and one text has none"),
        (struct_list, "the query parameter 'items': Item has fields, and one text has none"),
        (dict_query, "the query parameter 'items': dict has fields, and one text has none"),
        (nested_list, "the query parameter 'items': a collection of collections has no form in text"),
        (custom, "the query parameter 'where': text is not converted to Path"),
        (limits, "the query parameter 'text': Can only set `ge` on a numeric type"),
        (path_limits, "the parameter 'id': Can only set `min_length`"),
        (list_path, "the path parameter 'word': it has one value, and no collection of them"),
        (list_cookie, "the cookie 'ids': it has one value, and no collection of them"),
        (both, "takes data, payload from the body, and data is all of it; put the others into its type"),
        (body_and_form, "takes data, name from the body, and data is all of it"),
        (query_twice, "the parameters 'a' and 'x' are both the query 'x'; leave one out"),
        (header_twice, "the parameters 'x_a' and 'b' are both the header 'X-A'"),
        (custom_body, "the body 'data': .*Path.* can't be the type of a body: JSON has no words for"),
        (csv_body, "the body 'data': a body of text/csv can be read as bytes or str, and not as .*Item"),
        (no_media, "the body 'data': 'csv' is no media type; write one such as 'text/csv'"),
        (union_form, r"the body 'data': a form can't be read as .*Item \| list\[int\]; give a Struct"),
        (number_form, "the body 'data': a form can't be read as int; give a Struct, a dataclass, a dict or Upload"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_signature_that_can_not_be_served_is_refused(function, complaint):
    """What can't come from where it should is told at construction: function, line, parameter, and what to write."""
    with pytest.raises(ImproperlyConfigured, match=rf"{function.__name__} at shop\.py:7:? .*{complaint}"):
        bound(function, path={"id": "int", "day": "date", "word": "str", "folder": FOLDER}, dependencies=["db"])


def one_body(data: Item): ...
def one_form(name: str = Form()): ...


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("function", [one_body, one_form], ids=["data", "form"])
def test_a_method_without_a_body_has_none_to_bind(function, method):
    """A body is refused for methods whose requests have none, also where another method has one."""
    with pytest.raises(ImproperlyConfigured, match=f"from a body, which a {method} request has none of; use POST"):
        bound(function, methods=["POST", method])


def test_a_websocket_has_no_body():
    """A body is refused for a WebSocket."""
    with pytest.raises(ImproperlyConfigured, match="takes data from a body; a WebSocket has none"):
        bound(one_body, socket=True, methods=())
