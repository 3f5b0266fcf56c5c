"""The store: what an application keeps across requests."""

from __future__ import annotations

import doctest

import pytest

from driver import request
from heaven import App, Context, Key
from heaven.declaring import store
from heaven.declaring.store import Store


def test_what_is_kept_is_found_until_it_is_unkept() -> None:
    """`keep` puts a value under a name, `peek` looks at it, `unkeep` gives it back and forgets it."""
    kept = Store()
    kept.keep("db", 1)
    kept.keep("db", 2)
    assert 2 == kept.peek("db")
    assert 2 == kept.unkeep("db")
    assert kept.peek("db") is None
    assert "default" == kept.peek("db", "default")


def test_a_key_and_its_name_find_the_same_value() -> None:
    """`Key("db")` stands for the name "db", and two keys of one name are equal."""
    db: Key[int] = Key("db")
    kept = Store()
    kept.keep(db, 3)
    assert 3 == kept.peek("db")
    assert 3 == kept.peek(Key("db"))
    assert db in kept
    assert "db" in kept
    assert "other" not in kept
    assert 5 not in kept
    assert Key("db") == db
    assert {db} == {Key("db"), db}
    assert db != "db"
    assert "Key('db')" == repr(db)


def test_unkeeping_what_is_not_there_names_what_comes_near() -> None:
    """A KeyError says what was asked for and which names come near it, or all of them where none does."""
    kept = Store()
    with pytest.raises(KeyError, match="nothing is kept as 'db'; known: nothing"):
        kept.unkeep("db")
    kept.keep("database", 1)
    with pytest.raises(KeyError, match="nothing is kept as 'databse'; did you mean 'database'\\?"):
        kept.unkeep("databse")
    with pytest.raises(KeyError, match="nothing is kept as 'x'; known: database"):
        kept.unkeep(Key("x"))


def test_what_is_no_name_is_refused() -> None:
    """A key that is neither a str nor a Key is a TypeError that says what a key is."""
    for call in (Store().peek, Store().unkeep, Context().peek, lambda key: Store().keep(key, 1)):
        with pytest.raises(TypeError, match="what is kept has a name, a str or a Key, and 5 is neither"):
            call(5)  # type: ignore[operator]


def test_a_store_shows_its_names_and_never_its_values() -> None:
    """Values may be secrets, so the repr has the names alone."""
    kept = Store()
    assert "<Store empty>" == repr(kept)
    kept.keep("password", "hunter2")
    kept.keep("db", 1)
    assert "<Store password, db>" == repr(kept)
    assert (2, ["password", "db"]) == (len(kept), list(kept))


async def test_an_application_keeps_across_requests() -> None:
    """`app.keep`, `app.peek` and `app.unkeep` reach one store from everywhere, `req.app` among it."""
    app = App()
    count: Key[int] = Key("count")
    app.keep(count, 0)

    async def counted(req, res, ctx):
        req.app.keep(count, req.app.peek(count, 0) + 1)
        return {"count": req.app.peek("count")}

    app.GET("/", counted)
    await request(app)
    assert {"count": 2} == (await request(app)).json
    assert 2 == app.unkeep(count)
    assert app.peek(count) is None


def test_the_examples_of_the_module_run() -> None:
    """Every example in its docstrings gives what it says."""
    assert 0 == doctest.testmod(store).failed


def test_unkeep_gives_the_default_where_nothing_is_kept() -> None:
    """A shutdown after half a start needs no question whether something is there; None is a default too."""
    store = Store()
    store.keep("there", None)

    assert (None, 7, None) == (store.unkeep("there", 5), store.unkeep("absent", 7), store.unkeep("absent", None))
