from __future__ import annotations

import asyncio
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven import App, HTTPError
from heaven_contrib.routing.errors import ImproperlyConfigured, PermissionDenied
from heaven_contrib.routing.levels.permissions import BasePermission, checked_permissions, compile_permissions
from heaven_testing import Client, make_request

PLACE = "Gateway /orders at shop.py:9"
DEFAULT = "You do not have permission to perform this action."


class Yes(BasePermission):
    message = "Yes refused."

    def has_permission(self, request, apiview):
        return True


class No(BasePermission):
    message = "No refused."

    def has_permission(self, request, apiview):
        return False


class LateYes(BasePermission):
    message = "LateYes refused."

    async def has_permission(self, request, apiview):
        await asyncio.sleep(0)
        return True


class LateNo(BasePermission):
    message = "LateNo refused."

    async def has_permission(self, request, apiview):
        await asyncio.sleep(0)
        return False


class Raises(BasePermission):
    def has_permission(self, request, apiview):
        raise PermissionDenied("Raises refused.")


class Role(BasePermission):
    message = "This is not your role."

    def __init__(self, role):
        self.role = role

    def has_permission(self, request, apiview):
        return request.headers.get("x-role") == self.role


async def asked(check, req):
    """Hold a request to what was compiled; what allows at once gives nothing to wait for."""
    waiting = check and check(req)
    if waiting is not None:
        await waiting


async def refusal(*permissions, view=None, **request):
    """What a request is refused with, None where it goes on."""
    req = make_request("GET", "/orders", **request)
    try:
        await asked(compile_permissions(checked_permissions(permissions, PLACE), view), req)
    except PermissionDenied as error:
        return error.detail
    return None


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        ((), None),
        ((Yes, LateYes), None),
        ((Yes, No, LateNo), "No refused."),
        ((LateNo, No), "LateNo refused."),
        ((Yes, Raises), "Raises refused."),
        ((Yes & LateYes,), None),
        ((Yes & LateNo & No,), "LateNo refused."),
        ((No | LateYes,), None),
        ((LateNo | No,), "LateNo refused."),
        ((Raises | Yes,), None),
        ((Raises | No,), "Raises refused."),
        ((~No,), None),
        ((~Raises,), None),
        ((~Yes,), DEFAULT),
        ((~~No,), DEFAULT),
        ((~(No & Yes) & (No | Yes),), None),
        (((No | (LateYes & LateNo)),), "No refused."),
        ((Yes() & No(),), "No refused."),
        ((No() | LateYes,), None),
        ((~LateYes(),), DEFAULT),
        ((Role("admin") | Role("owner"),), None),
        ((Role("admin"),), "This is not your role."),
    ],
    ids=lambda value: (
        repr([getattr(each, "__name__", None) or repr(each) for each in value]) if isinstance(value, tuple) else ""
    ),
)
async def test_all_have_to_allow(permissions, expected):
    """The first that refuses says why; of a composition it is what refused in it."""
    assert expected == await refusal(*permissions, headers={"x-role": "owner"})


@st.composite
def _trees(draw):
    """A composition with the answer it has to come to."""

    def leaf():
        allows, asynchronous, made = draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
        kind = {(True, False): Yes, (False, False): No, (True, True): LateYes, (False, True): LateNo}[
            allows, asynchronous
        ]
        return (kind() if made else kind), allows

    tree, answer = leaf()
    for operator in draw(st.lists(st.sampled_from("&|~"), max_size=8)):
        if operator == "~":
            tree, answer = ~tree, not answer
            continue
        (other, also), swapped = leaf(), draw(st.booleans())
        left, right = (other, tree) if swapped else (tree, other)
        tree, answer = (left & right, answer and also) if operator == "&" else (left | right, answer or also)
    return tree, answer


@given(_trees())
def test_compositions_are_logic(tree):
    """However permissions are composed, sync or async, classes or instances, what comes out is what logic says."""
    permission, allowed = tree
    assert allowed == (asyncio.run(refusal(permission)) is None)


async def test_the_rest_is_not_asked():
    """After a refusal, or what already decides a composition, nobody is asked any more."""
    asked = []

    class Asked(BasePermission):
        def has_permission(self, request, apiview):
            asked.append(request)
            return True

    assert "No refused." == await refusal(No, Asked)
    assert "No refused." == await refusal(No & Asked)
    assert None is await refusal(Yes | Asked)
    assert [] == asked


@pytest.mark.parametrize("answer", [1, "ada", ["read"]], ids=["number", "str", "list"])
async def test_what_is_true_allows(answer):
    """An answer counts for its truth."""

    class Answers(BasePermission):
        def has_permission(self, request, apiview):
            return answer

    assert None is await refusal(Answers)
    assert None is await refusal(Answers | No)


@pytest.mark.parametrize("answer", [None, 0, ""], ids=["None", "0", "empty"])
async def test_what_is_not_true_refuses(answer):
    """Nothing is no permission."""

    class Answers(BasePermission):
        def has_permission(self, request, apiview):
            return answer

    assert DEFAULT == await refusal(Answers)
    assert DEFAULT == await refusal(Answers & Yes)


async def test_a_coroutine_is_not_taken_for_a_yes():
    """A sync method that hands back a coroutine has said nothing until that is awaited."""

    class Hands(BasePermission):
        def has_permission(self, request, apiview):
            return LateNo().has_permission(request, apiview)

    assert DEFAULT == await refusal(Hands)
    assert DEFAULT == await refusal(Hands | Hands)


async def test_permissions_get_the_request_and_the_view():
    """They decide by the request, and by the view whose handler it is for."""

    class Asks(BasePermission):
        def has_permission(self, request, apiview):
            return request.path == "/orders" and apiview == "view"

    assert None is await refusal(Asks, view="view")
    assert DEFAULT == await refusal(Asks)


async def test_other_errors_pass():
    """A permission may say 401, or fail; no composition takes that for a refusal."""

    class Unknown(BasePermission):
        def has_permission(self, request, apiview):
            raise HTTPError(401, "Who are you?")

    for permission in (Unknown, Unknown | Yes, ~Unknown):
        with pytest.raises(HTTPError, match="401 Unauthorized: Who are you"):
            await refusal(permission)


async def test_instances_are_made_once_and_given_ones_are_kept():
    """A class is made an instance of when the route is compiled, not for each request; no instance is replaced."""
    made = []

    class Made(BasePermission):
        def __init__(self):
            made.append(self)

        def has_permission(self, request, apiview):
            return self in made

    given = Made()
    check = compile_permissions(checked_permissions([Made, Yes & Made, ~(~Made), given], PLACE), None)
    assert 4 == len(made)
    for _ in range(3):
        await asked(check, make_request("GET", "/"))
    assert 4 == len(made)


async def test_the_client_is_told_the_message():
    """A refusal is a 403 problem whose detail is the message."""
    check = compile_permissions((Role("admin") & Yes,), None)

    async def guard(req, res, ctx):
        await asked(check, req)

    app = App()
    app.BEFORE("/orders", guard)
    app.GET("/orders", lambda req, res, ctx: {})
    async with Client(app) as client:
        refused = await client.get("/orders")
        allowed = await client.get("/orders", headers={"x-role": "admin"})
    assert (403, "application/problem+json") == (refused.status_code, refused.headers["content-type"])
    assert "This is not your role." == refused.json()["detail"]
    assert 200 == allowed.status_code


def test_nothing_to_ask_costs_nothing():
    """Without permissions there is no check."""
    assert compile_permissions((), None) is None


def test_compositions_show_how_they_were_written():
    """A representation reads like the declaration."""
    assert "((Yes & ~No) | LateYes)" == repr((Yes & ~No) | LateYes)
    assert "~(Yes | Role)" == repr(~(Yes | Role("admin")))


def test_annotations_may_have_a_permission_or_none():
    """With what is no permission, `|` is the union that type hints are made of."""

    def serve(permission: Yes | None, other: Yes | int) -> None: ...

    hints = get_type_hints(serve, localns={"Yes": Yes})
    assert (Yes, type(None)) == hints["permission"].__args__
    assert (Yes, int) == hints["other"].__args__


@pytest.mark.parametrize("compose", [lambda: Yes & 1, lambda: Yes() & 1, lambda: Yes() | 1], ids=["class", "and", "or"])
def test_only_permissions_are_composed(compose):
    """What is no permission is refused by the operator."""
    with pytest.raises(TypeError, match="unsupported operand"):
        compose()


class Bare(BasePermission):
    pass


class NoArguments(BasePermission):
    def has_permission(self):
        return True


class NoMethod(BasePermission):
    has_permission = True


GIVE = "; give classes of BasePermission, instances of them, or compositions such as IsAdmin | ~IsGuest"


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (Yes, f"got permissions={__name__}.Yes; give a list, as in [IsAdmin]"),
        ("Yes", "got permissions='Yes'; give a list, as in [IsAdmin]"),
        ([42], f"got the permission 42{GIVE}"),
        (["Yes"], f"got the permission 'Yes'{GIVE}"),
        ([object], f"got the permission builtins.object{GIVE}"),
        ([Yes | int], f"got the permission {Yes | int!r}{GIVE}"),
        ([BasePermission], "got the permission heaven_contrib.routing.levels.permissions.BasePermission, which lacks has_permission"),
        ([Bare], f"got the permission {__name__}.Bare, which lacks has_permission; give a class that has it"),
        ([Yes & (Bare | No)], f"got the permission {__name__}.Bare, which lacks has_permission"),
        ([Role], f"got the permission {__name__}.Role, which needs arguments; give an instance, as in Role(...)"),
        ([NoArguments], f"got the permission {__name__}.NoArguments; its has_permission is called with (request, apiview)"),
        ([NoArguments()], "got the permission NoArguments; its has_permission is called with (request, apiview)"),
        ([NoMethod], f"got the permission {__name__}.NoMethod; its has_permission is called with (request, apiview)"),
    ],
    ids=["one", "name", "number", "str", "class", "union", "base", "abstract", "inside", "arguments", "shape", "instance", "value"],
)  # fmt: skip
def test_what_is_no_permission_is_refused(value, complaint):
    """The message names what was passed, where, and what would be accepted."""
    with pytest.raises(ImproperlyConfigured) as refused:
        checked_permissions(value, PLACE)
    assert str(refused.value).startswith(f"{PLACE} {complaint}")


async def test_methods_of_every_kind_are_accepted():
    """A static or class method answers as well."""

    class Static(BasePermission):
        @staticmethod
        def has_permission(request, apiview):
            return request.path == "/orders"

    class OfClass(BasePermission):
        @classmethod
        async def has_permission(cls, request, apiview):
            return request.path == "/orders"

    assert None is await refusal(Static, OfClass, Static(), Static & OfClass)
