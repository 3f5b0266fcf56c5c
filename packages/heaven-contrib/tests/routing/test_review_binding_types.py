"""Types as people write them, whose limits must count or be refused, and never be passed over."""

import typing
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, EmailStr, Field, PositiveInt

from binding_case import bound, faults, given, refusal
from heaven import Upload
from heaven_contrib.routing import Cookie as ResponseCookie
from heaven_contrib.routing import ResponseHeader
from heaven_contrib.routing.binding.params import Body, File, Form, Header, Path, Query
from heaven_contrib.routing.declarations.returned import returned
from heaven_contrib.routing.errors import ImproperlyConfigured
from heaven_testing import make_context, make_request

Alias = getattr(typing, "TypeAliasType", None)
needs_aliases = pytest.mark.skipif(Alias is None, reason="`type Name = ...` came with Python 3.12")


class Session:
    """Something that a dependency gives."""


class Cat(BaseModel):
    """One kind of pet."""

    kind: Literal["cat"]


class Dog(BaseModel):
    """Another one."""

    kind: Literal["dog"]
    age: int


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]


def union(number: Annotated[int, Query(ge=5)] | None = None): ...


def item(numbers: list[Annotated[int, Query(ge=5)]]): ...


def uncalled(token: Annotated[str, Header] | None = None): ...


@pytest.mark.parametrize("function", [union, item, uncalled], ids=lambda each: each.__name__)
def test_a_marker_inside_of_a_type_is_refused(function):
    """It would be passed over: a header read from the query, a limit that limits nothing."""
    with pytest.raises(ImproperlyConfigured, match=r"has a marker inside of its type.*Annotated\[int \| None, Query"):
        bound(function)


@needs_aliases
def test_a_marker_behind_the_name_of_a_type_counts():
    """`type Page = Annotated[int, Query(ge=1, alias="p")]` says what it says where it is written out."""

    def function(page: Alias("Page", Annotated[int, Query(ge=1, alias="p")]) = 1): ...

    assert {"page": 7} == given(function, "/?p=7&page=3")
    assert [(("query", "p"), "Expected `int` >= 1", "value")] == faults(function, "/?p=0")


@needs_aliases
def test_a_marker_behind_a_name_within_a_type_is_refused():
    """The name of a type hides no marker."""
    page = Alias("Page", Annotated[int, Query(ge=1)])

    def function(page: page | None = None): ...

    with pytest.raises(ImproperlyConfigured, match="has a marker inside of its type"):
        bound(function)


@needs_aliases
def test_a_type_that_names_itself_is_refused():
    """msgspec can't look to its end; what it says comes with the function and its line."""
    names = {}
    exec("type Tree = list[Tree] | int", names)  # noqa: S102 (Python 3.11 can't read it)

    tree = names["Tree"]

    def function(data: tree): ...

    with pytest.raises(ImproperlyConfigured, match=r"function at shop\.py:7: maximum recursion depth exceeded"):
        bound(function)


def positive(number: PositiveInt): ...
def limited(name: Annotated[str, Field(max_length=3)]): ...
def address(mail: EmailStr): ...
def header(numbers: Annotated[list[PositiveInt], Header()]): ...


@pytest.mark.parametrize("function", [positive, limited, address, header], ids=lambda each: each.__name__)
def test_limits_of_pydantic_are_refused_where_text_is_read(function):
    """msgspec would take the value and never look at them."""
    with pytest.raises(ImproperlyConfigured, match=r"pydantic alone reads .*; limits are options of the marker, as in"):
        bound(function, methods=["GET"])


def test_limits_of_pydantic_count_in_a_body():
    """A body that is written with them is read by pydantic."""

    def least(data: Annotated[list[int], Field(min_length=1)]): ...
    def positives(data: list[PositiveInt]): ...

    assert {"data": [1]} == given(least, json=[1])
    assert [("body",)] == [loc for loc, _, _ in faults(least, json=[])]
    assert [(("body", 1), "Input should be greater than 0", "value")] == faults(positives, json=[1, -1])


def test_a_tag_is_told_where_it_stands():
    """The fault of a discriminated union has the place of the tag, and quotes nothing of the client's."""

    def function(data: list[Pet]): ...

    assert [
        (("body", 0, "kind"), "Expected one of 'cat', 'dog'", "value"),
        (("body", 1, "kind"), "Field required", "missing"),
    ] == faults(function, json=[{"kind": "canary"}, {}])


def test_a_tag_that_a_function_tells_has_the_place_of_the_object():
    """There is no field to point at."""
    from pydantic import Discriminator, Tag

    def kind_of(value: Any) -> str:
        return "?"

    def function(data: Annotated[Annotated[Cat, Tag("a")] | Annotated[Dog, Tag("b")], Discriminator(kind_of)]): ...

    assert [(("body",), "Expected one of 'a', 'b'", "value")] == faults(function, json={})


def test_the_faults_of_a_model_are_told_up_to_a_limit():
    """A small body buys no answer of twenty megabytes."""

    def function(data: list[Cat]): ...

    error = refusal(function, json=[1] * 5000)

    assert (1000, "These are the first 1000 faults; there are more.") == (len(error.errors), error.detail)


@pytest.mark.parametrize("choice", ["labels", AliasChoices("labels", "marks")], ids=["name", "choices"])
def test_lists_of_a_models_form_have_the_names_of_its_fields(choice):
    """Every name under which a model takes a list gives all of its values."""

    class Tagged(BaseModel):
        tags: list[str] = Field(validation_alias=choice)

    def function(data: Tagged = Form()): ...

    assert ["a"] == given(function, data={"labels": "a"})["data"].tags


def content(photo: bytes = File()): ...
def name(photo: str | None = File(default=None)): ...


@pytest.mark.parametrize("function", [content, name], ids=lambda each: each.__name__)
def test_a_file_is_an_upload(function):
    """No file would ever be bytes, so each request that has one would be a 500."""
    with pytest.raises(ImproperlyConfigured, match=r"is a file, and is annotated with .*; a file is a heaven\.Upload"):
        bound(function)


def test_an_upload_is_no_text_of_a_form():
    """What is annotated with Upload is never a str."""

    def function(photo: Upload = Form()): ...

    with pytest.raises(ImproperlyConfigured, match=r"is an Upload, and comes from the form; mark it with File\(\)"):
        bound(function)


def test_a_file_may_have_no_type():
    """Without a type it is what came."""

    def function(photo=File()): ...

    uploads = given(function, files={"photo": b"png"})
    assert b"png" == uploads["photo"].body


def test_what_is_no_text_is_told_with_what_was_meant():
    """A model where FastAPI takes a body, and a session that nobody gives, are the first mistakes of many."""

    def model(user: Cat): ...
    def session(db: Session): ...

    with pytest.raises(ImproperlyConfigured, match=r"a body is called data or marked with Body\(\)"):
        bound(model)
    with pytest.raises(ImproperlyConfigured, match="and a dependency is declared by its name"):
        bound(session)


@pytest.mark.parametrize(
    "said",
    [{"ge": "x"}, {"pattern": "("}, {"min_length": -1}, {"gt": 1, "ge": 1}],
    ids=["type", "pattern", "negative", "both"],
)
def test_limits_that_can_not_work_are_refused_where_they_are_said(said):
    """The message has the line of the marker."""
    with pytest.raises(
        ImproperlyConfigured, match=r"Body\(\) at .*test_review_binding_types\.py:\d+ got limits that can't work: "
    ):
        Body(**said)


@pytest.mark.parametrize("alias", ["", 3], ids=["empty", "number"])
def test_an_alias_is_a_name(alias):
    """An empty one would mean the parameter's own name."""
    with pytest.raises(ImproperlyConfigured, match=r"Query\(\) at .* got alias=.*; give a str that is not empty"):
        Query(alias=alias)


@pytest.mark.parametrize("text", ["1.0", "1e3", "-0", "01", "null"])
def test_a_path_has_one_way_to_write_an_integer(text):
    """Without a converter too: two spellings of one number are two URLs, and two ways around a check."""

    def function(id: int): ...
    def optional(id: Annotated[int | None, Path(ge=0)] = None): ...

    for each in (function, optional):
        assert [(("path", "id"), "Expected `int`", "type")] == faults(each, params={"id": text}, path={"id": "str"})


def test_integers_of_a_path_are_taken_as_they_should_be_written():
    """With limits as well, and beside other types."""

    def function(id: int = Path(ge=-5), name: int | str = Path()): ...

    values = given(function, params={"id": "-5", "name": "1e3"}, path={"id": "str", "name": "str"})
    assert {"id": -5, "name": "1e3"} == values


def test_what_is_returned_is_known_where_a_parameter_is():
    """A hint in text has the names that the function closes over, for what goes in and for what comes out."""

    class Local: ...

    def function() -> "list[Local]":
        return [Local()]

    assert list[Local] == returned(function, "shop.py:7")


def test_the_default_of_a_body_is_the_same_for_each_request():
    """Whatever a handler does to it, and however deep that is."""

    def function(data: dict = Body(default={"tags": []})): ...

    binding = bound(function)
    for _ in range(2):
        values = binding.read(make_request("POST", "/"), make_context(), None)
        assert {"tags": []} == values["data"]
        values["data"]["tags"].append("changed")


class Plain:
    """Methods outside of a view."""

    def method(self): ...

    def selfless(): ...


def test_a_method_needs_its_object():
    """Else self would be a query parameter, and its message a riddle."""
    with pytest.raises(ImproperlyConfigured, match=r"method at shop\.py:7 takes self, and belongs to no object; write"):
        bound(Plain.method)
    with pytest.raises(
        ImproperlyConfigured, match=r"selfless at shop\.py:7 has no signature .* and a method with self"
    ):
        bound(Plain().selfless)
    assert () == bound(Plain().method).parameters


def cookie(session: str = ResponseCookie("session")): ...
def cookies(session: Annotated[str, ResponseCookie]): ...
def response_header(token: str = ResponseHeader(value="x")): ...


@pytest.mark.parametrize("function", [cookie, cookies, response_header], ids=lambda each: each.__name__)
def test_what_a_response_sets_is_no_marker(function):
    """Two things are called Cookie; the wrong one would be the value of each request."""
    with pytest.raises(ImproperlyConfigured, match=r"what a response sets for its marker; take Cookie and Header of"):
        bound(function)


def test_a_field_of_pydantic_is_no_marker():
    """It would be the value where the parameter is left out, and its limits would limit nothing."""

    def function(page: int = Field(default=1, ge=1)): ...

    with pytest.raises(ImproperlyConfigured, match=r"'page' has a Field of pydantic for its default; say it with a"):
        bound(function)


def test_a_union_is_read_as_all_of_its_members():
    """With a collection in it, it takes every value; with Upload in it, a file."""

    def several(ids: list[int] | int): ...
    def file(photo: Upload | str = File()): ...

    assert {"ids": [1, 2]} == given(several, "/?ids=1&ids=2")
    assert b"png" == given(file, files={"photo": b"png"})["photo"].body
