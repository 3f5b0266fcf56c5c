from __future__ import annotations

import signal
import sys

import httpx
import pytest

from heaven_testing import ServerDidNotStart, ServerProcess

FILES = [sys.executable, "-u", "-m", "http.server", "{port}", "--bind", "127.0.0.1"]


def test_it_answers_inside_the_block_and_is_gone_after_it(tmp_path):
    """On entry the server answers; on exit it has stopped and nobody listens."""
    (tmp_path / "hello.txt").write_text("hello")
    with ServerProcess(FILES, cwd=tmp_path) as server:
        assert "hello" == httpx.get(f"{server.url}/hello.txt").text
    assert server.process.poll() is not None
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_two_servers_have_two_ports(tmp_path):
    """Each takes a free port of its own."""
    with ServerProcess(FILES, cwd=tmp_path) as one, ServerProcess(FILES, cwd=tmp_path) as two:
        assert one.port != two.port


def test_a_server_that_ends_is_reported_with_what_it_printed():
    """The message has the exit code and the output."""
    with pytest.raises(ServerDidNotStart, match=r"(?s)ended with 3; it printed:.*no such setting"):
        with ServerProcess([sys.executable, "-c", "import sys; print('no such setting'); sys.exit(3)"]):
            pass


def test_a_server_that_never_answers_is_stopped():
    """After the timeout it is reported, and not left behind."""
    server = ServerProcess([sys.executable, "-c", "import time; time.sleep(600)"], timeout=0.3)
    with pytest.raises(ServerDidNotStart, match="gave no answer in 0.3 s"):
        server.__enter__()
    assert -signal.SIGTERM == server.process.returncode


def test_a_server_that_ignores_the_signal_is_killed(tmp_path):
    """A block ends, whatever the server makes of SIGTERM."""
    deaf = (
        "import http.server, signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()"
    )
    with ServerProcess([sys.executable, "-c", deaf, "{port}"], cwd=tmp_path, timeout=5) as server:
        server._timeout = 0.2
    assert -signal.SIGKILL == server.process.returncode


def test_environment_and_output(tmp_path):
    """`env` is added to this process's own, and what was printed can be read during the block and after it."""
    command = [
        sys.executable,
        "-u",
        "-c",
        "import os, runpy, sys; print(os.environ['COLOUR']); runpy.run_module('http.server', run_name='__main__')",
        "{port}",
    ]
    with ServerProcess(command, cwd=tmp_path, env={"COLOUR": "blue"}) as server:
        assert "blue" in server.output
    assert "blue" in server.output


def test_stop_can_be_called_inside_the_block(tmp_path):
    """`stop` returns the exit code, and the end of the block then has nothing left to do."""
    with ServerProcess(FILES, cwd=tmp_path) as server:
        assert -signal.SIGKILL == server.stop(signal.SIGKILL)


def test_there_is_no_process_before_the_block():
    """The message says how a server is started."""
    with pytest.raises(RuntimeError, match="with ServerProcess"):
        ServerProcess(FILES).process
