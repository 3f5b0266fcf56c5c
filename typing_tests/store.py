"""What is kept, and how it is found again, as the type checkers see it. Never executed."""

from __future__ import annotations

from typing import Any, assert_type

from heaven import App, Context, Key


class Database:
    url: str = ""


DB: Key[Database] = Key("db")
RETRIES = Key[int]("retries")


def application(app: App) -> None:
    app.keep(DB, Database())
    app.keep("greeting", "Hello")
    app.keep(RETRIES, "three")  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]

    assert_type(app.peek(DB), Database | None)
    assert_type(app.peek(DB, Database()), Database)
    assert_type(app.peek(RETRIES, "none"), int | str)
    assert_type(app.peek(RETRIES, None), int | None)
    assert_type(app.peek("greeting"), Any)
    assert_type(app.peek("greeting", "Hi"), Any)

    assert_type(app.unkeep(DB), Database)
    assert_type(app.unkeep(DB, None), Database | None)
    assert_type(app.unkeep(RETRIES, 0), int)
    assert_type(app.unkeep("greeting"), Any)
    assert_type(app.unkeep("greeting", None), Any)

    assert_type(DB.name, str)
    assert_type(DB, Key[Database])
    assert_type(RETRIES, Key[int])
    assert_type(DB in app.store, bool)
    assert_type(list(app.store), list[str])
    assert_type(len(app.store), int)


def context(ctx: Context) -> None:
    ctx.keep(RETRIES, 3)
    ctx.keep("user", "ada")
    ctx.keep(DB, 3)  # type: ignore[misc]  # pyright: ignore[reportArgumentType, reportCallIssue]

    assert_type(ctx.peek(RETRIES), int | None)
    assert_type(ctx.peek(RETRIES, 0), int)
    assert_type(ctx.peek("user", "nobody"), Any)
    assert_type(ctx.unkeep(RETRIES), int)
    assert_type(ctx.unkeep(RETRIES, None), int | None)
    assert_type(ctx.unkeep("user"), Any)

    assert_type(ctx.user, Any)
    name: str = ctx.user
    ctx.greeting = f"Hello, {name}"
