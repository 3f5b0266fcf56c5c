"""Declared handlers keep the type of their function, as the type checkers see it. Never executed."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, assert_type

from heaven import WebSocket
from heaven_contrib.routing import (
    APIView,
    BasePermission,
    Gateway,
    HandlerDeclaration,
    Host,
    Include,
    Router,
    WebhookGateway,
    WebSocketGateway,
    get,
    post,
    route,
    websocket,
)


@dataclass
class User:
    name: str


class IsOwner(BasePermission):
    message = "Only the owner may see this."


@get("/{number:int}", tags=["users"], status_code=200, permissions=[IsOwner])
async def read_user(number: int, verbose: bool = False) -> User:
    return User("Ada" * number)


@post(dependencies={"clock": lambda: 0}, response_class=None)
def create_user(data: User) -> User:
    return data


@route(methods=["PUT", "PATCH"])
async def change_user(number: int, data: User) -> None: ...


@websocket("/rooms/{room}")
async def chat(socket: WebSocket, room: str) -> None:
    await socket.accept()


class UserView(APIView):
    path = "/users"
    tags = ("users",)
    permissions = (IsOwner,)

    @get("/{number:int}")
    async def read(self, number: int) -> User:
        return User("Ada" * number)


async def call_as_functions() -> None:
    assert_type(await read_user(7, verbose=True), User)
    assert_type(create_user(User("Ada")), User)
    await change_user(number=7, data=User("Ada"))
    assert_type(await UserView().read(7), User)
    await read_user("7")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    create_user()  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def declare() -> None:
    gateway = Gateway("/users", handler=read_user, name="user", permissions=[IsOwner], deprecated=True)
    assert_type(gateway.leaves()[0].handler, HandlerDeclaration[..., Any])
    Include(
        "/api",
        routes=[
            gateway,
            create_user,
            UserView,
            Gateway(handler=UserView),
            WebSocketGateway("/ws", handler=chat),
            WebhookGateway("user-created", handler=create_user),
            Include("/v1", namespace="shop.urls", pattern="urls"),
            Host("{tenant}.shop.test", routes=[read_user]),
        ],
        include_in_schema=False,
    )
    Gateway("/users", handler=read_user, permission=[IsOwner])  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]
    Gateway("/users", handler=lambda: None)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Router(routes=[gateway, create_user, UserView, Router()], permissions=[IsOwner, ~IsOwner, IsOwner & IsOwner])
    Router(routes=[print])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    Router().add_route("/users", print)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    Include("/api", routes=[gateway], permissions=[int])  # type: ignore[list-item] # pyright: ignore[reportArgumentType]
    get(path="/", dependencies={"clock": 0})  # type: ignore[dict-item] # pyright: ignore[reportArgumentType]
    get(path="/", status="200")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


def coroutine() -> Coroutine[Any, Any, User]:
    return read_user(7)
