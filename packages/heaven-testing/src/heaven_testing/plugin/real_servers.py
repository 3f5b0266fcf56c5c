"""The servers of a test run: started with the first test that asks, mended after each test, stopped at the end."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, TypeVar

import pytest

# What is imported inside a fixture is loaded by the runs that use it, and by no others.
if TYPE_CHECKING:
    from heaven_testing.servers.live import LiveServer
    from heaven_testing.servers.mysql import MySQLServer
    from heaven_testing.servers.redis import RedisServer
    from heaven_testing.servers.toxic import ToxicProxy

Server = TypeVar("Server")

MENDING = pytest.StashKey[list[Callable[[], object]]]()
"""The `heal` of each server that runs."""


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """A private Redis: `url`, `stop()`, `kill()`, `freeze()`, `thaw()`, `restart()`; mended after each test."""
    from heaven_testing.servers.redis import RedisServer

    with _started(RedisServer, request.config) as server, _mended(server.heal, request.config):
        yield server


@pytest.fixture(scope="session")
def mysql_server(request: pytest.FixtureRequest) -> Iterator[MySQLServer]:
    """A private MariaDB or MySQL, as `redis_server` is a Redis, with `execute(sql)`; its database is `test`."""
    from heaven_testing.servers.mysql import MySQLServer

    with _started(MySQLServer, request.config) as server, _mended(server.heal, request.config):
        yield server


@pytest.fixture(scope="session")
def live_server(request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """The application of `--heaven-app` under uvicorn, in a process of its own: `url`; it has to exit with 0.

    It is mended after each test; one that has ended by itself fails the test.
    """
    from heaven_testing.plugin.loading import app_name
    from heaven_testing.servers.live import LiveServer

    config = request.config
    target = app_name(config, "or start LiveServer('module:app') yourself: another process has no fixture `app`")
    # What a test makes fail on purpose leaves tracebacks in the log; how the server ends is checked all the same.
    live = LiveServer(target, cwd=config.rootpath, tracebacks=True)
    with _started(lambda: live, config) as server, _mended(server.heal, config):
        yield server


@pytest.fixture
def toxic() -> Iterator[Callable[[str], ToxicProxy]]:
    """`toxic(url)` gives a proxy in front of a server, that delays, cuts, resets and throttles until the test ends."""
    from heaven_testing.servers.toxic import ToxicProxy

    with ExitStack() as proxies:
        yield lambda url: proxies.enter_context(ToxicProxy(url))


@contextmanager
def _started(make: Callable[[], AbstractContextManager[Server]], config: pytest.Config) -> Generator[Server]:
    """Live while the server does; without its program the tests are skipped, or fail where servers are required."""
    from heaven_testing.errors import ServerMissing

    with ExitStack() as running:
        try:
            server = running.enter_context(make())
        except ServerMissing as missing:
            if config.getoption("heaven_require_servers") or config.getini("heaven_require_servers"):
                raise pytest.fail.Exception(f"{missing} (--heaven-require-servers)", pytrace=False) from None
            raise pytest.skip.Exception(str(missing)) from None
        yield server


@contextmanager
def _mended(heal: Callable[[], object], config: pytest.Config) -> Generator[None]:
    """Have the server mended after each test, as long as this lives."""
    mending = config.stash.setdefault(MENDING, [])
    mending.append(heal)
    yield
    mending.remove(heal)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Mend what the test did to the servers: before its fixtures end, since an application that stops talks to them."""
    heals = item.config.stash.setdefault(MENDING, [])
    try:
        with ExitStack() as mending:  # which calls the last one first; an application needs what was there before it
            for heal in reversed(heals):
                mending.callback(heal)
    finally:  # the fixtures end, whatever became of the servers
        result = yield
    return result
