"""The small parts: path templates, identifiers, schemas, descriptions."""

from __future__ import annotations

import enum
import re
from dataclasses import replace
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven.errors import RegistrationError
from heaven.routing.converters import CONVERTERS
from heaven.routing.patterns import parse_pattern
from heaven_contrib.openapi import OpenAPIResponse, Problem, describe
from heaven_contrib.openapi.descriptions import checked_responses, description_of
from heaven_contrib.openapi.identifiers import identifiers
from heaven_contrib.openapi.paths import Templates, takes_any_text, type_of
from heaven_contrib.openapi.schemas import Schemas, SentFile


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Tea(msgspec.Struct):
    name: str
    colour: Colour = Colour.RED


class Cup(pydantic.BaseModel):
    size: int
    saucer: bool = True


class Pot(pydantic.BaseModel):
    cups: list[Cup] = []

    @pydantic.computed_field
    @property
    def full(self) -> bool:
        return True


class Tray(msgspec.Struct):
    pot: Pot
    teas: list[Tea]


def schema_of(annotation: Any, use: Any = "validation") -> Any:
    schemas = Schemas()
    asked = schemas.of(annotation, "GET /", use)
    return asked, schemas.components()


# Paths


@pytest.mark.parametrize(
    ("pattern", "template"),
    [
        ("/", "/"),
        ("/orders", "/orders"),
        ("/orders/", "/orders/"),
        ("/orders/:id:int/lines/:line", "/orders/{id}/lines/{line}"),
        ("/files/*", "/files/{path}"),
        ("/:path/*", "/{path}/{rest}"),
        ("/:path/:rest/*", "/{path}/{rest}/{path_}"),
        ("/files/:name:path", "/files/{name}"),
        ("/search?q&page:int", "/search"),
    ],
)
def test_a_pattern_becomes_a_template(pattern, template):
    """Parameters stand between braces, and what takes the rest of a path has a name."""
    assert template == Templates().of(parse_pattern(pattern)).text


def test_two_names_for_one_parameter_are_one_template():
    """Templates that differ in names alone are the same to OpenAPI, so the first names count for both."""
    templates = Templates()
    first, second = (templates.of(parse_pattern(each)) for each in ("/a/:id:int/b/:x", "/a/:name/b/:y"))
    assert first.text == second.text == "/a/{id}/b/{x}"
    assert {"name": "id", "y": "x"} == second.names


def test_a_type_of_the_application_is_text():
    """What a converter of another name takes can't be told."""
    assert str is type_of(replace(CONVERTERS["int"], name="isbn"))


@pytest.mark.parametrize(
    ("pattern", "takes"), [("/a", True), ("/:a/:b:str", True), ("/*", True), ("/:a:int", False), ("/:a/:b:uuid", False)]
)
def test_any_text_is_taken_or_not(pattern, takes):
    """A parameter of a type is a 404 for other text."""
    assert takes is takes_any_text(parse_pattern(pattern))


# Identifiers

OPERATIONS = st.lists(
    st.tuples(
        st.one_of(st.none(), st.sampled_from(["made", "read"])),
        st.sampled_from(["read", "<lambda>", "a b"]),
        st.sampled_from(["/", "/a/{b}", "/a/b", "/ä"]),
        st.sampled_from(["GET", "POST"]),
    ),
    max_size=12,
)


@given(OPERATIONS)
def test_identifiers_are_unique(operations):
    """Whatever operations are called, no two are called alike, and all are words."""
    found = identifiers(operations)
    assert len(operations) == len(set(found)) == len(found)
    assert all(re.fullmatch(r"\w+", each) for each in found)


def test_a_given_identifier_stays():
    """What was said by hand for one operation is its identifier, even where another comes to the same words."""
    operations = [(None, "read", "/a", "GET"), ("read_a_get", "x", "/b", "GET")]
    assert ["read_a_get_2", "read_a_get"] == identifiers(operations)


# Schemas


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (UUID, {"type": "string", "format": "uuid"}),
        (date, {"type": "string", "format": "date"}),
        (list[bool], {"type": "array", "items": {"type": "boolean"}}),
        (Annotated[int, msgspec.Meta(ge=1, le=9)], {"type": "integer", "minimum": 1, "maximum": 9}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[1, 2], {"type": "integer", "enum": [1, 2]}),
        (Annotated[Any, msgspec.Meta(extra_json_schema={"enum": [1, "a"]})], {"enum": [1, "a"]}),
        (Literal["a"] | None, {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}),
        (Any, {}),
        (object, {}),
        (list[SentFile], {"type": "array", "items": {"type": "string", "format": "binary"}}),
        (list[Tea], {"type": "array", "items": {"$ref": "#/components/schemas/Tea"}}),
        (Cup, {"$ref": "#/components/schemas/Cup"}),
        (list[Cup], {"type": "array", "items": {"$ref": "#/components/schemas/Cup"}}),
    ],
    ids=str,
)
def test_a_type_has_its_schema(annotation, schema):
    """msgspec writes the schemas of its types, pydantic those of its own; an enumeration says its type."""
    found, _ = schema_of(annotation)
    for place in (found, found.get("items", {})):
        place.pop("contentMediaType", None)
    assert schema == found


def test_a_class_is_a_component_once():
    """However often a class is named, its schema stands in one place."""
    schemas = Schemas()
    asked = [schemas.of(each, "GET /", "serialization") for each in (Tea, list[Tea], Tray, Pot)]
    components = schemas.components()
    assert ["Colour", "Cup", "Pot", "Tea", "Tray"] == sorted(components)
    assert {"type": "string", "enum": ["blue", "red"], "title": "Colour"} == components["Colour"]
    assert {"$ref": "#/components/schemas/Pot"} == components["Tray"]["properties"]["pot"]
    assert {"$ref": "#/components/schemas/Tea"} == asked[0]


def test_a_default_is_no_schema():
    """A value that happens to look like an enumeration stays as it is."""

    class Odd(msgspec.Struct):
        choice: dict[str, list[str]] = msgspec.field(default_factory=lambda: {"enum": ["a"]})
        other: Annotated[dict[str, Any], msgspec.Meta(examples=[{"enum": ["a"]}])] = {}

    _, components = schema_of(Odd)
    assert [{"enum": ["a"]}] == components["Odd"]["properties"]["other"]["examples"]


class Vague(msgspec.Struct):
    size: int = None
    colour: Colour = None
    weight: float = float("inf")
    note: str | None = None
    rest: Any = None


class VagueModel(pydantic.BaseModel):
    size: int = None
    colour: Colour = None
    weight: float = float("inf")
    note: str | None = None
    rest: Any = None


@pytest.mark.parametrize("kind", [Vague, VagueModel])
def test_a_default_that_is_no_value_of_its_type_is_left_out(kind):
    """None of an int, and infinity, would make a document that validators refuse; None of `X | None` is told."""
    _, components = schema_of(kind)
    properties = components[kind.__name__]["properties"]
    assert {"note": None, "rest": None} == {
        name: each["default"] for name, each in properties.items() if "default" in each
    }


def test_two_classes_of_one_name_in_one_place_are_named():
    """Classes that one function makes can't be told apart, which the message says with their name."""

    schemas = Schemas()
    for item in (int, str):
        schemas.of(msgspec.defstruct("Page", [("items", list[item])]), "GET /", "serialization")
    with pytest.raises(RegistrationError, match=r"two classes that are both .*Page, and can't tell"):
        schemas.components()


@pytest.mark.parametrize(("use", "computed"), [("validation", False), ("serialization", True)])
def test_a_model_has_two_sides(use, computed):
    """What pydantic computes is in what a client gets, and not in what it sends."""
    _, components = schema_of(Pot, use)
    assert computed is ("full" in components["Pot"]["properties"])


@pytest.mark.parametrize(("use", "computed"), [("validation", False), ("serialization", True)])
def test_a_model_inside_a_struct_has_the_side_of_the_struct(use, computed):
    """It is as clients send it where they send the Struct."""
    _, components = schema_of(Tray, use)
    assert computed is ("full" in components["Pot"]["properties"])


def test_a_class_that_nobody_knows_is_named():
    """What msgspec can write with a hook of the application's has a title, and may be anything."""

    class Odd: ...

    assert {"type": "array", "items": {"title": "Odd"}} == schema_of(list[Odd])[0]


def test_one_name_of_two_libraries():
    """Where a Struct and a model have one name, both are there."""
    cup = msgspec.defstruct("Cup", [("handle", bool)])
    schemas = Schemas()
    plain, model = schemas.of(cup, "GET /", "validation"), schemas.of(Pot, "GET /", "validation")
    components = schemas.components()
    assert ["Cup", "pydantic.Cup", "pydantic.Pot"] == sorted(components)
    assert ["#/components/schemas/Cup", "#/components/schemas/pydantic.Pot"] == [plain["$ref"], model["$ref"]]
    assert {"$ref": "#/components/schemas/pydantic.Cup"} == components["pydantic.Pot"]["properties"]["cups"]["items"]


class Lost(msgspec.Struct):
    where: "Nowhere"  # noqa: F821, UP037


@pytest.mark.parametrize("annotation", [Lost, "text", 7, Cup | Tea], ids=["lost", "text", "number", "mixed"])
def test_what_has_no_schema_is_named(annotation):
    """The message has the type and the route, and says what would do."""
    schemas = Schemas()
    schemas.of(Tea, "GET /teas", "validation")
    schemas.of(annotation, "GET /lost at shop.py:7", "validation")
    with pytest.raises(RegistrationError, match=r"no schema for .* of GET /lost at shop.py:7: "):
        schemas.components()


# Descriptions


def test_a_described_function_is_the_function():
    """`describe` wraps nothing."""

    async def read(req, res, ctx): ...

    assert read is describe(tags=["a"], security=["key", {"oauth2": ["read"]}])(read)
    assert ({"key": ()}, {"oauth2": ("read",)}) == description_of(read).security


def test_what_keeps_no_attribute_is_refused():
    """A bound method can't be described, and the message says where the function is."""

    class Shop:
        async def read(self, req, res, ctx): ...

    with pytest.raises(
        RegistrationError, match=r"describe at .*test_openapi_values\.py:\d+ got .* decorate the function"
    ):
        describe(tags=["a"])(Shop().read)


def test_what_was_not_described_says_nothing():
    """An attribute of the same name that somebody else set is none of ours."""

    class Odd:
        __openapi__ = {"tags": ["a"]}

    assert () == description_of(Odd()).tags == description_of(len).tags


def test_responses_are_said_in_four_ways():
    """A type, a response, a sentence, or None for no body."""
    found = checked_responses({200: int, 201: OpenAPIResponse(Tea, "Made."), 404: "It is gone.", 304: None}, "here")
    assert [("application/json", int, "OK"), ("application/json", Tea, "Made."), (None, None, "It is gone.")] == [
        (found[each].media_type, found[each].model, found[each].description) for each in (200, 201, 404)
    ]
    assert (None, "Not Modified") == (found[304].media_type, found[304].description)


def test_a_problem_is_a_problem_document():
    """The media type of a Problem is that of RFC 9457, unless it is said."""

    class Sold(Problem): ...

    assert "application/problem+json" == OpenAPIResponse(Sold).media_type
    assert "application/json" == OpenAPIResponse(Sold, media_type="application/json").media_type


@pytest.mark.parametrize("status", ["404", 99, 600, True, None], ids=str)
def test_a_response_has_a_status(status):
    """What is no status is refused, with the place it was said at."""
    with pytest.raises(RegistrationError, match=r"describe at .*test_openapi_values\.py:\d+ has the response"):
        describe(responses={status: None})
