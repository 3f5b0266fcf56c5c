"""pydantic's models as bodies, for applications that have them."""

from collections.abc import Sequence
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field, InstanceOf, field_validator
from pydantic.dataclasses import dataclass

from binding_case import bound, faults, given, refusal
from heaven import Upload
from heaven_contrib.routing.binding.params import Body, Form
from heaven_contrib.routing.errors import ImproperlyConfigured


class Item(BaseModel):
    """A model with limits, an alias and a validator."""

    name: str
    quantity: int = Field(default=1, ge=1)
    unit_price: float = Field(default=0.0, alias="unitPrice")
    tags: list[str] = []

    @field_validator("name")
    @classmethod
    def no_root(cls, value):
        """Refuse one name."""
        if value == "root":
            raise ValueError("root is no name")
        return value


@dataclass
class Point:
    """A dataclass of pydantic's."""

    x: int


class Files(BaseModel):
    """A form with files, which pydantic has no schema for."""

    name: str
    photo: Any
    pages: list[Any] = []


class Many(BaseModel):
    """A form some of whose fields come several times."""

    ids: Annotated[list[int], Field(min_length=1)] | None = None
    words: Sequence[str] = ()
    name: str = ""


class Photos(BaseModel):
    """A form with files that are told to be files."""

    photo: InstanceOf[Upload]
    pages: list[InstanceOf[Upload]] = []


class Unread(BaseModel):
    """A model with a file that pydantic takes for a model."""

    photo: Upload


class Undefined(BaseModel):
    """A model that names a type which is nowhere."""

    thing: "Nowhere"  # noqa: F821


def one(data: Item): ...
def many(data: list[Item]): ...
def dataclassed(data: Point): ...
def optional(data: Item | None): ...
def limited(items: list[Item] = Body(min_length=1)): ...
def formed(data: Item = Form()): ...
def with_files(data: Files = Form()): ...


def test_a_model_is_a_body():
    """A model, a list of models and a dataclass of pydantic's are made of JSON."""
    assert {"data": Item(name="tea", unitPrice=4.5)} == given(one, json={"name": "tea", "unitPrice": 4.5})
    assert {"data": [Item(name="tea")]} == given(many, json=[{"name": "tea"}])
    assert {"data": Point(5)} == given(dataclassed, json={"x": 5})
    assert {"data": None} == given(optional)


def test_faults_of_a_model_have_the_same_form():
    """pydantic's errors are told with location, message and the same three types, without what the client sent."""
    assert [
        (("body", 0, "name"), "Input should be a valid string", "type"),
        (("body", 0, "quantity"), "Input should be greater than or equal to 1", "value"),
        (("body", 1, "name"), "Field required", "missing"),
        (("body", 1, "quantity"), "Input should be a valid integer, unable to parse string as an integer", "type"),
        (("body", 2, "name"), "Value error, root is no name", "value"),
    ] == faults(many, json=[{"name": 1, "quantity": 0}, {"quantity": "x"}, {"name": "root"}])


def test_limits_of_the_marker_are_for_the_whole_body():
    """A marker's limits are given to pydantic."""
    assert {"items": [Item(name="tea")]} == given(limited, json=[{"name": "tea"}])
    assert [
        (("body",), "List should have at least 1 item after validation, not 0", "value")
    ] == faults(limited, json=[])  # fmt: skip


def test_a_missing_model_is_a_422():
    """An empty body is told as missing."""
    assert [(("body",), "Missing required body", "missing")] == faults(one)


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b'{"name": NaN}',
        b'{"unitPrice": Infinity, "name": ""}',
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"[" * 9999,
        b"[" * 400 + b"]" * 400,
    ],
    ids=["end", "nan", "infinity", "bom", "latin", "endless", "deep"],
)
def test_malformed_json_is_a_400(content):
    """What is no JSON is malformed for models as for Structs."""
    assert 400 == refusal(one, content=content, headers={"content-type": "application/json"}).status


def test_text_may_speak_of_nan():
    """The word NaN is allowed within a string."""
    assert {"data": Item(name="NaN Infinity")} == given(one, json={"name": "NaN Infinity"})


def test_a_wrong_content_type_and_a_compressed_body_are_a_415():
    """A model takes JSON alone, as it is."""
    assert 415 == refusal(one, content=b"{}", headers={"content-type": "text/plain"}).status
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    for content in (b"\x1f\x8b", b"NaN\x1f"):
        assert 415 == refusal(one, content=content, headers=headers).status


def test_a_model_is_a_form():
    """Fields of a form are a model's, by alias; a list takes all of its name."""
    assert {"data": Item(name="tea", unitPrice=4.5, tags=["a"])} == given(
        formed, data={"name": "tea", "unitPrice": "4.5", "tags": "a"}
    )
    assert [
        (("body", "name"), "Field required", "missing"),
        (("body", "quantity"), "Input should be greater than or equal to 1", "value"),
    ] == faults(formed, data={"quantity": "0"})
    assert [(("body", "name"), "Field required", "missing")] == faults(formed)


def test_a_model_may_have_files():
    """Files of a form are given to the model."""
    value = given(
        with_files,
        data={"name": "Ada"},
        files=[("photo", ("me.png", b"PNG")), ("pages", ("1.txt", b"1"))],
    )["data"]
    assert ("Ada", b"PNG", [b"1"]) == (value.name, value.photo.body, [each.body for each in value.pages])


def test_every_kind_of_collection_takes_all_values_of_its_name():
    """A field that is a Sequence, or an optional list with limits, takes all of its name; a str is one value."""

    def function(data: Many = Form()): ...

    assert {"data": Many(ids=[1, 2], words=["a"], name="d")} == given(
        function, data={"ids": ["1", "2"], "words": "a", "name": ["c", "d"]}
    )


def test_a_file_of_a_model_is_an_instance_of_upload():
    """`InstanceOf[Upload]` is a file; Upload alone is refused, with what to write."""

    def function(data: Photos = Form()): ...
    def unread(data: Unread = Form()): ...

    value = given(function, files=[("photo", ("me.png", b"PNG")), ("pages", ("1.txt", b"1"))])["data"]
    assert (b"PNG", [b"1"]) == (value.photo.body, [each.body for each in value.pages])
    with pytest.raises(
        ImproperlyConfigured, match=r"Unread: it has a field for .*; write pydantic\.InstanceOf\[Upload\]"
    ):
        bound(unread)


def test_a_type_that_pydantic_can_not_read_is_refused():
    """What pydantic says about a type is told at construction."""

    def undefined(data: Undefined): ...
    def csv(data: Item = Body(media_type="text/csv")): ...

    with pytest.raises(ImproperlyConfigured, match=r"undefined at shop\.py:7: the body 'data': pydantic can't read"):
        bound(undefined)
    with pytest.raises(ImproperlyConfigured, match="a body of text/csv can be read as bytes or str, and not as Item"):
        bound(csv)


def test_a_model_is_no_query_parameter():
    """A model without a marker, under another name than data, is refused."""

    def function(item: Item): ...

    with pytest.raises(ImproperlyConfigured, match="'item' comes from the query, and pydantic alone reads Item"):
        bound(function)
