"""Gateways: the paths, names and levels of what they mount, and what they refuse."""

from __future__ import annotations

import inspect

import pytest

from heaven import WebSocket
from heaven_contrib.routing import (
    APIView,
    Gateway,
    ImproperlyConfigured,
    WebhookGateway,
    WebSocketGateway,
    delete,
    get,
    post,
    websocket,
)


@get("/{key:int}")
async def read_user(key: int): ...


@post(name="new", operation_id="createUser", tags=["writing"])
async def create_user(data: dict): ...


@websocket("/live", name="live")
async def live(socket: WebSocket): ...


class UserView(APIView):
    path = "/users"
    tags = ["users"]

    @get("/")
    async def list_all(self): ...

    @get("/{key:int}", name="one", operation_id="readUser")
    async def read(self, key: int): ...

    @websocket("/live")
    async def watch(self, socket: WebSocket): ...


class SocketView(APIView):
    @websocket("/live")
    async def watch(self, socket: WebSocket): ...


def refusal(declare) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        declare()
    return str(caught.value)


@pytest.mark.parametrize(
    ("path", "joined"),
    [
        (None, "/:key:int"),
        ("/", "/:key:int"),
        ("/users", "/users/:key:int"),
        ("//shops/<shop>/users/", "/shops/:shop/users/:key:int"),
    ],
)
def test_the_path_is_in_front_of_the_handlers(path, joined):
    """A Gateway without one adds nothing."""
    (leaf,) = Gateway(path, handler=read_user).leaves()
    assert joined == leaf.path


def test_the_path_of_a_view_is_between():
    """Gateway, view and handler are joined in this order; the root of all three is the Gateway's own path."""
    leaves = Gateway("/api", handler=UserView).leaves()
    assert ["/api/users", "/api/users/:key:int", "/api/users/live"] == [leaf.path for leaf in leaves]
    assert "" == Gateway(handler=get()(lambda: None)).leaves()[0].path


def test_the_levels_of_a_leaf_are_those_on_its_way():
    """Gateway, view and handler, each with what it said; those of one Gateway are one and the same object."""
    gateway = Gateway("/api", handler=UserView, tags=["api"])
    leaves = gateway.leaves()
    assert [("gateway", "view", "handler")] * 3 == [tuple(level.kind for level in leaf.levels) for leaf in leaves]
    assert [("api",), ("users",), ()] == [level.tags for level in leaves[0].levels]
    assert all(leaf.levels[0] is gateway.level for leaf in leaves)
    assert {UserView} == {leaf.view for leaf in leaves}
    (leaf,) = Gateway(handler=create_user).leaves()
    assert ["gateway", "handler"] == [level.kind for level in leaf.levels]
    assert leaf.view is None
    assert leaf.handler is create_user


@pytest.mark.parametrize(
    ("given", "handler", "name", "explicit"),
    [
        ({}, read_user, "read_user", False),
        ({}, create_user, "new", True),
        ({"name": "user"}, read_user, "user", True),
        ({"name": "user"}, create_user, "user", True),
    ],
    ids=["function", "handler", "gateway", "both"],
)
def test_the_name_is_the_gateways_then_the_handlers_then_the_functions(given, handler, name, explicit):
    """Only the last was not chosen by anybody."""
    (leaf,) = Gateway(handler=handler, **given).leaves()
    assert (name, explicit) == (leaf.name, leaf.explicit_name)


def test_the_handlers_of_a_view_have_names_of_their_own():
    """They stand behind that of the Gateway, where it has one."""
    assert [("list_all", False), ("one", True), ("watch", False)] == [
        (leaf.name, leaf.explicit_name) for leaf in Gateway(handler=UserView).leaves()
    ]
    assert [("users:list_all", True), ("users:one", True), ("users:watch", True)] == [
        (leaf.name, leaf.explicit_name) for leaf in Gateway(handler=UserView, name="users").leaves()
    ]


def test_the_operation_id_is_the_gateways_then_the_handlers():
    """The handlers of a view have their name behind it, so that each is there once."""
    assert ["createUser"] == [leaf.operation_id for leaf in Gateway(handler=create_user).leaves()]
    assert ["new_user"] == [
        leaf.operation_id for leaf in Gateway(handler=create_user, operation_id="new_user").leaves()
    ]
    assert [None, "readUser", None] == [leaf.operation_id for leaf in Gateway(handler=UserView).leaves()]
    assert ["users_list_all", "users_one", "users_watch"] == [
        leaf.operation_id for leaf in Gateway(handler=UserView, operation_id="users").leaves()
    ]


def test_a_gateway_says_where_it_was_written():
    """Its leaves and its level say so as well."""
    gateway = Gateway("/users", handler=read_user)
    place = f"{__file__}:{inspect.currentframe().f_lineno - 1}"
    assert place == gateway.place == gateway.level.place == gateway.leaves()[0].place
    assert "Gateway /users" == gateway.level.label
    assert repr(gateway).startswith(f"<Gateway /users at {place}: <@get {__name__}.read_user at ")


@pytest.mark.parametrize(
    "declared",
    [
        Gateway("/users", handler=read_user),
        WebSocketGateway("/users", handler=live),
        WebhookGateway("user-created", handler=create_user),
        Gateway("/users", handler=read_user).leaves()[0],
    ],
    ids=["Gateway", "WebSocketGateway", "WebhookGateway", "Leaf"],
)
def test_a_gateway_never_changes(declared):
    """What was declared stays, and nothing can be hung on it."""
    with pytest.raises(AttributeError, match="stays as it was declared"):
        declared.name = "other"
    with pytest.raises(AttributeError, match="stays as it was declared"):
        del declared.name
    with pytest.raises(AttributeError):
        declared.parent = object()


def test_one_handler_can_stand_in_many_gateways():
    """Each has its own leaf, and the handler is as it was."""
    leaves = [Gateway(path, handler=read_user, name=path).leaves()[0] for path in ("/users", "/people")]
    assert ["/users/:key:int", "/people/:key:int"] == [leaf.path for leaf in leaves]
    assert ["/users", "/people"] == [leaf.name for leaf in leaves]
    assert read_user.name is None
    assert "/:key:int" == read_user.path


def test_a_websocket_gateway_mounts_websockets():
    """A handler, or a view that has no others."""
    (leaf,) = WebSocketGateway("/rooms", handler=live).leaves()
    assert ("/rooms/live", "live") == (leaf.path, leaf.name)
    (leaf,) = WebSocketGateway("/rooms", handler=SocketView, name="rooms", tags=["rooms"]).leaves()
    assert ("/rooms/live", "rooms:watch", ("rooms",)) == (leaf.path, leaf.name, leaf.levels[0].tags)


async def plain(): ...


@pytest.mark.parametrize("kind", [Gateway, WebSocketGateway, WebhookGateway])
@pytest.mark.parametrize(
    ("handler", "why"),
    [
        (plain, f"got {__name__}.plain ("),
        (None, "got None"),
        ("users.read", "got 'users.read'"),
        (UserView(), "UserView"),
        (int, "got builtins.int"),
    ],
    ids=["function", "None", "str", "instance", "class"],
)
def test_what_is_no_handler_is_refused(kind, handler, why):
    """The message names it and says what would be accepted."""
    message = refusal(lambda: kind(handler=handler))
    assert message.startswith(f"{kind.__name__} at {__file__}:")
    assert why in message
    assert "give " in message


def test_a_view_is_given_as_its_class():
    """There is an instance for each mount, and nobody else has one."""
    assert "got an instance of UserView; give the class: handler=UserView" in refusal(
        lambda: Gateway(handler=UserView())
    )


def test_websockets_and_requests_have_gateways_of_their_own():
    """The message says which one to use."""
    assert "a WebSocket; give it to a WebSocketGateway" in refusal(lambda: Gateway("/live", handler=live))
    assert "which is for HTTP; give it to a Gateway" in refusal(lambda: WebSocketGateway("/x", handler=read_user))
    assert "UserView.list_all" in refusal(lambda: WebSocketGateway("/users", handler=UserView))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"path": 7}, "got the path 7"),
        ({"path": "/{key:int}"}, "the name 'key' is used twice"),
        ({"path": "/{rest:path}"}, "so nothing can follow it"),
        ({"name": ""}, "got name=''; give a str that is not empty"),
        ({"operation_id": 7}, "got operation_id=7; give a str that is not empty"),
        ({"tags": "users"}, "got tags='users'"),
        ({"permission": []}, "got permission; it takes dependencies"),
        ({"dependencies": {"key": lambda: 7}}, "has 'key' in its path '/:key:int' and as a dependency of Gateway / at"),
    ],
    ids=lambda value: next(iter(value.items())).__repr__().partition("<")[0] if isinstance(value, dict) else "",
)
def test_parameters_that_cannot_work_are_refused(given, why):
    """The message has the Gateway and its line."""
    message = refusal(lambda: Gateway(handler=read_user, **given))
    assert message.startswith("Gateway")
    assert f" at {__file__}:" in message
    assert why in message


def test_names_of_paths_and_dependencies_are_compared_on_all_levels():
    """The Gateway's path and the handler's dependency are one route's."""
    handler = get(dependencies={"shop": lambda: 7})(plain)
    message = refusal(lambda: Gateway("/{shop}", handler=handler))
    assert f"has 'shop' in its path '/:shop' and as a dependency of @get {__name__}.plain" in message


def test_a_body_that_was_not_known_yet_is_refused_by_the_gateway():
    """By then the class that the annotation names is there."""

    @delete()
    async def remove() -> Removed: ...  # noqa: F821

    globals()["Removed"] = dict
    try:
        assert "a 204 has no body" in refusal(lambda: Gateway(handler=remove))
    finally:
        del globals()["Removed"]


def test_a_webhook_gateway_documents_a_handler():
    """The name is its own, the handler's or the function's; it says what documentation needs."""
    webhook = WebhookGateway("user-created", handler=create_user, tags=["hooks"], security=["key"], deprecated=True)
    assert ("user-created", "createUser") == (webhook.name, webhook.operation_id)
    assert (("hooks",), True, True) == (webhook.level.tags, webhook.level.deprecated, webhook.level.include_in_schema)
    assert "new" == WebhookGateway(handler=create_user).name
    assert "read_user" == WebhookGateway(handler=read_user).name
    assert "other" == WebhookGateway(handler=create_user, operation_id="other").operation_id
    assert not WebhookGateway(handler=read_user, include_in_schema=False).level.include_in_schema
    assert repr(webhook).startswith(f"<WebhookGateway user-created at {__file__}:")


def test_a_webhook_is_no_websocket_and_no_view():
    """It is one call."""
    for handler in (live, UserView):
        message = refusal(lambda handler=handler: WebhookGateway(handler=handler))
        assert "give a function that is decorated with @post()" in message
