from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from heaven_testing import RedisServer, SentinelServer
from heaven_testing.errors import ServerMissing


@pytest.fixture(params=["", "open sesame"])
def master(request):
    """With and without a password."""
    password = request.param.replace(" ", "-")
    try:
        options = ("--repl-diskless-sync-delay", "0", *(("--masterauth", password) if password else ()))
        server = RedisServer(password=password, options=options)
        with server:
            yield server
    except ServerMissing as missing:
        pytest.skip(str(missing))


def replica_of(master: RedisServer) -> RedisServer:
    options = ["--replicaof", "127.0.0.1", str(master.port)]
    if master.password:
        options += ["--masterauth", master.password]
    return RedisServer(password=master.password, options=options)


def until(happened: Callable[[], bool]) -> None:
    """Wait until it has; Sentinel disconnects the clients of whom it makes a master or a replica."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(ConnectionError):
            if happened():
                return
        time.sleep(0.02)
    pytest.fail("it did not happen")


def test_a_replica_takes_the_place_of_a_master_that_was_killed(master):
    """Sentinel finds the replica by itself, and makes it the master when the master has gone."""
    with replica_of(master) as replica, SentinelServer(master, service="shop") as sentinel:
        until(lambda: "master_link_status:up" in (replica.execute("INFO", "replication") or ""))
        until(lambda: "slaves=1" in (sentinel.execute("INFO", "sentinel") or ""))
        master.execute("SET", "key", "value")
        until(lambda: replica.execute("GET", "key") == "value")
        master.kill()
        until(lambda: "role:master" in (replica.execute("INFO", "replication") or ""))

        until(lambda: replica.execute("SET", "key", "other") == "OK")
        until(lambda: f"address=127.0.0.1:{replica.port}" in (sentinel.execute("INFO", "sentinel") or ""))


def test_a_machine_that_stood_still_is_no_end_of_the_master(master):
    """Where Sentinel had no turn itself it judges nobody by that time, and is back in a moment."""
    with replica_of(master) as replica, SentinelServer(master) as sentinel:
        until(lambda: "master_link_status:up" in (replica.execute("INFO", "replication") or ""))
        until(lambda: "slaves=1" in (sentinel.execute("INFO", "sentinel") or ""))
        sentinel.freeze()
        master.freeze()
        time.sleep(0.6)
        master.thaw()
        sentinel.thaw()
        until(lambda: re.search("tilt:[1-9]", sentinel.execute("INFO", "sentinel") or "") is not None)
        until(lambda: "sentinel_tilt:0" in (sentinel.execute("INFO", "sentinel") or ""))

        assert f"status=ok,address=127.0.0.1:{master.port}" in (sentinel.execute("INFO", "sentinel") or "")
        assert "role:slave" in (replica.execute("INFO", "replication") or "")


def test_its_url_has_the_masters_password(master):
    """Clients get from the URL where Sentinel is, what the service is called, and how they log in at the master."""
    with SentinelServer(master, service="shop") as sentinel:
        user = f":{master.password}@" if master.password else ""

        assert f"redis+sentinel://{user}127.0.0.1:{sentinel.port}/shop/0" == sentinel.url


def test_it_remembers_after_a_restart(master):
    """Stopped and started again, it watches the same master on the same port."""
    with SentinelServer(master) as sentinel:
        port = sentinel.port
        sentinel.restart()

        assert port == sentinel.port
        assert f"address=127.0.0.1:{master.port}" in (sentinel.execute("INFO", "sentinel") or "")


def test_a_master_that_does_not_run_is_refused():
    """What it watches has to be there first, and the message says so."""
    with pytest.raises(RuntimeError, match="has no port yet: enter the block first"):
        SentinelServer(RedisServer()).__enter__()
