from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heaven.errors import RegistrationError
from heaven_contrib.sql.urls import Secret, parse


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///app.db", "app.db"),
        ("sqlite:////var/lib/app.db", "/var/lib/app.db"),
        ("sqlite:///a%20b.db?busy_timeout=0.5", "a b.db"),
        ("sqlite://:memory:", ":memory:"),
        ("sqlite:///:memory:", ":memory:"),
    ],
)
def test_sqlite_urls_name_a_file(url, path):
    """Three slashes and a path, relative or absolute; or memory."""
    assert ("sqlite", path) == (parse(url).scheme, parse(url).path)


def test_mysql_urls_name_everything():
    """User, password, host, port, database and options."""
    settings = parse("mysql://shop:p%40ss%2F@db.test:3307/orders?driver=asyncmy&pool_size=3&timeout=1.5&ssl=verify")
    assert ("shop", "p@ss/", "db.test", 3307, "orders") == (
        settings.user,
        settings.password.reveal(),
        settings.host,
        settings.port,
        settings.database,
    )
    assert ("asyncmy", 3, 1.5, "verify") == (settings.driver, settings.pool_size, settings.timeout, settings.ssl)
    assert (3306, "::1", "mysql://[::1]:3306/d") == (
        parse("mysql://h/d").port,
        parse("mysql://[::1]/d").host,
        parse("mysql://[::1]/d").safe_url,
    )


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (7, "a str, not int"),
        ("app.db", "no scheme"),
        ("postgres://h/d", "postgres://..."),
        ("sqlite://app.db", "three slashes"),
        ("sqlite://", "three slashes"),
        ("sqlite:///", "three slashes"),
        ("mysql://h", "one database"),
        ("mysql:///d", "names a host"),
        ("mysql://h/a/b", "one database"),
        ("mysql://h:port/d", "host and port"),
        ("mysql://h:70000/d", "host and port"),
        ("mysql://[h/d", "host and port"),
        ("mysql://h/d#x", "%23"),
        ("mysql://h/d?poolsize=3", "did you mean 'pool_size'"),
        ("mysql://h/d?x=3", "there are pool_size"),
        ("mysql://h/d?busy_timeout=3", "which mysql does not have"),
        ("sqlite:///a?driver=asyncmy", "which sqlite does not have"),
        ("mysql://h/d?pool_size=0", "a whole number, above 0, not '0'"),
        ("mysql://h/d?pool_size=1.5", "a whole number"),
        ("mysql://h/d?pool_size=1_0", "a whole number"),
        ("mysql://h/d?pool_size=", "a whole number"),
        ("mysql://h/d?timeout=nan", "a number of seconds"),
        ("mysql://h/d?timeout=inf", "a number of seconds"),
        ("mysql://h/d?check_after=-1", "0 or more"),
        ("mysql://h/d?driver=pymysql", "aiomysql or asyncmy"),
        ("mysql://h/d?ssl=maybe", "off or verify"),
        ("mysql://h/d?ssl_ca=x.pem", "ssl=verify is missing"),
        ("mysql://h/d?charset=", "is empty"),
        ("mysql://h/d?timeout=1&timeout=2", "twice"),
    ],
)
def test_what_is_wrong_is_refused_by_name(url, words):
    """At construction, with what to write instead."""
    with pytest.raises(RegistrationError, match=words.replace("?", r"\?")):
        parse(url)


CANARY = "open-sesame-4711"


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://u:{CANARY}@h/d",
        f"mysql://u:12/{CANARY}@h/d",
        f"mysql://u:#{CANARY}@h/d",
        f"mysql://u:[{CANARY}@h/d",
        f"mysql://u:?{CANARY}@h/d",
        f"mysql://u:{CANARY}@h/d?x=1",
        f"mysql://u:{CANARY}@h:x/d",
        f"mysqlx://u:{CANARY}@h/d",
    ],
)
def test_a_password_is_shown_nowhere(url):
    """Neither in a repr nor in the error for a URL that is wrong, also where the password is what is wrong."""
    try:
        shown = f"{parse(url)!r} {parse(url).safe_url}"
    except RegistrationError as error:
        shown = f"{error} {error!r} {error.__context__!r}" if not error.__suppress_context__ else f"{error!r}"
    assert CANARY not in shown


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_password_can_be_written(password):
    """Percent-encoded, every text is a password."""
    assert password == parse(f"mysql://u:{quote(password, safe='')}@h/d").password.reveal()


def test_secrets_are_compared_by_value():
    """Settings with the same password are equal, and can be in sets."""
    assert 1 == len({Secret("a"), Secret("a")})
    assert Secret("a") != Secret("b")
    assert parse("mysql://u:p@h/d") == parse("mysql://u:p@h/d")


@pytest.mark.parametrize("scheme", ["mariadb", "mysql+aiomysql", "postgresql"])
def test_another_kind_of_url_is_told_what_to_write(scheme):
    """Whoever comes from another library learns the way here, and the password is not repeated."""
    with pytest.raises(RegistrationError) as caught:
        parse(f"{scheme}://ada:canary@db.test/shop")
    told = str(caught.value)
    assert f"this one has {scheme}://...; MariaDB's is mysql://, a driver is an option" in told
    assert "canary" not in told
