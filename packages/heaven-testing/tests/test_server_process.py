from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest

from heaven_testing import ServerDidNotStart, ServerProcess
from heaven_testing.servers import ports, server

# The smallest server there is, so that it starts fast.
HELLO = r"""
import socket, sys
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("serving", flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
    connection.close()
"""
SERVE = [sys.executable, "-I", "-S", "-c", HELLO, "{port}"]
WITH_A_CHILD = ["sh", "-c", 'sleep 600 & echo "child $!"; exec "$0" "$@"', *SERVE]


def test_it_answers_inside_the_block_and_is_gone_after_it():
    """On entry the server answers; on exit it has stopped and nobody listens."""
    with ServerProcess(SERVE) as server:
        assert "hello" == httpx.get(server.url).text
        assert server.running
    assert not server.running
    assert server.process.poll() is not None
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_two_servers_have_two_ports():
    """Each takes a free port of its own."""
    with ServerProcess(SERVE) as one, ServerProcess(SERVE) as two:
        assert one.port != two.port
        assert [200, 200] == [httpx.get(each.url).status_code for each in (one, two)]


def test_a_server_that_ends_is_reported_with_what_it_printed():
    """The message has the exit code and the output."""
    with pytest.raises(ServerDidNotStart, match=r"(?s)ended with 3; it printed:.*no such setting"):
        with ServerProcess([sys.executable, "-c", "import sys; print('no such setting'); sys.exit(3)"]):
            pass


def test_a_program_that_is_not_there_is_reported():
    """What can't be started is the system's own error, and leaves nothing behind."""
    with pytest.raises(FileNotFoundError, match="no-such-program"):
        with ServerProcess(["no-such-program"]):
            pass


def test_a_server_that_never_answers_is_stopped():
    """After the timeout it is reported, and not left behind."""
    server = ServerProcess([sys.executable, "-c", "import time; time.sleep(600)"], timeout=0.3)
    with pytest.raises(ServerDidNotStart, match=r"gave no answer in 0.3 s"):
        server.__enter__()
    assert -signal.SIGTERM == server.process.returncode


def test_a_server_that_ignores_the_signal_is_killed():
    """A block ends, whatever the server makes of SIGTERM."""
    deaf = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {HELLO}"
    with ServerProcess([sys.executable, "-c", deaf, "{port}"], timeout=30) as server:
        server._timeout = 0.2
    assert -signal.SIGKILL == server.process.returncode


def test_environment_folder_and_output(tmp_path):
    """It is started in `cwd`, `env` is added to this process's own, and what was printed can be read during the block and after it."""
    shell = ["sh", "-c", 'echo "$COLOUR $HOME $PWD"; exec "$0" "$@"', *SERVE]
    with ServerProcess(shell, cwd=tmp_path, env={"COLOUR": "blue {port}"}) as server:
        assert f"blue {server.port} {os.environ['HOME']} {tmp_path}\n" in server.output
    assert "blue" in server.output


def test_stop_can_be_called_inside_the_block():
    """`stop` returns the exit code, each time, and the end of the block then has nothing left to do."""
    with ServerProcess(SERVE) as server:
        assert [-signal.SIGKILL] * 2 == [server.stop(signal.SIGKILL), server.stop()]
        assert not server.running


def test_an_error_in_the_block_stops_the_server():
    """The block's own error is what is seen, and nothing is left behind."""
    with pytest.raises(ZeroDivisionError), ServerProcess(SERVE) as server:
        1 / 0
    assert not server.running


def test_there_is_no_process_before_the_block():
    """The message says how a server is started."""
    server = ServerProcess(SERVE)
    assert (False, "") == (server.running, server.output)
    for act in (
        lambda: server.process,
        server.stop,
        server.kill,
        server.freeze,
        server.thaw,
        server.terminate,
        server.restart,
        server.heal,
    ):
        with pytest.raises(RuntimeError, match="with ServerProcess"):
            act()


def test_there_is_no_port_before_the_block():
    """Nor an address that would lead to port 0; after the block they are what they were."""
    server = ServerProcess(SERVE)
    for look in (lambda: server.port, lambda: server.url):
        with pytest.raises(RuntimeError, match="this ServerProcess has no port yet: enter the block first"):
            look()
    with server:
        url = server.url
    assert (url, f"http://127.0.0.1:{server.port}") == (server.url, url)


def test_one_server_is_started_once_at_a_time():
    """Entered twice, it is refused and goes on; after the block it can't be restarted, and may be entered again."""
    with ServerProcess(SERVE) as server:
        with pytest.raises(RuntimeError, match="make another one"):
            server.__enter__()
        assert 200 == httpx.get(server.url).status_code
    with pytest.raises(RuntimeError, match="block of this ServerProcess has ended"):
        server.restart()
    with server:
        assert 200 == httpx.get(server.url).status_code


def test_a_killed_server_is_gone_until_it_is_restarted():
    """After `kill` nobody listens; `restart` brings it back on the same port, and what it printed before is kept."""
    with ServerProcess(SERVE) as server:
        port = server.port
        assert [-signal.SIGKILL] * 2 == [server.kill(), server.kill()]
        with pytest.raises(httpx.ConnectError):
            httpx.get(server.url)
        server.restart()
        assert (200, port) == (httpx.get(server.url).status_code, server.port)
        server.restart()  # while it runs
        assert 200 == httpx.get(server.url).status_code
    assert 3 == server.output.count("serving")


def test_a_frozen_server_answers_when_it_is_thawed():
    """While it is frozen a request is not answered, and connections are; afterwards it goes on."""
    with ServerProcess(SERVE) as server:
        for _ in range(2):
            server.freeze()
        assert server.running
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(server.url, timeout=0.2)
        for _ in range(2):
            server.thaw()
        assert 200 == httpx.get(server.url).status_code


@pytest.mark.parametrize("end", ["stop", "kill", "leave"])
def test_a_frozen_server_can_be_ended(end):
    """It is thawed before it is asked to stop, so that it does not need to be killed."""
    with ServerProcess(SERVE) as server:
        server.freeze()
        if end != "leave":
            getattr(server, end)()
    assert (-signal.SIGKILL if end == "kill" else -signal.SIGTERM) == server.process.returncode


# It says when it gets a SIGTERM, ends with 7 at a SIGINT, and with 0 when the file is there.
PATIENT = f"""
import os, pathlib, signal, sys, threading
signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
signal.signal(signal.SIGINT, lambda *_: os._exit(7))
def serve():
    {HELLO.replace(chr(10), chr(10) + "    ")}
threading.Thread(target=serve, daemon=True).start()
while not pathlib.Path(sys.argv[2]).exists():
    threading.Event().wait(0.01)
"""


def test_it_is_asked_to_end_without_waiting(tmp_path):
    """`terminate` returns while it runs, also when it was frozen; it is told once, and `stop` waits for its end."""
    end = tmp_path / "end"
    with ServerProcess([sys.executable, "-c", PATIENT, "{port}", str(end)]) as server:
        server.freeze()
        server.terminate()
        server.terminate()
        wait_for(lambda: "asked" in server.output)
        assert (True, 200) == (server.running, httpx.get(server.url).status_code)
        end.touch()
        assert 0 == server.stop()
        server.terminate()
    assert 1 == server.output.count("asked")


def test_another_signal_is_sent_to_one_that_was_asked():
    """As a second Ctrl-C."""
    with ServerProcess([sys.executable, "-c", PATIENT, "{port}", "/nowhere"]) as server:
        server.terminate()
        wait_for(lambda: "asked" in server.output)
        assert 7 == server.stop(signal.SIGINT)


def test_what_is_down_can_not_be_frozen():
    """A test that waits for a silent server would see one that refuses: it is told. `thaw` has nothing to do."""
    with ServerProcess(SERVE) as server:
        server.stop()
        with pytest.raises(RuntimeError, match=r"has ended, and can't be frozen; restart\(\)"):
            server.freeze()
        server.thaw()


def freeze(server: ServerProcess) -> None:
    server.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: server.process.status() == psutil.STATUS_STOPPED)


def crash(server: ServerProcess) -> None:
    server.process.kill()
    server.process.wait()


@pytest.mark.parametrize(
    "harm", [ServerProcess.terminate, ServerProcess.freeze, ServerProcess.kill, ServerProcess.stop, freeze, crash]
)
def test_heal_undoes_what_a_test_has_done(harm):
    """Frozen, stopped, killed or crashed, by its methods or past them: it answers again, on the same port."""
    with ServerProcess(SERVE) as server:
        url = server.url
        harm(server)
        server.heal()
        assert (200, url) == (httpx.get(server.url).status_code, server.url)


def test_heal_leaves_a_sound_server_alone():
    """It is the same process."""
    with ServerProcess(SERVE) as server:
        before = server.process.pid
        server.heal()
        assert before == server.process.pid


@pytest.mark.parametrize("end", [ServerProcess.stop, ServerProcess.kill])
@pytest.mark.parametrize("orphaned", [False, True])
def test_its_children_end_with_it(end, orphaned):
    """What the server has started ends as well, even if the server itself was killed past these methods."""
    with ServerProcess(WITH_A_CHILD) as server:
        child = int(server.output.split("child ")[1].split()[0])
        if orphaned:
            crash(server)
        assert lives(child)  # the control: the end of the server alone does not end it
        end(server)
        assert not lives(child)


def test_children_stand_still_with_it():
    """Workers are frozen and thawed as their server is."""
    with ServerProcess(WITH_A_CHILD) as server:
        (child,) = server.process.children()
        server.freeze()
        wait_for(lambda: child.status() == psutil.STATUS_STOPPED)
        server.thaw()
        wait_for(lambda: child.status() != psutil.STATUS_STOPPED)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody has."""
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        yield somebody.getsockname()[1]


def test_a_port_that_somebody_took_is_replaced_by_another(monkeypatch, taken):
    """Who loses the race for a free port tries another one."""
    choices = [ports.free_port(), taken]
    monkeypatch.setattr(server, "free_port", choices.pop)
    with ServerProcess(SERVE) as started:
        assert ("hello", []) == (httpx.get(started.url).text, choices)
    assert "Address already in use" in started.output


def test_the_race_for_a_port_has_an_end(monkeypatch, taken):
    """After some attempts it is reported; a server that ends for another reason is so at once."""
    tried: list[int] = []
    monkeypatch.setattr(server, "free_port", lambda: tried.append(taken) or taken)
    with pytest.raises(ServerDidNotStart, match="Address already in use"), ServerProcess(SERVE):
        pass
    assert server.ATTEMPTS == len(tried)

    tried.clear()
    monkeypatch.setattr(server, "free_port", lambda: tried.append(0) or ports.free_port())
    with pytest.raises(ServerDidNotStart, match="ended with 1"), ServerProcess(["false"]):
        pass
    assert 1 == len(tried)


def test_a_free_port_is_not_one_of_those_for_outgoing_connections(monkeypatch):
    """It is taken by nobody, and no client's connection can take it while a server is down."""
    assert ports.free_port() in range(20_000, 30_000)
    with socket.create_server(("127.0.0.1", ports.free_port())) as somebody:
        taken = somebody.getsockname()[1]
        assert not ports.is_free(taken)
        monkeypatch.setattr(ports, "PORTS", range(taken, taken + 1))
        with pytest.raises(RuntimeError, match=f"every port of 127.0.0.1 from {taken} to {taken} is taken"):
            ports.free_port()
    assert taken == ports.free_port()


def test_a_port_that_nobody_may_use_is_an_error(monkeypatch):
    """Only a port that is taken is a matter of bad luck."""
    with pytest.raises(OSError, match="assign requested address"):
        monkeypatch.setattr(ports, "LOOPBACK", "192.0.2.1")
        ports.is_free(20_000)


def lives(number: int) -> bool:
    """Whether a process has not ended; its parent may not have noticed."""
    return psutil.pid_exists(number) and psutil.Process(number).status() != psutil.STATUS_ZOMBIE


def wait_for(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
