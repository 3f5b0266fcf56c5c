"""Forms: single fields and files, and the whole form as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, TypedDict

import msgspec
import pytest

from binding_case import faults, given, refusal
from heaven import Upload
from heaven_contrib.routing.binding.params import Body, File, Form


class Person(msgspec.Struct):
    """A form with text, numbers and a file."""

    name: str
    age: int = 18
    tags: list[str] = []
    photo: Upload | None = None


class Strict(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    """A form that takes nothing else, and calls its fields otherwise."""

    first_name: str

    def __post_init__(self):
        if self.first_name == "root":
            raise ValueError("root is no name")


class Empty(msgspec.Struct):
    """A form without fields."""


@dataclass
class Pair:
    """A dataclass as a form."""

    left: int
    right: int = 5
    both: list[int] = field(default_factory=list)
    total: int = field(init=False, default=0)


class Options(TypedDict):
    """A TypedDict as a form."""

    size: int
    colour: NotRequired[str]


class Limited(TypedDict):
    """A TypedDict with limits."""

    page: Annotated[int, msgspec.Meta(ge=1)]
    words: NotRequired[Annotated[str, msgspec.Meta(max_length=3)]]
    sort: Annotated[NotRequired[str], msgspec.Meta(max_length=2)]


MULTIPART = {"content-type": "multipart/form-data; boundary=x"}


def names(values):
    """The same with the names and contents of uploads."""
    if isinstance(values, Upload):
        return values.filename, values.body
    if isinstance(values, Mapping):
        return {name: names(value) for name, value in values.items()}
    return [names(each) for each in values] if isinstance(values, list) else values


# Fields


def fields(
    name: str = Form(),
    age: int = Form(default=18, ge=1),
    tags: list[str] = Form(default=[]),
    photo: Upload | None = File(default=None),
    pages: list[Upload] = File(default=[], max_length=2),
): ...


def test_fields_and_files_are_found_by_name():
    """Each field and file is a parameter; a list takes all of its name."""
    values = given(
        fields,
        data={"name": "Ada", "age": "36", "tags": ["a", "b"]},
        files=[("photo", ("me.png", b"PNG")), ("pages", ("1.txt", b"1")), ("pages", ("2.txt", b"2"))],
    )
    assert {
        "name": "Ada", "age": 36, "tags": ["a", "b"], "photo": ("me.png", b"PNG"), "pages": [("1.txt", b"1"), ("2.txt", b"2")],
    } == names(values)  # fmt: skip


def test_an_urlencoded_form_is_as_good():
    """A form without files may be urlencoded."""
    assert {"name": "Ada", "age": 18, "tags": ["a", "b"], "photo": None, "pages": []} == given(
        fields, data={"name": "Ada", "tags": ["a", "b"]}
    )


def test_all_faults_of_fields_are_told():
    """Fields that are wrong or missing are told below `body`."""
    assert [
        (("body", "name"), "Missing required form field", "missing"),
        (("body", "age"), "Expected `int`", "type"),
        (("body", "pages"), "Expected `array` of length <= 2", "value"),
    ] == faults(
        fields,
        data={"age": "x"},
        files=[("pages", ("1.txt", b"1")), ("pages", ("2.txt", b"2")), ("pages", ("3.txt", b"3"))],
    )


def test_a_file_is_no_field_and_a_field_no_file():
    """Text under the name of a file is a missing file, and the other way round."""

    def function(name: str = Form(), photo: Upload = File()): ...

    assert [
        (("body", "name"), "Missing required form field", "missing"),
        (("body", "photo"), "Missing required file", "missing"),
    ] == faults(function, data={"photo": "text"}, files={"name": b"file"})


def test_a_form_that_was_not_sent_is_missing():
    """Without a body and a Content-Type every field is missing, and none is where none is required."""

    def optional(name: str = Form(default="nobody"), photo: Upload | None = File()): ...

    assert [(("body", "name"), "Missing required form field", "missing")] == faults(fields)
    assert {"name": "nobody", "photo": None} == given(optional)


def test_a_body_that_is_no_form_is_a_415():
    """Fields are taken of forms alone."""
    assert 415 == refusal(fields, json={"name": "Ada"}).status
    assert 415 == refusal(fields, content=b"name=Ada").status


def test_a_malformed_form_is_a_400():
    """A multipart body that ends too early is malformed."""
    assert 400 == refusal(fields, content=b"--x\r\n", headers=MULTIPART).status
    assert 400 == refusal(form(Person), content=b"--x\r\n", headers=MULTIPART).status


# The whole form


def form(annotation, *default, mark=Form):
    """A function of a whole form."""

    def function(data): ...

    function.__annotations__["data"] = annotation
    function.__defaults__ = (mark(*default),)
    return function


@pytest.mark.parametrize(
    ("annotation", "data", "expected"),
    [
        (Person, {"name": "Ada", "age": "36", "tags": "a"}, Person("Ada", 36, ["a"])),
        (Person, {"name": "Ada"}, Person("Ada")),
        (Pair, {"left": "1", "both": ["1", "2"]}, Pair(1, 5, [1, 2])),
        (Options, {"size": "1"}, {"size": 1}),
        (Options, {"size": "1", "colour": "red"}, {"size": 1, "colour": "red"}),
        (dict, {"a": "1", "b": ["2", "3"]}, {"a": "1", "b": "3"}),
        (dict[str, str], {"a": "1"}, {"a": "1"}),
        (dict[str, int], {"a": "1"}, {"a": 1}),
        (dict[str, list[int]], {"a": ["1", "2"], "b": "3"}, {"a": [1, 2], "b": [3]}),
        (Mapping[str, str], {"a": "1"}, {"a": "1"}),
        (Any, {"a": "1"}, {"a": "1"}),
        (Person | None, {"name": "Ada"}, Person("Ada")),
        (Empty, {"a": "1"}, Empty()),
    ],
    ids=str,
)
@pytest.mark.parametrize("files", [None, {"other": b"x"}], ids=["urlencoded", "multipart"])
def test_a_form_is_one_value(annotation, data, expected, files):
    """A Struct, dataclass, TypedDict or dict is made of the form's text, urlencoded or multipart."""
    values = given(form(annotation), data=data, files=files)["data"]
    if files and annotation in (dict, Any):
        assert b"x" == values.pop("other").body
    assert expected == values


def test_a_form_may_have_files_among_its_fields():
    """A field of type Upload is a file of the form."""
    value = given(form(Person), data={"name": "Ada"}, files={"photo": ("me.png", b"PNG")})["data"]
    assert ("Ada", ("me.png", b"PNG")) == (value.name, names(value.photo))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (form(Upload, mark=File), [("1.txt", b"1")]),
        (form(list[Upload], mark=File), [("1.txt", b"1"), ("2.txt", b"2")]),
        (form(dict[str, Upload], mark=File), {"a": ("1.txt", b"1"), "b": ("2.txt", b"2")}),
        (form(dict[str, list[Upload]], mark=File), {"a": [("1.txt", b"1")], "b": [("2.txt", b"2")]}),
        (form(list[Upload], mark=Body), [("1.txt", b"1"), ("2.txt", b"2")]),
    ],
    ids=["one", "list", "dict", "dict of lists", "body"],
)
def test_a_form_may_be_its_files(function, expected):
    """`data` as Upload is the file of a form, a list all of them, a dict all by name."""
    sent = [("a", ("1.txt", b"1")), ("b", ("2.txt", b"2"))]
    one = isinstance(expected, list) and len(expected) == 1
    value = names(given(function, data={"note": "x"}, files=sent[:1] if one else sent)["data"])
    assert expected == ([value] if one else value)


def test_one_file_is_one():
    """A single Upload is neither none nor two."""
    sent = [("a", ("1.txt", b"1")), ("b", ("2.txt", b"2"))]
    function = form(Upload, mark=File)
    assert [(("body",), "Expected one file", "value")] == faults(function, files=sent)
    assert [(("body",), "Missing required file", "missing")] == faults(function)
    assert [(("body",), "Missing required file", "missing")] == faults(form(list[Upload], mark=File))
    assert [(("body",), "Missing required file", "missing")] == faults(function, data={"a": "1"})


def test_a_file_may_be_left_out():
    """An Upload that may be None is None without a body."""
    assert {"data": None} == given(form(Upload | None, mark=File))


def test_a_form_has_the_names_of_its_fields():
    """Fields of a Struct are found under the names they are encoded with."""
    assert {"data": Strict("Ada")} == given(form(Strict), data={"firstName": "Ada"})


def test_all_faults_of_a_form_are_told():
    """Each wrong field is told by its name in the form, and what the type says itself."""
    assert [
        (("body", "name"), "Missing required form field", "missing"),
        (("body", "age"), "Expected `int`", "type"),
    ] == faults(form(Person), data={"age": "x"})
    assert [(("body",), "root is no name", "value")] == faults(form(Strict), data={"firstName": "root"})
    assert [
        (("body", "firstName"), "Missing required form field", "missing"),
        (("body", "first_name"), "Unknown field", "value"),
    ] == faults(form(Strict), data={"first_name": "Ada"})
    assert [(("body", "firstName"), "Missing required form field", "missing")] == faults(form(Strict))
    assert [(("body",), "Missing required body", "missing")] == faults(form(dict[str, int]))


def test_all_faults_of_a_dict_are_told():
    """Each wrong value of a form that is a dict is told by its key, also where a key has several values."""
    assert [(("body", "a"), "Expected `int`", "type"), (("body", "c"), "Expected `int`", "type")] == faults(
        form(dict[str, int]), data={"a": "x", "b": "1", "c": "y"}
    )
    assert [(("body", "a", 1), "Expected `int`", "type")] == faults(form(dict[str, list[int]]), data={"a": ["1", "x"]})
    assert [(("body", "a"), "Expected a finite number", "value")] == faults(
        form(dict[str, float]), data={"a": "nan", "b": "1.5"}
    )


def test_limits_of_a_typed_dict_count():
    """Fields of a TypedDict are held to their limits, whichever way NotRequired and Annotated are written."""
    assert {"data": {"page": 1, "words": "tea", "sort": "up"}} == given(
        form(Limited), data={"page": "1", "words": "tea", "sort": "up"}
    )
    assert [
        (("body", "page"), "Expected `int` >= 1", "value"),
        (("body", "words"), "Expected `str` of length <= 3", "value"),
        (("body", "sort"), "Expected `str` of length <= 2", "value"),
    ] == faults(form(Limited), data={"page": "0", "words": "coffee", "sort": "down"})


def test_what_is_not_required_may_be_written_as_text():
    """NotRequired counts where annotations are strings, of which the class itself knows nothing."""

    class Written(TypedDict):
        page: "int"
        sort: "NotRequired[Annotated[str, msgspec.Meta(max_length=2)]]"

    assert {"data": {"page": 1}} == given(form(Written), data={"page": "1"})
    assert [(("body", "page"), "Missing required form field", "missing")] == faults(form(Written), data={"sort": "up"})


def test_a_media_type_of_forms_makes_a_body_a_form():
    """`Body(media_type="multipart/form-data")` is the form, as Form() is."""

    def function(data: Person = Body(media_type="multipart/form-data")): ...

    assert {"data": Person("Ada")} == given(function, data={"name": "Ada"}, files={"other": b"x"})


def test_a_form_is_the_default_where_nothing_was_sent():
    """A whole form may have a default."""
    assert {"data": Person("nobody")} == given(form(Person, Person("nobody")))
