"""View classes: which of their methods are routes, what they say as a level, and what they can't be."""

from __future__ import annotations

import abc
import inspect
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from heaven import WebSocket
from heaven_contrib.routing import APIView, BasePermission, Gateway, ImproperlyConfigured, get, post, websocket
from heaven_contrib.routing.declarations.views import viewed

T = TypeVar("T")


class IsUser(BasePermission):
    """Lets everybody in."""

    def has_permission(self, request, apiview):
        return True


class IsOwner(IsUser):
    """Lets everybody in, too."""


class Listing:
    """A mixin that knows nothing of views."""

    @get("/")
    async def list_all(self): ...


class UserView(APIView):
    """Users."""

    path = "/users/{shop}"
    tags = ["users"]
    permissions = [IsUser]
    dependencies = {"clock": lambda: 0}
    deprecated = True

    @get("/{key:int}")
    async def read(self, shop: str, key: int):
        """Read one."""

    @post("/", name="new")
    async def create(self, shop: str, data: dict): ...

    @websocket("/watch")
    async def watch(self, socket: WebSocket, shop: str): ...

    async def no_route(self): ...


def names(view) -> list[str]:
    return [each.function_name for each in viewed(view).handlers]


def refusal(declare) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        declare()
    return str(caught.value)


def test_decorated_methods_are_handlers():
    """They stand in the order they were written; other methods are none."""
    assert ["read", "create", "watch"] == names(UserView)
    assert "/users/:shop" == viewed(UserView).path


def test_attributes_are_a_level():
    """What the class says holds for all of its handlers."""
    level = viewed(UserView).level
    assert "view" == level.kind
    assert ("users",) == level.tags
    assert ["clock"] == list(level.dependencies)
    assert 1 == len(level.permissions)
    assert level.deprecated
    assert level.include_in_schema


def test_a_view_says_where_it_was_written():
    """The place is that of the class."""
    line = inspect.currentframe().f_lineno + 2

    class Here(APIView):
        @get()
        async def read(self): ...

    assert f"{__file__}:{line}" == viewed(Here).level.place
    assert "APIView test_a_view_says_where_it_was_written.<locals>.Here" == viewed(Here).level.label


def test_handlers_are_inherited():
    """From views and from mixins, the bases' first; what is overridden is what the subclass made of it."""

    class AdminView(Listing, UserView):
        path = "/admins"

        @get("/{key:int}/secret")
        async def read(self, key: int): ...

        @get("/audit")
        async def audit(self): ...

    assert {"read", "create", "watch", "list_all", "audit"} == set(names(AdminView))
    assert "/:key:int/secret" in [each.path for each in viewed(AdminView).handlers]
    assert ["read", "create", "watch"] == names(UserView)


def test_a_method_that_is_overridden_by_something_else_is_a_route_no_more():
    """A plain method, or None, takes it away."""

    class ReadOnly(UserView):
        create = None

        async def watch(self, socket): ...

    assert ["read"] == names(ReadOnly)


def test_the_order_of_bases_decides():
    """Of two bases that have a handler of one name, the first has its way."""

    class First(APIView):
        @get("/first")
        async def read(self): ...

    class Second(APIView):
        @get("/second")
        async def read(self): ...

    class Both(First, Second):
        pass

    assert ["/first"] == [each.path for each in viewed(Both).handlers]


def test_attributes_are_inherited_and_replaced():
    """All but permissions, which are added to those of the bases, each once."""

    class OwnerView(UserView):
        tags = ["owners"]
        permissions = [IsOwner, IsUser]
        deprecated = None

    level = viewed(OwnerView).level
    assert ("owners",) == level.tags
    assert ["clock"] == list(level.dependencies)
    assert not level.deprecated
    assert 2 == len(level.permissions)
    assert viewed(UserView).level.permissions[0] == level.permissions[0]


def test_generic_views_can_be_written():
    """A view is a class like any other."""

    class Reading(APIView, Generic[T]):
        @get("/{key:int}")
        async def read(self, key: int) -> Any: ...

    class Users(Reading[dict]):
        path = "/users"

    assert ["read"] == names(Users)
    assert "/users/:key:int" == Gateway(handler=Users).leaves()[0].path


def test_a_view_keeps_what_its_bases_do_with_subclasses():
    """`__init_subclass__` of others runs, with its options."""
    seen = []

    class Registered:
        def __init_subclass__(cls, *, kind: str, **options: Any) -> None:
            super().__init_subclass__(**options)
            seen.append(kind)

    class View(APIView, Registered, kind="users"):
        @get()
        async def read(self): ...

    assert ["users"] == seen
    assert ["read"] == names(View)


@pytest.mark.parametrize(
    ("attributes", "why"),
    [
        ({"path": 7}, "got the path 7"),
        ({"path": "/{key"}, "got the path '/{key'"),
        ({"tags": "users"}, "got tags='users'"),
        ({"permissions": IsUser}, "IsUser; give a list, as in [IsAdmin]"),
        ({"permissions": [print]}, "print"),
        ({"interceptors": [print]}, "print"),
        ({"read": staticmethod(get()(lambda: None))}, "has 'read' as a staticmethod; handlers of a view are methods"),
        ({"read": classmethod(get()(lambda cls: None))}, "has 'read' as a classmethod"),
    ],
    ids=["path", "braces", "tags", "permission", "permissions", "interceptors", "staticmethod", "classmethod"],
)
def test_a_view_that_cannot_work_is_refused_when_it_is_written(attributes, why):
    """The message has the name of the class and the line it begins in."""
    message = refusal(lambda: type("Broken", (APIView,), attributes))
    assert message.startswith(f"APIView Broken at {__file__}:")
    assert why in message


def test_a_view_without_handlers_is_refused_when_it_is_mounted():
    """As a base for others it is fine."""

    class Base(APIView):
        path = "/users"

    class Users(Base):
        @get()
        async def read(self): ...

    assert ["read"] == names(Users)
    for view in (APIView, Base):
        assert "has no handlers; write a subclass and decorate its methods" in refusal(lambda view=view: viewed(view))


class NeedsArguments(APIView):
    """Can't be made without a service."""

    def __init__(self, service: object) -> None:
        self.service = service

    @get()
    async def read(self): ...


class Abstract(APIView, abc.ABC):
    """Can't be made at all."""

    kept: ClassVar[int] = 0

    @get()
    async def read(self): ...

    @abc.abstractmethod
    def load(self): ...


@pytest.mark.parametrize("view", [NeedsArguments, Abstract])
def test_a_view_that_cannot_be_made_is_refused_when_it_is_mounted(view):
    """There is one instance for each mount, which is made without arguments."""
    message = refusal(lambda: Gateway(handler=view))
    assert f"APIView {view.__name__} at {__file__}:" in message
    assert "can't be made without arguments; give what it needs by dependencies" in message
