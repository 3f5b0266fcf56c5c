"""How dependencies are declared and asked for, as the type checkers see it. Never executed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import Annotated, assert_type

from heaven_contrib.routing import Factory, Gateway, Inject, Injects, Router, get


class Database:
    def __init__(self, url: str = "") -> None:
        self.url = url


async def connect() -> Database:
    return Database()


async def session(db: Database = Injects()) -> AsyncGenerator[Database]:
    yield db


def lock() -> Iterator[None]:
    yield


Declared = Annotated[Database, Injects()]


@get("/", dependencies={"session": session, "lock": Inject(lock)})
async def read(
    db: Declared, session: Database = Injects(), limit: int = Injects(100), lock: None = Injects()
) -> dict[str, str]:
    assert_type(db, Database)
    assert_type(session, Database)
    assert_type(limit, int)
    return {"url": session.url}


app = Router(
    routes=[Gateway(handler=read)],
    dependencies={
        "db": Inject(connect, use_cache=True),
        "other": Inject(Database, sync_to_thread=True),
        "third": Factory(Database, "mysql://"),
        "fourth": Inject(Factory("shop.Database", url="mysql://")),
        "fifth": Inject(partial(Database, "sqlite://"), True),
    },
)

assert_type(Inject(connect).use_cache, bool)
Inject(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
Factory(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
