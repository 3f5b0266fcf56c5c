from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from heaven_testing.errors import ServerDidNotStart, ServerFailed, ServerMissing
from heaven_testing.servers import live as module
from heaven_testing.servers import ports, runner, server
from heaven_testing.servers.live import LiveServer

pytest.importorskip("uvicorn")

HERE = Path(__file__).parent


def get(server: LiveServer, path: str = "") -> str:
    with urlopen(f"{server.url}/{path}", timeout=30) as answer:
        return answer.read().decode()


@pytest.fixture(scope="module")
def live() -> Iterator[LiveServer]:
    """One for the tests that leave it as it was."""
    options = {"root_path": "/shop", "log_level": "debug"}
    with LiveServer("live_apps:app", env={"ADDRESS": "<{url}>"}, options=options, cwd=HERE.parent) as server:
        yield server


def test_it_serves_the_application_on_a_free_port(live):
    """At its address, with its options and environment, in its folder, by the same kind of interpreter."""
    assert f"http://127.0.0.1:{live.port}" == live.url
    assert f"<{live.url}>" == get(live, "address")
    assert "/shop" == get(live, "root")
    assert str(HERE.parent) == get(live, "cwd")
    assert str(sys.flags.optimize) == get(live, "optimize")
    assert str(live.process.pid) == get(live, "pid")


def test_what_it_prints_can_be_read_at_once(live):
    """Its log and what the application prints."""
    get(live, "print")
    assert "printed by the application\n" in live.output
    assert "Application startup complete" in live.output


def test_it_shuts_down_in_order_with_zero():
    """SIGTERM: the application's shutdown is complete, and the exit code says so; so does SIGINT."""
    for number in (signal.SIGTERM, signal.SIGINT):
        with LiveServer("live_apps:factory()") as server:
            assert ("hello", "http") == (get(server, "hello"), get(server, "scheme"))
            assert [0, 0] == [server.stop(number), server.stop()]
        assert "made\n" in server.output
        assert "Application shutdown complete" in server.output
        with pytest.raises(URLError, match="refused"):
            get(server)


def test_it_is_killed_and_restarted():
    """While it is down connections are refused, although this process has made its socket; then it is back."""
    with LiveServer("live_apps:app") as server:
        url, first = server.url, get(server, "pid")
        assert -signal.SIGKILL == server.kill()
        with pytest.raises(URLError, match="refused"):
            get(server)
        assert -signal.SIGKILL == server.stop()  # it was told to end like that
        server.heal()
        second = get(server, "pid")
        server.restart()
        assert (url, 3) == (server.url, len({first, second, get(server, "pid")}))
    assert (3, 2) == tuple(server.output.count(f"Application {end} complete") for end in ("startup", "shutdown"))


def test_one_that_does_not_start_is_reported():
    """With the exit code and what it printed."""
    with pytest.raises(
        ServerDidNotStart, match="(?s)^live_apps:refusing ended with 3; it printed:.*there is no database"
    ):
        LiveServer("live_apps:refusing").__enter__()
    with pytest.raises(
        ServerDidNotStart, match=r'(?s)live_apps:nothing ended with [13]; .*"nothing" not found in module'
    ):
        LiveServer("live_apps:nothing").__enter__()


def test_an_application_without_lifespan_is_served():
    """Nobody can ask it to complete what it does not know."""
    with LiveServer("live_apps:bare") as server:
        assert "bare" == get(server)
    assert 0 == server.process.returncode


def test_a_shutdown_that_fails_is_reported():
    """uvicorn ends with 0 then; its log says it."""
    with pytest.raises(
        ServerFailed, match="(?s)live_apps:failing did not complete its shutdown; .*could not be written"
    ):
        with LiveServer("live_apps:failing") as server:
            pass
    assert (0, False) == (server.process.returncode, server.running)


def test_a_shutdown_that_hangs_is_reported():
    """It is killed after the timeout."""
    with pytest.raises(ServerFailed, match="(?s)live_apps:deaf ended with -9; it printed:.*Waiting for application"):
        with LiveServer("live_apps:deaf") as server:
            server.terminate()
            deadline = time.monotonic() + 30
            while "Waiting for application shutdown" not in server.output and time.monotonic() < deadline:
                time.sleep(0.01)
            server._timeout = 0.2


def test_a_traceback_is_reported_unless_it_is_expected():
    """An error in the application is not lost in a log that nobody reads."""
    for tracebacks in (True, False):
        server = LiveServer("live_apps:app", tracebacks=tracebacks).__enter__()
        with pytest.raises(HTTPError, match="500"):
            get(server, "raise")
        if tracebacks:
            server.__exit__(None, None, None)
        else:
            with pytest.raises(ServerFailed, match="(?s)left a traceback in its log; .*ZeroDivisionError"):
                server.__exit__(None, None, None)


def test_a_crash_is_reported():
    """It ended before it was asked to; the error of the test itself comes first."""
    with pytest.raises(ServerFailed, match="ended with 9 before it was asked to"):
        with LiveServer("live_apps:app") as server:
            with pytest.raises((OSError, URLError)):
                get(server, "crash")
            server.process.wait(30)
    with pytest.raises(ZeroDivisionError), server:
        server.process.kill()
        1 / 0


def test_a_crash_is_reported_by_what_mends_it():
    """`heal` starts it again and is not silent; one that was killed by the test is started without a word."""
    with LiveServer("live_apps:app") as server:
        server.process.send_signal(signal.SIGSEGV)
        server.process.wait(30)
        with pytest.raises(ServerFailed, match="(?s)live_apps:app ended with -11 before it was asked to; .*startup"):
            server.heal()
        assert "hello" == get(server, "hello")
        server.kill()
        server.heal()
        assert "hello" == get(server, "hello")


def test_one_that_was_asked_to_end_has_not_crashed():
    """Its end is awaited by `stop`, `heal` or the block's; one that had crashed before it was asked has."""
    with LiveServer("live_apps:app") as server:
        server.terminate()
        server.process.wait(30)
        assert 0 == server.stop()
        server.restart()
        first = get(server, "pid")
        server.terminate()
        server.heal()
        assert first != get(server, "pid")
        server.terminate()
    assert 3 == server.output.count("Application shutdown complete")
    with pytest.raises(ServerFailed, match="ended with -11 before it was asked to"), server:
        server.process.send_signal(signal.SIGSEGV)
        server.process.wait(30)
        server.terminate()


def test_a_bad_end_that_was_asked_for_is_reported():
    """`terminate` does not wait for it; what comes next tells of it, once."""
    with LiveServer("live_apps:failing") as server:
        server.terminate()
        with pytest.raises(ServerFailed, match="live_apps:failing did not complete its shutdown"):
            server.heal()
        server.terminate()
        with pytest.raises(ServerFailed, match="live_apps:failing did not complete its shutdown"):
            server.stop()


def test_what_can_not_be_served_is_refused():
    """An application itself can't go to another process, and some options are decided here."""
    with pytest.raises(
        TypeError, match=r"another process can't be handed <.*name it, as in LiveServer\('module:app'\)"
    ):
        LiveServer(object())
    with pytest.raises(ValueError, match="LiveServer decides port, workers: leave it out of options="):
        LiveServer("live_apps:app", options={"workers": 2, "port": 80, "ws": "none"})


def test_without_uvicorn_it_says_what_to_install(monkeypatch):
    """uvicorn is an extra."""
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "uvicorn" else name)
    with pytest.raises(ServerMissing, match=r"^uvicorn is not installed: pip install heaven-testing\[live\]$"):
        LiveServer("live_apps:app").__enter__()


def test_its_address_says_whether_it_is_encrypted():
    """With a certificate it is https."""
    server = LiveServer("live_apps:app", options={"ssl_certfile": "cert.pem"})
    with pytest.raises(RuntimeError, match="this LiveServer has no port yet: enter the block first, `with LiveServer"):
        server.url  # noqa: B018
    server._port = 8443
    assert "https://127.0.0.1:8443" == server.url


def test_a_port_that_somebody_took_is_replaced_by_another(monkeypatch):
    """Its socket is made here, and the race may be lost here."""
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        choices = [ports.free_port(), somebody.getsockname()[1]]
        monkeypatch.setattr(server, "free_port", choices.pop)
        with LiveServer("live_apps:app") as live:
            assert "hello" == get(live, "hello")
        monkeypatch.setattr(module, "LOOPBACK", "192.0.2.1")
        monkeypatch.setattr(server, "free_port", ports.free_port)
        with pytest.raises(OSError, match="assign requested address"):
            LiveServer("live_apps:app").__enter__()


@pytest.fixture
def signals() -> Iterator[None]:
    """The signal handlers of the tests, put back."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def given(target: str, listener: socket.socket, ready: int, path: list[str]) -> str:
    options = {"ws": "none", "log_config": None}
    values = {"target": target, "listener": listener.fileno(), "ready": ready, "path": path, "options": options}
    return json.dumps(values)


@pytest.mark.parametrize("from_argv", [True, False])
def test_the_runner_serves_until_the_signal(monkeypatch, signals, tmp_path, from_argv):
    """In this process: it says when it serves, ends without an error, and imports from the folders it is told."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/hello"
    reading, ready = os.pipe()
    argument = given("live_apps:factory()", listener, ready, [str(HERE), str(tmp_path)])
    seen: list[bytes] = []

    def use_it() -> None:
        seen.append(os.read(reading, 2))
        if seen == [b"1"]:
            with urlopen(url, timeout=30) as answer:
                seen.append(answer.read())
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=use_it)
    thread.start()
    listener.detach()
    if from_argv:
        monkeypatch.setattr(sys, "argv", ["runner", argument])
        runner.main()
    else:
        runner.main([argument])
    thread.join()
    os.close(reading)
    assert [b"1", b"hello"] == seen
    assert str(tmp_path) == sys.path[-1]


def test_the_runner_of_an_application_that_does_not_start_ends_with_3(monkeypatch, signals):
    """Whether uvicorn exits itself, as it does today, or returns, as it did before; nothing is said to be ready."""
    for startup in (runner.uvicorn.Server.startup, returning):
        monkeypatch.setattr(runner.uvicorn.Server, "startup", startup)
        listener = socket.create_server(("127.0.0.1", 0))
        reading, ready = os.pipe()
        argument = given("live_apps:refusing", listener, ready, [])
        listener.detach()
        with pytest.raises(SystemExit) as ended:
            runner.main([argument])
        assert (runner.DID_NOT_START, b"") == (ended.value.code, os.read(reading, 1))
        os.close(reading)


async def returning(server, sockets=None):
    """As uvicorn's until 2025."""
    await server.lifespan.startup()
    server.should_exit = True
